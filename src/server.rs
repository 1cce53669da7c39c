//! Starts a hub from its parts, and shuts it down without losing anything.
//!
//! The shut-down has two stages. Tasks that create work (HTTP, timer, replays, Slack jobs) end before tasks that do
//! work (dispatcher, link log). So work that was accepted can still be finished or given back. The store closes last.

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
use url::{Host, Url};

use crate::approval::Assurance;
use crate::channels::{Channels, TemplatesError};
use crate::config::Settings;
use crate::data_dir::{DataDir, DataDirError, SecretsFile, watch_keys, watch_secrets};
use crate::delivery::{Dispatcher, Egress, EgressError, RetrySchedule, SendContext, TargetPolicy, run_discarder};
use crate::descriptors;
use crate::file_stamp::FileStamp;
use crate::http::{App, Front, RateLimits, Tls, TlsError, TrustedProxies, router, serve, watch_certificate};
use crate::hub::{
    Hub, HubSettings, MAX_STREAMS, SessionSettings, Workloads, run_key_check, run_link_log, run_live, run_replayer,
    run_sealing, run_slack_jobs, run_timer, run_uses, settle_sealing,
};
use crate::identity::BootstrapToken;
use crate::links::KeyRing;
use crate::store::secrets::sealing_key;
use crate::store::{DatabaseState, OpenError, Store, StoreError, run_checkpoints};
use crate::time::{SharedClock, Timestamp};

/// How long open calls and jobs may take to end after a shut-down has begun.
const CALLS: Duration = Duration::from_secs(10);
/// How long sends and their records may take after that, in addition to the deadline of one attempt.
const RECORDS: Duration = Duration::from_secs(5);

/// Bodies of unauthenticated calls that are read at the same time: 16 MiB in total.
pub const UNAUTHENTICATED: usize = 64;

type KeyFileState = (Option<FileStamp>, Option<Timestamp>);

/// A running hub.
pub struct Server {
    /// The URL that links begin with.
    pub public_url: String,
    /// Whether nobody has used this hub yet.
    pub is_new: bool,
    /// The admin token, and its file if the hub has created it.
    pub admin_token: (SecretString, Option<PathBuf>),
    hub: Arc<Hub>,
    store: Arc<Store>,
    /// In the order in which they end: tasks that create work, then tasks that do work.
    stages: [Stage; 2],
}

