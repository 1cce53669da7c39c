//! Runs the approved command: its output goes through as it comes, and a bounded copy of it stays.

use std::future::Future;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, Command};

use super::capture::{Capture, Captured};
use super::plan::Runnable;
use crate::cli::client::TOKEN_VARIABLE;
use crate::cli::progress::Progress;
use crate::cli::signals::{End, Signals};
use crate::config::ADMIN_TOKEN_VARIABLE;

/// How long an ended command's output may be silent without being closed: something that it left behind still holds it.
const SILENCE: Duration = Duration::from_secs(2);

/// How a command ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// The exit code, as a shell would give it.
    pub(super) code: u8,
    /// What it printed.
    pub(super) output: Captured,
}

/// A command that could not be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot start {program}: {source}")]
pub(super) struct NotStarted {
    program: String,
    source: io::Error,
}

impl NotStarted {
    /// The exit code, as a shell would give it.
    pub(super) fn code(&self) -> u8 {
        if self.source.kind() == io::ErrorKind::NotFound { 127 } else { 126 }
    }
}

/// Variables that hold tokens of the hub.
const TOKENS: [&str; 2] = [TOKEN_VARIABLE, ADMIN_TOKEN_VARIABLE];

/// A command, not started. It gets everything that this process has, but for the hub's tokens: what a command prints is kept by
/// the hub, and what it does was approved for its own rights.
fn command(run: &Runnable) -> Command {
    let mut command = Command::new(&run.program);
    command.args(&run.arguments);
    for variable in TOKENS {
        command.env_remove(variable);
    }
    command
}

/// Starts a command.
pub(super) fn start(run: &Runnable) -> Result<Child, NotStarted> {
    let stdin = if run.stdin.is_some() { Stdio::piped() } else { Stdio::inherit() };
    command(run)
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(false)
        .spawn()
        .map_err(|source| NotStarted { program: run.program.clone(), source })
}

/// Stays with a started command to its end. `meanwhile` runs beside it.
pub(super) async fn attend(
    mut child: Child,
    stdin: Option<String>,
    (out, err): (impl AsyncWrite + Unpin, impl AsyncWrite + Unpin),
    meanwhile: impl Future<Output = ()>,
    signals: &mut Signals,
    progress: &Progress,
) -> io::Result<Ended> {
    let copy = Mutex::new(Copy::default());
    let (from_out, from_err, to_in) = (child.stdout.take(), child.stderr.take(), child.stdin.take());
    let streams = async {
        tokio::join!(
            pass_on(from_out, out, &copy, |_| {}),
            pass_on(from_err, err, &copy, |bytes| progress.overhear(bytes)),
            feed(to_in, stdin),
        )
    };
    tokio::pin!(streams, meanwhile);
    let (mut passed, mut beside) = (false, false);
    let status = loop {
        tokio::select! {
            ended = child.wait() => break ended?,
            _ = &mut streams, if !passed => passed = true,
            () = &mut meanwhile, if !beside => beside = true,
            end = signals.next() => forward(end, &child),
        }
    };
    if !passed {
        drain(streams, &copy, signals, progress).await;
    }
    let output = std::mem::take(&mut locked(&copy).kept).finish();
    Ok(Ended { code: exit_code(status), output })
}

/// As shells do: a command that a signal ended has 128 and the signal's number.
fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code & 0xff).ok()).unwrap_or(u8::MAX)
}

/// Ctrl-C has reached the child already; what was sent to this process alone has not.
fn forward(end: End, child: &Child) {
    let pid = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    let signal = match end {
        End::Interrupt => return,
        End::Terminate => Signal::TERM,
        End::HangUp => Signal::HUP,
    };
    if let Some(pid) = pid {
        // Nothing to do when it has just ended.
        let _ended = kill_process(pid, signal);
    }
}

/// What passes through.
#[derive(Default)]
struct Copy {
    kept: Capture,
    /// How many streams wait for whoever reads ours.
    held_up: usize,
}

fn locked(copy: &Mutex<Copy>) -> std::sync::MutexGuard<'_, Copy> {
    copy.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Passes on what a child prints. When whoever reads ours has gone away, the child's end is closed too, so that the child learns of
/// it as it would without us.
async fn pass_on(
    from: Option<impl AsyncRead + Unpin>,
    mut to: impl AsyncWrite + Unpin,
    copy: &Mutex<Copy>,
    heard: impl Fn(&[u8]),
) {
    let Some(mut from) = from else { return };
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut buffer).await.unwrap_or(0);
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else { return };
        {
            let mut copy = locked(copy);
            copy.kept.take(bytes);
            copy.held_up += 1;
        }
        heard(bytes);
        let written = async {
            to.write_all(bytes).await?;
            to.flush().await
        };
        let written: io::Result<()> = written.await;
        locked(copy).held_up -= 1;
        if written.is_err() {
            return;
        }
    }
}

