//! Puts the parts together into a running hub, and takes it down again without losing anything.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::channels::{Channels, TemplatesError};
use crate::config::Settings;
use crate::data_dir::{DataDir, DataDirError, watch_keys};
use crate::delivery::{Dispatcher, Egress, EgressError, RetrySchedule, SendContext, TargetPolicy, run_discarder};
use crate::descriptors;
use crate::http::{App, router, serve};
use crate::hub::{Hub, HubSettings, run_key_check, run_link_log, run_replayer, run_slack_jobs, run_timer};
use crate::identity::BootstrapToken;
use crate::links::KeyRing;
use crate::store::{Found, OpenError, Store, run_checkpoints};
use crate::time::SharedClock;

/// How long open calls and jobs may go on after the hub was told to stop.
const CALLS: Duration = Duration::from_secs(10);
/// How long sends and their records may go on after that, beyond one attempt's own deadline.
const RECORDS: Duration = Duration::from_secs(5);

/// Bodies read at once of whom nobody knows yet: 16 MiB of them.
const UNPROVEN: usize = 64;

/// A running hub.
pub struct Server {
    /// What links begin with.
    pub public_url: String,
    /// The admin token, and the file that holds it when the hub keeps it itself.
    pub admin_token: (SecretString, Option<PathBuf>),
    hub: Arc<Hub>,
    store: Arc<Store>,
    /// In the order in which they end: what makes work comes before what does it.
    stages: [Stage; 2],
}

/// Tasks that are told to end together.
struct Stage {
    stop: CancellationToken,
    tasks: Vec<(&'static str, JoinHandle<()>)>,
    /// How long they may take.
    patience: Duration,
}

/// Why a hub does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address} (--listen, COUNTERSIGN_LISTEN): {}", listening(cause))]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The data folder.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The database.
    #[error(transparent)]
    Database(#[from] OpenError),
    /// There are keys, and nothing that was asked under them.
    #[error(
        "{} is there, and the database that belongs to it is not: was it moved, or does COUNTERSIGN_DATABASE_URL or \
         --data-dir name another place? Put it back; or start once with --init to begin with an empty one", .0.display()
    )]
    NoDatabase(PathBuf),
    /// There is a database with a history, and no keys.
    #[error(
        "the database has a history, and there is no {}: all links that are out would be dead. Put that file back from a \
         backup (on a replica: copy it from the others); or start once with --init to make new keys", .0.display()
    )]
    NoKeys(PathBuf),
    /// A template.
    #[error(transparent)]
    Templates(#[from] TemplatesError),
    /// The HTTP client.
    #[error(transparent)]
    Egress(#[from] EgressError),
}

/// What to do about an address that cannot be listened on.
fn listening(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::AddrInUse => "another program uses it: stop that one, or choose another port",
        io::ErrorKind::AddrNotAvailable => "this machine has no such address: 0.0.0.0 or [::] stands for all it has",
        io::ErrorKind::PermissionDenied => "this user may not use it: choose a port above 1023",
        _ => "choose another",
    }
}

/// Whether keys and database are of one hub, as far as that can be seen: half of what there was is missing as a rule because it lies
/// elsewhere, and whoever made the other half anew would notice much later.
fn belong_together(data: &DataDir, found: Found, init: bool) -> Result<(), StartError> {
    let problem = match (data.has_keys(), found) {
        (true, Found::Nothing) => StartError::NoDatabase(data.keys_path()),
        (false, Found::Used) => StartError::NoKeys(data.keys_path()),
        _ => return Ok(()),
    };
    if !init {
        return Err(problem);
    }
    tracing::warn!("--init: beginning anew although {problem}");
    Ok(())
}

