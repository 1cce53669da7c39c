//! The hub as a separate process, to be stopped and killed.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use super::leaks::{self, Watch};

/// The admin token of all test processes.
pub(crate) const TOKEN: &str = "cs_test_admin_token_0001";

/// A running `countersign serve`.
pub(crate) struct HubProcess {
    pub(crate) child: Child,
    pub(crate) url: String,
    /// Its standard error so far.
    pub(crate) log: Arc<Mutex<Vec<String>>>,
    /// Reads standard error to its end.
    reader: JoinHandle<()>,
    _leaks: Watch,
}

impl HubProcess {
    /// The `countersign` program, run in this folder.
    pub(crate) fn command(folder: &Path) -> Command {
        Self::program(env!("CARGO_BIN_EXE_countersign"), folder)
    }

    fn program(name: &str, folder: &Path) -> Command {
        let mut command = Command::new(name);
        command
            .current_dir(folder)
            // Not the sign-ins of the person who runs the tests.
            .env("XDG_CONFIG_HOME", folder)
            .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Starts the hub on this port and waits until it is ready; returns its standard error if it ends instead.
    /// Each replica has its own folder, and so its own keys, hence `--init`.
    pub(crate) async fn start(folder: &Path, port: u16, settings: &[(&str, &str)]) -> Result<Self, String> {
        let mut command = Self::command(folder);
        command.args(["serve", "--init", "--listen", &format!("127.0.0.1:{port}")]).envs(settings.iter().copied());
        Self::ready(command).await
    }

    /// Starts the hub on a free port, with this log filter.
    pub(crate) async fn start_logging(folder: &Path, filter: &str, settings: &[(&str, &str)]) -> Result<Self, String> {
        let mut command = Self::command(folder);
        command.args(["serve", "--listen", "127.0.0.1:0", "--log", filter]).envs(settings.iter().copied());
        Self::ready(command).await
    }

    /// Starts the hub with a limit on the size of files, in KiB.
    pub(crate) async fn start_limited(folder: &Path, port: u16, kib: u32) -> Result<Self, String> {
        let program = env!("CARGO_BIN_EXE_countersign");
        let mut shell = Self::program("bash", folder);
        // The signal is ignored, so that a write beyond the limit fails as on a full disk, without a kill.
        shell.args(["-c", &format!("trap '' XFSZ; ulimit -f {kib}; exec {program} serve --listen 127.0.0.1:{port}")]);
        Self::ready(shell).await
    }

    /// Starts the hub with a limit on open files.
    pub(crate) async fn start_with_files(
        folder: &Path,
        port: u16,
        files: u32,
        settings: &[(&str, &str)],
    ) -> Result<Self, String> {
        let program = env!("CARGO_BIN_EXE_countersign");
        let mut shell = Self::program("bash", folder);
        shell.args(["-c", &format!("ulimit -n {files}; exec {program} serve --listen 127.0.0.1:{port}")]);
        shell.envs(settings.iter().copied());
        Self::ready(shell).await
    }

    /// Starts the hub under `strace`, which tampers with its system calls as `inject` says (strace(1), "Tampering").
    pub(crate) async fn start_traced(
        folder: &Path,
        port: u16,
        settings: &[(&str, &str)],
        inject: &[&str],
    ) -> Result<Self, String> {
        let mut strace = Self::program("strace", folder);
        // The tracer is a grandchild, so that the child is the hub itself.
        strace.args(["-D", "-f", "-o", "/dev/null"]).args(inject);
        strace.args([env!("CARGO_BIN_EXE_countersign"), "serve", "--init", "--listen", &format!("127.0.0.1:{port}")]);
        strace.envs(settings.iter().copied());
        Self::ready(strace).await
    }

    /// Tampers with the system calls of all its threads by `strace` until the returned child is dropped.
    pub(crate) async fn tamper(&self, inject: &[&str]) -> Child {
        let mut strace = Self::program("strace", Path::new("/"));
        strace
            .args(["-f", "-o", "/dev/null"])
            .args(inject)
            .args(["-p", &self.child.id().expect("it runs").to_string()]);
        let mut strace = strace.spawn().expect("strace starts");
        let mut lines = BufReader::new(strace.stderr.take().expect("standard error")).lines();
        let log = lines.next_line().await.expect("readable output").unwrap_or_default();
        assert!(log.contains("attached"), "{log}");
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        strace
    }

    /// Starts a command that runs a hub, and waits until it is ready.
    pub(crate) async fn ready(mut command: Command) -> Result<Self, String> {
        let usual = [
            ("COUNTERSIGN_ADMIN_TOKEN", TOKEN),
            ("COUNTERSIGN_ALLOW_TARGETS", "127.0.0.0/8"),
            ("COUNTERSIGN_LOG", "warn"),
        ];
        for (name, value) in usual {
            if !command.as_std().get_envs().any(|(given, _)| given == name) {
                command.env(name, value);
            }
        }
        for (name, value) in command.as_std().get_envs() {
            if matches!(name.to_str(), Some("COUNTERSIGN_ADMIN_TOKEN" | "COUNTERSIGN_OIDC_CLIENT_SECRET")) {
                leaks::secret(value.and_then(|value| value.to_str()).unwrap_or_default());
            }
        }
        let mut child = command.spawn().expect("the program starts");
        // From the start: a hub that logs much would block on a full pipe, and never be ready.
        let (log, reader) = drain(&mut child);
        let mut lines = BufReader::new(child.stdout.take().expect("standard output")).lines();
        let first = tokio::time::timeout(Duration::from_secs(30), lines.next_line()).await.expect("a line in time");
        match first.expect("readable output") {
            Some(line) => {
                let url = line.split(" ready at ").nth(1).unwrap_or_else(|| panic!("{line}")).to_owned();
                // Keep reading, so that the pipe neither fills nor breaks.
                tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
                let folder = command.as_std().get_current_dir().unwrap_or(Path::new("")).join("countersign-data");
                Ok(Self { child, url, log, reader, _leaks: Watch::over(&folder) })
            }
            None => {
                child.wait().await.expect("an end");
                reader.await.expect("all is read");
                let log = log.lock().unwrap().join("\n");
                Err(log)
            }
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().expect("it runs").to_string();
        let sent = std::process::Command::new("kill").args([format!("-{name}"), id]).status();
        assert!(sent.expect("kill runs").success());
    }

    /// Waits up to 20 s for the end; returns the exit status and the whole standard error.
    pub(crate) async fn ended(mut self) -> (ExitStatus, String) {
        let ended = tokio::time::timeout(Duration::from_secs(20), async {
            let status = self.child.wait().await.expect("an end");
            self.reader.await.expect("all is read");
            status
        });
        (ended.await.expect("an end in time"), self.log.lock().unwrap().join("\n"))
    }

    /// Kills the hub with SIGKILL: no clean-up.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.expect("it dies");
    }
}

/// Copies the hub's standard error to the test's output, and keeps it.
fn drain(child: &mut Child) -> (Arc<Mutex<Vec<String>>>, JoinHandle<()>) {
    let mut lines = BufReader::new(child.stderr.take().expect("standard error")).lines();
    let log = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&log);
    let reader = tokio::spawn(async move {
        while let Ok(Some(line)) = lines.next_line().await {
            eprintln!("hub: {line}");
            leaks::left(format!("log: {line}"));
            kept.lock().unwrap().push(line);
        }
    });
    (log, reader)
}