/// Tasks that end together.
struct Stage {
    stop: CancellationToken,
    tasks: Vec<(&'static str, JoinHandle<()>)>,
    /// How long the tasks may take to end.
    patience: Duration,
}

/// Why a hub cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// TLS for calls of an `OpenID` issuer cannot be set up.
    #[error("an OpenID issuer: {0}")]
    Issuer(#[from] crate::oidc::ProviderError),
    #[error("cannot listen on {address} (--listen, COUNTERSIGN_LISTEN): {}", listening(cause))]
    Listen {
        address: SocketAddr,
        #[source]
        cause: io::Error,
    },
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error(transparent)]
    Database(#[from] OpenError),
    /// There are keys, but no database.
    #[error(
        "{} exists, but the database that belongs to it does not: was it moved, or does COUNTERSIGN_DATABASE_URL or \
         --data-dir name another place? Put it back; or start once with --init to create an empty one", .0.display()
    )]
    NoDatabase(PathBuf),
    /// There is a database with an audit trail, but no keys.
    #[error(
        "the database has been used, but there is no {}: without it, no link that was sent works. Restore that file from a \
         backup (on a replica: copy it from the others); or start once with --init to create new keys", .0.display()
    )]
    NoKeys(PathBuf),
    /// The secrets in the database are sealed, but there is no key.
    #[error(
        "the secrets in the database are sealed, but there is no {}: restore that file from its backup (on a replica: copy it \
         from the others), or name it with --secrets-key-file; or start once with --init to create a new key, after which \
         all endpoints have to be deleted and created again", .0.display()
    )]
    NoSecretsKey(PathBuf),
    #[error("cannot read the database")]
    Store(#[from] StoreError),
    #[error(transparent)]
    Templates(#[from] TemplatesError),
    #[error(transparent)]
    Egress(#[from] EgressError),
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// What to do when the hub cannot listen on an address.
fn listening(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::AddrInUse => "another program uses it: stop that one, or choose another port",
        io::ErrorKind::AddrNotAvailable => {
            "this machine has no such address: use 0.0.0.0 or [::] for all of its addresses"
        }
        io::ErrorKind::PermissionDenied => "this user may not use it: choose a port above 1023",
        _ => "choose another address",
    }
}

/// Checks that neither the keys nor the database is missing while the other exists. Usually the missing one is in
/// another place. If it were created silently, the operator would notice much later.
fn check_both_exist(data: &DataDir, database: DatabaseState, init: bool) -> Result<(), StartError> {
    let problem = match (data.has_keys(), database) {
        (true, DatabaseState::Missing) => StartError::NoDatabase(data.keys_path()),
        (false, DatabaseState::Used) => StartError::NoKeys(data.keys_path()),
        _ => return Ok(()),
    };
    if !init {
        return Err(problem);
    }
    tracing::warn!("--init: creating what is missing, although {problem}");
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
        let admin_token = admin_token(settings, &data)?;
        let targets = Arc::new(TargetPolicy::new(settings.allow_targets.clone()));
        let attempt = Duration::from_secs(settings.delivery_timeout_sec.into());
        let egress = Egress::new(Arc::clone(&targets), attempt)?;
        let tls = settings.network.tls.as_ref().map(Tls::open).transpose()?.map(Arc::new);
        let files = descriptors::raise_limit();
        let connections = descriptors::connections(files);
        let (listener, address) = listen(settings.listen).await?;
        let public_url = settings.public_url.clone().unwrap_or_else(|| default_public_url(address, tls.is_some()));
        let (store, is_new) = open_store(settings, &data).await?;
        // Keys come after the database: if the database cannot be created, keys alone would make it look lost.
        let (keys, key_file) = open_keys(&data, clock.now())?;
        let secrets_file = open_secrets(settings, &data, &store, clock.now()).await?;

        let hub_settings = hub_settings(settings, public_url.clone())?;
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
        let keepers = spawn_keepers(data, &keys, (key_file, secrets_file), Arc::clone(&store), clock.clone(), &sending);
        let discarding = run_discarder(Arc::clone(&store), clock.clone(), intake.clone());
        let hub = Hub::new(Arc::clone(&store), clock.clone(), keys, hub_settings, targets, launcher, bootstrap);
        let hub = Arc::new(hub.with_workloads(Workloads::new(settings.trusted_issuers.clone())?));
        let app = App { tls: tls.clone(), ..app(&hub, settings, clock.clone(), connections, &intake) };
        let front = front(settings, tls.clone(), connections);
        let intake_tasks = vec![
            ("http", tokio::spawn(serve(listener, router(app), front, intake.clone()))),
            ("certificate", tokio::spawn(watch_certificate(tls, clock, intake.clone()))),
            ("timer", tokio::spawn(run_timer(Arc::clone(&hub), intake.clone()))),
            ("replayer", tokio::spawn(run_replayer(Arc::clone(&hub), intake.clone()))),
            ("discarder", tokio::spawn(discarding)),
            ("key check", tokio::spawn(run_key_check(Arc::clone(&hub), intake.clone()))),
            ("sealing", tokio::spawn(run_sealing(Arc::clone(&hub), intake.clone()))),
            ("slack", tokio::spawn(run_slack_jobs(Arc::clone(&hub), intake.clone()))),
            ("live", tokio::spawn(run_live(Arc::clone(&hub), intake.clone()))),
        ];
        let mut sending_tasks = vec![
            ("dispatcher", tokio::spawn(dispatching)),
            ("uses", tokio::spawn(run_uses(Arc::clone(&hub), sending.clone()))),
            ("link log", tokio::spawn(run_link_log(Arc::clone(&hub), sending.clone()))),
        ];
        sending_tasks.extend(keepers);
        let stages = [
            Stage { stop: intake, tasks: intake_tasks, patience: CALLS },
            Stage { stop: sending, tasks: sending_tasks, patience: attempt + RECORDS },
        ];
        Ok(Self { public_url, is_new, admin_token, hub, store, stages })
    }

    /// The services, for code in the same process.
    pub const fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// The database, for code in the same process.
    pub const fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Shuts down gracefully. First it accepts no new calls, answers those that wait for a decision, and lets open
    /// calls and jobs end. Then it starts no more sends, lets running ones end, records their results, and gives back
    /// the leases of deliveries that wait. Last it drains the writer's queue and closes the database.
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
                tracing::warn!(task = name, "the task has not ended in time and is aborted");
                task.abort();
            }
        }
    }
}

fn hub_settings(settings: &Settings, public_url: String) -> Result<HubSettings, crate::oidc::ProviderError> {
    let seconds = |seconds: u32| Duration::from_secs(seconds.into());
    let identity = &settings.identity;
    let sessions = SessionSettings {
        idle: seconds(identity.session_idle_seconds),
        longest: seconds(identity.session_max_seconds),
    };
    let provider = settings.oidc.as_ref().map(|oidc| oidc.connect(&public_url)).transpose()?.map(Arc::new);
    Ok(HubSettings {
        public_url,
        default_timeout_seconds: settings.review_timeout_sec,
        // Where the company says who people are, links alone are not enough.
        min_assurance: provider.as_ref().map(|_| Assurance::Sso),
        sessions,
        provider,
    })
}