impl Server {
    /// Starts a hub.
    ///
    /// # Errors
    /// See [`StartError`]. Nothing is left running.
    pub async fn start(settings: &Settings, clock: SharedClock, schedule: RetrySchedule) -> Result<Self, StartError> {
        let data = DataDir::open(&settings.data_dir)?;
        let channels = Arc::new(Channels::new(settings.templates_dir.as_deref())?);
        let admin_token = match &settings.admin_token {
            Some(token) => (token.clone(), None),
            None => data.admin_token().map(|(token, file)| (token, Some(file)))?,
        };
        let targets = Arc::new(TargetPolicy::new(settings.allow_targets.clone()));
        let attempt = Duration::from_secs(settings.delivery_timeout_sec.into());
        let egress = Egress::new(Arc::clone(&targets), attempt)?;
        let files = descriptors::raise_limit();
        let connections = descriptors::connections(files);
        let address = settings.listen;
        let listener = TcpListener::bind(address).await.map_err(|cause| StartError::Listen { address, cause })?;
        let address = listener.local_addr().map_err(|cause| StartError::Listen { address, cause })?;
        let public_url = settings.public_url.clone().unwrap_or_else(|| default_public_url(address));
        let database = settings.database_url.as_ref().map(|url| url.expose_secret().to_owned());
        let database = database.unwrap_or_else(|| data.database_url());
        belong_together(&data, Store::found(&database).await?, settings.init)?;
        let store = Arc::new(Store::open(&database).await?);
        // Only now: keys without a database would look as if it had been lost.
        let seen = data.key_stamp();
        let (live, next) = data.keys(clock.now())?;
        // There was none before the first start made it.
        let seen = seen.or_else(|| data.key_stamp());
        let keys = Arc::new(KeyRing::new(live));

        let hub_settings =
            HubSettings { public_url: public_url.clone(), default_timeout_seconds: settings.review_timeout_sec };
        let bootstrap = BootstrapToken::new(admin_token.0.expose_secret());
        let context = SendContext {
            store: Arc::clone(&store),
            clock: clock.clone(),
            channels,
            keys: Arc::clone(&keys),
            egress,
            schedule,
            public_url: public_url.clone(),
            sends: descriptors::sends(files),
        };
        let (intake, sending) = (CancellationToken::new(), CancellationToken::new());
        let (launcher, dispatching) = Dispatcher::start(context, sending.clone()).await;
        let watching = watch_keys(data, Arc::clone(&keys), clock.clone(), (seen, next), sending.clone());
        let checkpointing = run_checkpoints(Arc::clone(&store), clock.clone(), sending.clone());
        let discarding = run_discarder(Arc::clone(&store), clock.clone(), intake.clone());
        let hub = Hub::new(Arc::clone(&store), clock, keys, hub_settings, targets, launcher, bootstrap);
        let hub = Arc::new(hub);
        let waits = Arc::new(Semaphore::new((connections / 2).max(1)));
        let unproven = Arc::new(Semaphore::new(UNPROVEN));
        let app = App { hub: Arc::clone(&hub), stop: intake.clone(), waits, unproven };
        let makes_work = vec![
            ("http", tokio::spawn(serve(listener, router(app), connections, intake.clone()))),
            ("timer", tokio::spawn(run_timer(Arc::clone(&hub), intake.clone()))),
            ("replayer", tokio::spawn(run_replayer(Arc::clone(&hub), intake.clone()))),
            ("discarder", tokio::spawn(discarding)),
            ("key check", tokio::spawn(run_key_check(Arc::clone(&hub), intake.clone()))),
            ("slack", tokio::spawn(run_slack_jobs(Arc::clone(&hub), intake.clone()))),
        ];
        let does_it = vec![
            ("dispatcher", tokio::spawn(dispatching)),
            ("link log", tokio::spawn(run_link_log(Arc::clone(&hub), sending.clone()))),
            ("keys", tokio::spawn(watching)),
            ("checkpoints", tokio::spawn(checkpointing)),
        ];
        let stages = [
            Stage { stop: intake, tasks: makes_work, patience: CALLS },
            Stage { stop: sending, tasks: does_it, patience: attempt + RECORDS },
        ];
        Ok(Self { public_url, admin_token, hub, store, stages })
    }

    /// The services, for who runs in the same process.
    pub const fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// The database, for who runs in the same process.
    pub const fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Stops, stage by stage: takes no new calls, answers the waiting ones, lets open calls and jobs end; then sends nothing more,
    /// lets running sends end, gives back what waits, and writes down what came of them; then closes the database, once all that
    /// was handed to the writer is committed.
    pub async fn shut_down(self) {
        for stage in self.stages {
            stage.end().await;
        }
        self.store.close().await;
    }
}

impl Stage {
    async fn end(self) {
        self.stop.cancel();
        let end = tokio::time::Instant::now() + self.patience;
        for (name, mut task) in self.tasks {
            if tokio::time::timeout_at(end, &mut task).await.is_err() {
                tracing::warn!(task = name, "still at work after the time to drain; ending it");
                task.abort();
            }
        }
    }
}

/// What links begin with where nobody said. An address that stands for all of a machine's is none that anybody can open, so links
/// name this machine itself: wrong for everybody else, but plainly so.
fn default_public_url(address: SocketAddr) -> String {
    if !address.ip().is_unspecified() {
        return format!("http://{address}");
    }
    let here = match address {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::LOCALHOST, address.port())),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::LOCALHOST, address.port())),
    };
    tracing::warn!(
        "links begin with http://{here}, which works on this machine alone, while the hub listens on all of its addresses: set \
         COUNTERSIGN_PUBLIC_URL to the URL that approvers reach it by"
    );
    format!("http://{here}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_link_begins_with_an_address_that_nobody_can_open() {
        for (listening, links) in [
            ("127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("10.0.0.7:80", "http://10.0.0.7:80"),
            ("0.0.0.0:8080", "http://127.0.0.1:8080"),
            ("[::]:8080", "http://[::1]:8080"),
        ] {
            assert_eq!(default_public_url(listening.parse().expect("an address")), links);
        }
    }
}
