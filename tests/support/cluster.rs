//! A PostgreSQL server for one test, whose disk can be made to fail, or that has TLS.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::{Child, Command};

/// The longest time for the server to answer, or to end.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Cluster {
    folder: TempDir,
    server: Option<Child>,
}

/// The folder of the server's programs.
fn programs() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = debian.map(|entry| entry.path().join("bin")).collect();
    folders.sort();
    folders.extend(std::env::split_paths(&path));
    let found = folders.into_iter().rfind(|folder| folder.join("initdb").exists());
    found.expect("PostgreSQL's initdb: scripts/test.sh installs it")
}

/// A command that runs as a user PostgreSQL accepts: not root.
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
    pub(crate) async fn make() -> Self {
        let mut cluster = Self::initialized().await;
        cluster.start(&[]).await;
        cluster
    }

    /// A server that also accepts TLS connections on this port of 127.0.0.1, with this certificate and key.
    pub(crate) async fn make_with_tls(port: u16, (certificate, key): (&str, &str)) -> Self {
        let mut cluster = Self::initialized().await;
        for (name, text) in [("server.crt", certificate), ("server.key", key)] {
            let file = cluster.data().join(name);
            std::fs::write(&file, text).expect("a file");
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("its mode");
            let owner = std::fs::metadata(cluster.data()).expect("a folder");
            std::os::unix::fs::chown(&file, Some(owner.uid()), Some(owner.gid())).expect("its owner");
        }
        let settings = format!("ssl = on\nlisten_addresses = '127.0.0.1'\nport = {port}\n");
        std::fs::write(cluster.data().join("postgresql.auto.conf"), settings).expect("a file");
        cluster.run(&[], &[]).await;
        cluster
    }

    async fn initialized() -> Self {
        // Not in TMPDIR: a socket's path has at most 107 bytes.
        let folder = tempfile::Builder::new().prefix("crash-pg").tempdir_in("/tmp").expect("a folder");
        if rustix::process::getuid().is_root() {
            let owned = Command::new("chown").args(["postgres:"]).arg(folder.path()).status().await;
            assert!(owned.expect("chown").success());
        }
        let (initdb, data) = (programs().join("initdb"), folder.path().join("data"));
        let words = [text(&initdb), "-D", text(&data), "-U", "postgres", "--auth=trust", "--encoding=UTF8"];
        assert!(command(&words).status().await.expect("initdb").success(), "initdb failed");
        Self { folder, server: None }
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@localhost/postgres?host={}", self.folder.path().display())
    }

    /// Starts the server, under `strace` when there is something to inject.
    pub(crate) async fn start(&mut self, inject: &[&str]) {
        self.run(inject, &["-c", "listen_addresses="]).await;
    }

    async fn run(&mut self, inject: &[&str], options: &[&str]) {
        let (postgres, data, sockets) = (programs().join("postgres"), self.data(), self.folder.path());
        let mut words = if inject.is_empty() { vec![] } else { vec!["strace", "-D", "-f", "-o", "/dev/null"] };
        words.extend(inject);
        words.extend([text(&postgres), "-D", text(&data), "-k", text(sockets)]);
        words.extend(options);
        self.server = Some(command(&words).kill_on_drop(true).spawn().expect("the server starts"));
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Stops the server as a crash would: nothing is written, and the next start recovers.
    pub(crate) async fn crash(&mut self) {
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