/// Starts the tasks that look after files: those of the keys, and SQLite's.
fn spawn_keepers(
    data: DataDir,
    keys: &Arc<KeyRing>,
    (key_file, secrets_file): (KeyFileState, SecretsFile),
    store: Arc<Store>,
    clock: SharedClock,
    stop: &CancellationToken,
) -> [(&'static str, JoinHandle<()>); 3] {
    let watching = watch_keys(data, Arc::clone(keys), clock.clone(), key_file, stop.clone());
    let secrets = watch_secrets(secrets_file, Arc::clone(store.secrets()), clock.clone(), stop.clone());
    [
        ("keys", tokio::spawn(watching)),
        ("secrets keys", tokio::spawn(secrets)),
        ("checkpoints", tokio::spawn(run_checkpoints(store, clock, stop.clone()))),
    ]
}

fn admin_token(settings: &Settings, data: &DataDir) -> Result<(SecretString, Option<PathBuf>), StartError> {
    match &settings.admin_token {
        Some(token) => Ok((token.clone(), None)),
        None => Ok(data.admin_token().map(|(token, file)| (token, Some(file)))?),
    }
}

/// How the hub meets callers.
fn front(settings: &Settings, tls: Option<Arc<Tls>>, most: usize) -> Front {
    Front { proxies: TrustedProxies::new(settings.network.trusted_proxies.clone()), tls, most }
}

/// What the handlers share.
fn app(hub: &Arc<Hub>, settings: &Settings, clock: SharedClock, connections: usize, stop: &CancellationToken) -> App {
    let limits = RateLimits::new(settings.network.rates, counts_local(settings), clock);
    App {
        hub: Arc::clone(hub),
        stop: stop.clone(),
        waits: Arc::new(Semaphore::new((connections / 2).max(1))),
        streams: Arc::new(Semaphore::new((connections / 2).clamp(1, MAX_STREAMS))),
        unauthenticated: Arc::new(Semaphore::new(UNAUTHENTICATED)),
        limits: Arc::new(limits),
        refusals: Arc::default(),
        tls: None,
    }
}

/// Whether rate limits hold for programs on this machine too. Where people reach the hub under a name of another machine, one
/// of those programs may be a reverse proxy that passes on everybody's calls.
fn counts_local(settings: &Settings) -> bool {
    let host = settings.public_url.as_deref().and_then(|url| Some(Url::parse(url).ok()?.host()?.to_owned()));
    host.is_some_and(|host| match host {
        Host::Ipv4(address) => !address.is_loopback(),
        Host::Ipv6(address) => !address.is_loopback(),
        Host::Domain(name) => name != "localhost",
    })
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |cause| StartError::Listen { address, cause };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// The database, and whether it has not been used.
async fn open_store(settings: &Settings, data: &DataDir) -> Result<(Arc<Store>, bool), StartError> {
    let url = settings.database_url.as_ref().map(|url| url.expose_secret().to_owned());
    let url = url.unwrap_or_else(|| data.database_url());
    let state = Store::inspect(&url).await?;
    check_both_exist(data, state, settings.init)?;
    let store = Store::open(&url).await?;
    store.set_groups_max_age(Duration::from_secs(settings.groups_max_age.into()));
    Ok((Arc::new(store), state != DatabaseState::Used))
}

/// The keys, and what [`watch_keys`] needs to know: the state of their file, and when the next key expires.
fn open_keys(data: &DataDir, now: Timestamp) -> Result<(Arc<KeyRing>, KeyFileState), StartError> {
    let before = data.key_stamp();
    let (live, next) = data.keys(now)?;
    // At the first start there is no file before `keys` creates it.
    let stamp = before.or_else(|| data.key_stamp());
    Ok((Arc::new(KeyRing::new(live)), (stamp, next)))
}

/// Reads the keys of stored secrets, created at the first start, and decides which of them seals: before anything is
/// read or stored.
async fn open_secrets(
    settings: &Settings,
    data: &DataDir,
    store: &Store,
    now: Timestamp,
) -> Result<SecretsFile, StartError> {
    let file = data.secrets_file(settings.secrets_key_file.as_deref());
    if file.is_to_be_made() {
        if !settings.init && sealing_key(&mut store.read().await?).await?.is_some() {
            return Err(StartError::NoSecretsKey(file.path().to_owned()));
        }
        file.make(now)?;
    }
    store.secrets().replace(file.read()?);
    if let Some(finding) = settle_sealing(store, now, settings.init).await? {
        tracing::warn!("{finding}");
    }
    Ok(file)
}

/// The URL that links begin with by default. An unspecified address such as 0.0.0.0 cannot be opened, so links then
/// begin with localhost: wrong for all other machines, but obviously so.
fn default_public_url(address: SocketAddr, is_secure: bool) -> String {
    let scheme = if is_secure { "https" } else { "http" };
    if !address.ip().is_unspecified() {
        return format!("{scheme}://{address}");
    }
    let here = match address {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::LOCALHOST, address.port())),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::LOCALHOST, address.port())),
    };
    tracing::warn!(
        "links begin with {scheme}://{here}, which works on this machine only, while the hub listens on all of its addresses: set \
         COUNTERSIGN_PUBLIC_URL to the URL at which approvers reach the hub"
    );
    format!("{scheme}://{here}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_begin_with_an_address_that_can_be_opened() {
        for (listening, links) in [
            ("127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("10.0.0.7:80", "http://10.0.0.7:80"),
            ("0.0.0.0:8080", "http://127.0.0.1:8080"),
            ("[::]:8080", "http://[::1]:8080"),
        ] {
            let address = listening.parse().expect("an address");
            assert_eq!(default_public_url(address, false), links);
            assert_eq!(default_public_url(address, true), links.replace("http:", "https:"));
        }
    }
}
