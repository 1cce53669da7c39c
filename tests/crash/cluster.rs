//! A PostgreSQL server of a test's own, whose disk can be made to fail.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::{Child, Command};

/// How long the server may take to answer, or to end.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) struct Cluster {
    folder: TempDir,
    server: Option<Child>,
}

/// Where the server's programs are.
fn programs() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = debian.map(|entry| entry.path().join("bin")).collect();
    folders.sort();
    folders.extend(std::env::split_paths(&path));
    let found = folders.into_iter().rfind(|folder| folder.join("initdb").exists());
    found.expect("PostgreSQL's initdb: scripts/test.sh installs it")
}

/// A command as somebody whom PostgreSQL runs for: not root.
fn command(words: &[&str]) -> Command {
    let mut command = if rustix::process::getuid().is_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]);
        command.args(words);
        command
    } else {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]);
        command
    };
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).current_dir("/");
    command
}

impl Cluster {
    pub(super) async fn make() -> Self {
        // Not in TMPDIR: the path of a socket has at most 107 bytes.
        let folder = tempfile::Builder::new().prefix("crash-pg").tempdir_in("/tmp").expect("a folder");
        if rustix::process::getuid().is_root() {
            let owned = Command::new("chown").args(["postgres:"]).arg(folder.path()).status().await;
            assert!(owned.expect("chown").success());
        }
        let (initdb, data) = (programs().join("initdb"), folder.path().join("data"));
        let words = [text(&initdb), "-D", text(&data), "-U", "postgres", "--auth=trust", "--encoding=UTF8"];
        assert!(command(&words).status().await.expect("initdb").success(), "initdb failed");
        let mut cluster = Self { folder, server: None };
        cluster.start(&[]).await;
        cluster
    }

    pub(super) fn url(&self) -> String {
        format!("postgres://postgres@localhost/postgres?host={}", self.folder.path().display())
    }

    /// Starts the server, under `strace` when that has something to inject.
    pub(super) async fn start(&mut self, inject: &[&str]) {
        let (postgres, data, sockets) = (programs().join("postgres"), self.data(), self.folder.path());
        let mut words = if inject.is_empty() { vec![] } else { vec!["strace", "-D", "-f", "-o", "/dev/null"] };
        words.extend(inject);
        words.extend([text(&postgres), "-D", text(&data), "-k", text(sockets), "-c", "listen_addresses="]);
        self.server = Some(command(&words).kill_on_drop(true).spawn().expect("the server starts"));
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Stops it as a crash would: nothing is written down, and the next start recovers.
    pub(super) async fn crash(&mut self) {
        let Some(mut server) = self.server.take() else { return };
        self.quit();
        tokio::time::timeout(PATIENCE, server.wait()).await.expect("the server ends").expect("it ran");
    }

    fn quit(&self) {
        let pid = std::fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
        let pid = pid.lines().next().and_then(|line| line.parse().ok()).and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            let _gone = rustix::process::kill_process(pid, rustix::process::Signal::QUIT);
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.quit();
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a readable path")
}
