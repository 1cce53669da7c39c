//! Runs the approved command: passes its output through at once, and keeps a bounded copy.

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
use crate::cli::signals::{EndSignal, Signals};
use crate::cli::workload::ID_TOKEN_VARIABLE;
use crate::config::ADMIN_TOKEN_VARIABLE;

/// How long to wait for more output after the command ended, when a process that it left behind keeps the pipe open.
const SILENCE: Duration = Duration::from_secs(2);

/// How a command ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// As a shell reports it: 128+n when signal n ended the command.
    pub(super) code: u8,
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
    /// The exit code, as a shell reports it: 127 when the program was not found, otherwise 126.
    pub(super) fn code(&self) -> u8 {
        if self.source.kind() == io::ErrorKind::NotFound { 127 } else { 126 }
    }
}

/// Variables that hold tokens of the hub, or what is exchanged for one.
const TOKENS: [&str; 3] = [TOKEN_VARIABLE, ID_TOKEN_VARIABLE, ADMIN_TOKEN_VARIABLE];

/// A command, not started. It inherits this process's environment without the hub's tokens: the hub keeps the command's
/// output, which could contain them, and the approval does not cover calls to the hub.
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

/// Forwards streams and signals of a started command until it ends. `meanwhile` runs concurrently.
pub(super) async fn supervise(
    mut child: Child,
    stdin: Option<String>,
    (out, err): (impl AsyncWrite + Unpin, impl AsyncWrite + Unpin),
    meanwhile: impl Future<Output = ()>,
    signals: &mut Signals,
    progress: &Progress,
) -> io::Result<Ended> {
    let state = Mutex::new(StreamState::default());
    let (from_out, from_err, to_in) = (child.stdout.take(), child.stderr.take(), child.stdin.take());
    let streams = async {
        tokio::join!(
            forward_output(from_out, out, &state, |_| {}),
            forward_output(from_err, err, &state, |bytes| progress.saw_output(bytes)),
            write_stdin(to_in, stdin),
        )
    };
    tokio::pin!(streams, meanwhile);
    let (mut streams_closed, mut meanwhile_done) = (false, false);
    let status = loop {
        tokio::select! {
            ended = child.wait() => break ended?,
            _ = &mut streams, if !streams_closed => streams_closed = true,
            () = &mut meanwhile, if !meanwhile_done => meanwhile_done = true,
            end = signals.next() => forward_signal(end, &child),
        }
    };
    if !streams_closed {
        drain(streams, &state, signals, progress).await;
    }
    let output = std::mem::take(&mut locked(&state).captured).finish();
    Ok(Ended { code: exit_code(status), output })
}

/// The exit code as shells report it: 128+n when signal n ended the command.
fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code & 0xff).ok()).unwrap_or(u8::MAX)
}

/// Forwards a signal to the child, except SIGINT: the terminal sends that to the child as well.
fn forward_signal(end: EndSignal, child: &Child) {
    let pid = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    let signal = match end {
        EndSignal::Interrupt => return,
        EndSignal::Terminate => Signal::TERM,
        EndSignal::HangUp => Signal::HUP,
    };
    if let Some(pid) = pid {
        // Fails only when the child has just ended.
        let _ended = kill_process(pid, signal);
    }
}

/// The output of both streams so far.
#[derive(Default)]
struct StreamState {
    captured: Capture,
    /// How many streams are blocked on the reader of this process's output.
    blocked: usize,
}

/// A std mutex: never held across an await.
fn locked(state: &Mutex<StreamState>) -> std::sync::MutexGuard<'_, StreamState> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Forwards and captures a child's output. When the reader of `to` is gone, it returns and so closes the child's pipe:
/// the child gets SIGPIPE as it would without `exec`.
async fn forward_output(
    from: Option<impl AsyncRead + Unpin>,
    mut to: impl AsyncWrite + Unpin,
    state: &Mutex<StreamState>,
    on_bytes: impl Fn(&[u8]),
) {
    let Some(mut from) = from else { return };
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut buffer).await.unwrap_or(0);
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else { return };
        {
            let mut state = locked(state);
            state.captured.append(bytes);
            state.blocked += 1;
        }
        on_bytes(bytes);
        let written = async {
            to.write_all(bytes).await?;
            to.flush().await
        };
        let written: io::Result<()> = written.await;
        locked(state).blocked -= 1;
        if written.is_err() {
            return;
        }
    }
}

/// Writes the script to the child. A child that does not read it all is not an error.
async fn write_stdin(to: Option<ChildStdin>, text: Option<String>) {
    if let (Some(mut to), Some(text)) = (to, text) {
        let _closed = to.write_all(text.as_bytes()).await;
    }
}

/// Forwards the remaining output of a command that has ended, until the pipes close or stay silent. A signal only
/// shortens the wait: the signal that ended the command may arrive here late, and the command's last output must not be
/// lost.
async fn drain<T>(
    mut streams: std::pin::Pin<&mut impl Future<Output = T>>,
    state: &Mutex<StreamState>,
    signals: &mut Signals,
    progress: &Progress,
) {
    let mut silence = SILENCE;
    loop {
        let before = locked(state).captured.total();
        tokio::select! {
            _ = &mut streams => return,
            _ = signals.next() => {
                silence = SILENCE / 20;
                continue;
            }
            () = tokio::time::sleep(silence) => {}
        }
        let state = locked(state);
        if state.captured.total() == before && (state.blocked == 0 || silence < SILENCE) {
            let text = "the command left a process running that keeps its output open; its further output is lost";
            return progress.emit("left_behind", serde_json::Value::Null, text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::progress::tests::recording;
    use super::*;

    fn run(script: &str, stdin: Option<&str>) -> Runnable {
        let arguments = vec!["-c".to_owned(), script.to_owned()];
        Runnable { program: "sh".to_owned(), arguments, stdin: stdin.map(str::to_owned) }
    }

    async fn ended(run: &Runnable) -> (u8, String, Vec<u8>, Vec<u8>) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let (progress, _) = recording(false);
        let mut signals = Signals::listen().unwrap();
        let child = start(run).unwrap();
        let idle = std::future::pending();
        let ended =
            supervise(child, run.stdin.clone(), (&mut out, &mut err), idle, &mut signals, &progress).await.unwrap();
        (ended.code, ended.output.text, out, err)
    }

    #[tokio::test]
    async fn output_is_forwarded_and_captured() {
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
        // A command that does not read it still ends normally.
        let long = "x".repeat(60_000);
        assert_eq!(ended(&run("exit 3", Some(&long))).await.0, 3);
    }

    #[tokio::test]
    async fn processes_that_a_command_leaves_behind_are_not_waited_for() {
        let begun = tokio::time::Instant::now();
        let (code, text, ..) = ended(&run("sleep 20 & echo done", None)).await;
        assert_eq!((code, text.as_str()), (0, "done\n"));
        assert!(begun.elapsed() < Duration::from_secs(15));
    }

    #[test]
    fn the_hubs_tokens_are_not_inherited() {
        let command = command(&run("env", None));
        let removed: Vec<_> =
            command.as_std().get_envs().filter(|(_, value)| value.is_none()).map(|(name, _)| name.to_owned()).collect();
        for variable in TOKENS {
            assert!(removed.iter().any(|name| name == variable), "{variable}");
        }
    }
}