/// Gives the child its script. One that does not read it all is no failure of ours.
async fn feed(to: Option<ChildStdin>, text: Option<String>) {
    if let (Some(mut to), Some(text)) = (to, text) {
        let _closed = to.write_all(text.as_bytes()).await;
    }
}

/// The command has ended, but its output is not closed: passes on what still comes, and stops when nothing does. A signal makes it
/// impatient, no more: the one that ended the command may be heard here only now, and what the command said last still counts.
async fn drain<T>(
    mut streams: std::pin::Pin<&mut impl Future<Output = T>>,
    copy: &Mutex<Copy>,
    signals: &mut Signals,
    progress: &Progress,
) {
    let mut silence = SILENCE;
    loop {
        let before = locked(copy).kept.total();
        tokio::select! {
            _ = &mut streams => return,
            _ = signals.next() => {
                silence = SILENCE / 20;
                continue;
            }
            () = tokio::time::sleep(silence) => {}
        }
        let copy = locked(copy);
        if copy.kept.total() == before && (copy.held_up == 0 || silence < SILENCE) {
            let text = "the command left something behind that holds its output; what that prints from now on is lost";
            return progress.tell("left_behind", serde_json::Value::Null, text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::progress::tests::kept;
    use super::*;

    fn run(script: &str, stdin: Option<&str>) -> Runnable {
        let arguments = vec!["-c".to_owned(), script.to_owned()];
        Runnable { program: "sh".to_owned(), arguments, stdin: stdin.map(str::to_owned) }
    }

    async fn ended(run: &Runnable) -> (u8, String, Vec<u8>, Vec<u8>) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let (progress, _) = kept(false);
        let mut signals = Signals::listen().unwrap();
        let child = start(run).unwrap();
        let idle = std::future::pending();
        let ended =
            attend(child, run.stdin.clone(), (&mut out, &mut err), idle, &mut signals, &progress).await.unwrap();
        (ended.code, ended.output.text, out, err)
    }

    #[tokio::test]
    async fn output_goes_through_and_stays() {
        let (code, text, out, err) = ended(&run("echo out; sleep 0.2; echo err >&2; exit 7", None)).await;
        assert_eq!((code, text.as_str()), (7, "out\nerr\n"));
        assert_eq!((&out[..], &err[..]), (&b"out\n"[..], &b"err\n"[..]));
    }

    #[tokio::test]
    async fn exit_codes_are_those_of_a_shell() {
        assert_eq!(ended(&run("kill -KILL $$", None)).await.0, 137);
        assert_eq!(ended(&run("exit 255", None)).await.0, 255);
        let missing = Runnable { program: "/nowhere/at-all".to_owned(), arguments: Vec::new(), stdin: None };
        assert_eq!(start(&missing).unwrap_err().code(), 127);
        assert_eq!(start(&Runnable { program: "/etc/passwd".to_owned(), ..missing }).unwrap_err().code(), 126);
        assert_eq!(
            start(&Runnable { program: String::new(), arguments: Vec::new(), stdin: None }).unwrap_err().code(),
            127
        );
    }

    #[tokio::test]
    async fn a_script_is_read_from_standard_input() {
        let (code, text, ..) = ended(&run("tr a-z A-Z", Some("select 1;"))).await;
        assert_eq!((code, text.as_str()), (0, "SELECT 1;"));
        // A command that does not read it ends all the same.
        let long = "x".repeat(60_000);
        assert_eq!(ended(&run("exit 3", Some(&long))).await.0, 3);
    }

    #[tokio::test]
    async fn what_a_command_leaves_behind_is_not_waited_for() {
        let begun = tokio::time::Instant::now();
        let (code, text, ..) = ended(&run("sleep 20 & echo done", None)).await;
        assert_eq!((code, text.as_str()), (0, "done\n"));
        assert!(begun.elapsed() < Duration::from_secs(15));
    }

    #[test]
    fn the_tokens_stay_here() {
        let command = command(&run("env", None));
        let removed: Vec<_> =
            command.as_std().get_envs().filter(|(_, value)| value.is_none()).map(|(name, _)| name.to_owned()).collect();
        for variable in TOKENS {
            assert!(removed.iter().any(|name| name == variable), "{variable}");
        }
    }
}
