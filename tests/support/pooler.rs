//! The real `PgBouncer` in front of the tests' PostgreSQL server.

use std::process::Stdio;

use tempfile::TempDir;
use tokio::process::{Child, Command};
use url::Url;

use super::{Database, eventually};

/// A running pooler, which ends with the test.
pub(crate) struct Pooler {
    port: u16,
    _folder: TempDir,
    _process: Child,
}

impl Pooler {
    /// Starts a pooler in front of the server of `database`, with this `pool_mode` and further settings.
    pub(crate) async fn start(database: &Database, pool_mode: &str, settings: &str) -> Self {
        let server = Url::parse(&database.url).expect("a URL");
        let host = server.query_pairs().find(|(name, _)| name == "host").map(|(_, value)| value.into_owned());
        let host = host.or_else(|| server.host_str().map(str::to_owned)).expect("a host");
        let (server_port, user) = (server.port().unwrap_or(5432), server.username());
        let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("a port").port();
        let password = server.password().map(|text| format!(" password={text}")).unwrap_or_default();
        let text = format!(
            "[databases]\n* = host={host} port={server_port} user={user}{password}\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n\
             pool_mode = {pool_mode}\n{settings}\n"
        );
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("pgbouncer.ini");
        std::fs::write(&file, text).expect("writes");
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = if rustix::process::getuid().is_root() {
            // It refuses to run as root.
            assert!(
                Command::new("chown")
                    .args(["-R", "postgres:"])
                    .arg(folder.path())
                    .status()
                    .await
                    .expect("chown")
                    .success()
            );
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--", "pgbouncer"]);
            command
        } else {
            Command::new("pgbouncer")
        };
        command.env("PATH", format!("{path}:/usr/sbin")).arg(&file).current_dir("/").stdin(Stdio::null());
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true).spawn();
        let process = process.expect("pgbouncer starts: scripts/test.sh installs it");
        eventually("pgbouncer listens", || async { tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok() })
            .await;
        Self { port, _folder: folder, _process: process }
    }

    /// The URL of a database behind the pooler.
    pub(crate) fn url(&self, database: &Database) -> String {
        let server = Url::parse(&database.url).expect("a URL");
        format!("postgres://{}@127.0.0.1:{}{}", server.username(), self.port, server.path())
    }
}
