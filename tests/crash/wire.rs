//! Moments at which to strike, and a relay between a hub and its PostgreSQL server that knows about commits.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use countersign::time::{Clock, SystemClock, Timestamp};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixListener, UnixStream};

/// `COMMIT` in the protocol: a simple query.
const COMMIT: &[u8] = b"Q\0\0\0\x0bCOMMIT\0";

/// The moment at which to strike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// The hub has connected to a receiver and has sent nothing.
    Connected,
    /// A receiver has the message, and has not answered.
    Received,
    /// A receiver has answered.
    Answered,
    /// The hub has sent `COMMIT`, and the server has not received it.
    Committing,
    /// The server has committed, and the hub does not know yet.
    Committed,
}

/// What to do at that moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blow {
    /// `kill -9`.
    Kill,
    /// Break the hub's connection to the database.
    Cut,
}

/// Strikes when a moment occurs for the n-th time.
#[derive(Default)]
pub(super) struct Trigger {
    armed: Mutex<Option<(Moment, usize, Blow)>>,
    /// The process id of the hub; 0 for none.
    pub(super) hub: AtomicU32,
    /// The times at which it struck.
    pub(super) struck: Mutex<Vec<Timestamp>>,
}

impl Trigger {
    pub(super) fn arm(&self, moment: Moment, times: usize, blow: Blow) {
        *self.armed.lock().unwrap() = Some((moment, times, blow));
    }

    pub(super) fn disarm(&self) {
        *self.armed.lock().unwrap() = None;
    }

    pub(super) fn is_armed(&self) -> bool {
        self.armed.lock().unwrap().is_some()
    }

    /// Records that the moment has occurred; returns whether to cut the connection.
    pub(super) fn at(&self, moment: Moment) -> bool {
        let mut armed = self.armed.lock().unwrap();
        let Some((_, left, blow)) = armed.as_mut().filter(|(awaited, _, _)| *awaited == moment) else { return false };
        if *left > 1 {
            *left -= 1;
            return false;
        }
        let blow = *blow;
        *armed = None;
        self.struck.lock().unwrap().push(SystemClock.now());
        let hub = i32::try_from(self.hub.load(Ordering::SeqCst)).ok().and_then(Pid::from_raw);
        if let (Blow::Kill, Some(hub)) = (blow, hub) {
            kill_process(hub, Signal::KILL).expect("a hub to kill");
        }
        blow == Blow::Cut
    }
}

/// Listens in `folder`; returns the URL through which a hub reaches the database.
pub(super) fn relay(folder: &Path, database: &str, trigger: Arc<Trigger>) -> String {
    let mut url = url::Url::parse(database).expect("a URL");
    let listener = UnixListener::bind(folder.join(".s.PGSQL.5432")).expect("a socket");
    let server = Server::of(&url);
    tokio::spawn(async move {
        while let Ok((hub, _)) = listener.accept().await {
            let (server, trigger) = (server.clone(), Arc::clone(&trigger));
            tokio::spawn(async move {
                // When one side closes, both end; this is no failure of the relay.
                match server {
                    Server::Socket(path) => pass(hub, UnixStream::connect(path).await?, &trigger).await,
                    Server::Address(address) => pass(hub, TcpStream::connect(address).await?, &trigger).await,
                }
            });
        }
    });
    url.set_port(Some(5432)).expect("a port");
    url.set_query(Some(&format!("host={}", folder.display())));
    url.into()
}

#[derive(Clone)]
enum Server {
    Socket(PathBuf),
    Address((String, u16)),
}

impl Server {
    fn of(url: &url::Url) -> Self {
        let named = |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        let host = named("host").unwrap_or_else(|| url.host_str().expect("a host").to_owned());
        let port = url.port().unwrap_or(5432);
        if host.starts_with('/') {
            Self::Socket(Path::new(&host).join(format!(".s.PGSQL.{port}")))
        } else {
            Self::Address((host, port))
        }
    }
}

async fn pass<S: AsyncRead + AsyncWrite + Unpin>(
    mut hub: UnixStream,
    mut server: S,
    trigger: &Trigger,
) -> std::io::Result<()> {
    let (mut asked, mut answered) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    let mut commits = false;
    loop {
        tokio::select! {
            count = hub.read(&mut asked) => {
                let bytes = &asked[..count?];
                commits = bytes.windows(COMMIT.len()).any(|window| window == COMMIT);
                if bytes.is_empty() || commits && trigger.at(Moment::Committing) {
                    return Ok(());
                }
                server.write_all(bytes).await?;
            }
            count = server.read(&mut answered) => {
                let bytes = &answered[..count?];
                if bytes.is_empty() || std::mem::take(&mut commits) && trigger.at(Moment::Committed) {
                    return Ok(());
                }
                hub.write_all(bytes).await?;
            }
        }
    }
}
