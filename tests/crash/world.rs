//! A hub that is started and killed while clients ask it, and receivers that misbehave. `ledger` has the final checks.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign::time::{Clock, SystemClock, Timestamp};
use reqwest::Method;
use serde_json::json;
use tempfile::TempDir;

use super::client::Client;
use super::wire::{Trigger, relay};
use crate::support::{Database, HubProcess, Receiver};

/// The longest time until every delivery has ended: a lease on PostgreSQL takes 16 s to expire, and several may follow.
const QUIET: Duration = Duration::from_secs(90);

/// How the deliveries to a receiver must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ends {
    /// Delivered, unless the request was decided before.
    Arrives,
    /// Given up.
    Fails,
}

/// A receiver, and the expected end of its deliveries.
#[derive(Clone)]
pub(super) struct Plan {
    pub(super) name: &'static str,
    /// The endpoint's URL, if it is not the receiver's own.
    pub(super) url: Option<String>,
    /// Seconds between attempts.
    pub(super) schedule: Vec<u32>,
    /// The endpoint's concurrency limit, if it has one.
    pub(super) concurrency: Option<u32>,
    /// Messages a second.
    pub(super) rate: Option<f64>,
    pub(super) ends: Ends,
    pub(super) receiver: Receiver,
}

impl Plan {
    /// A reachable receiver, with enough attempts to outlast any temporary fault.
    pub(super) fn new(name: &'static str, receiver: Receiver) -> Self {
        let schedule = [[0; 10], [1; 10], [2; 10]].concat();
        Self { name, url: None, schedule, concurrency: None, rate: None, ends: Ends::Arrives, receiver }
    }
}

pub(super) struct World {
    pub(super) database: Database,
    pub(super) client: Client,
    /// By the endpoint's id.
    pub(super) targets: BTreeMap<String, Plan>,
    pub(super) trigger: Arc<Trigger>,
    /// Acknowledged requests, with their expected outcomes.
    pub(super) kept: Mutex<BTreeMap<String, &'static str>>,
    /// The times at which hubs died.
    pub(super) deaths: Mutex<Vec<Timestamp>>,
    homes: Vec<Home>,
    settings: Vec<(&'static str, String)>,
    asked: AtomicUsize,
}

/// A replica's folder, port and process.
struct Home {
    folder: TempDir,
    port: u16,
    hub: tokio::sync::Mutex<Option<HubProcess>>,
}

/// A port below the system's ephemeral range, so that nothing else uses it.
pub(super) fn port() -> u16 {
    loop {
        let port = 12_000 + (countersign::random::fraction() * 18_000.0) as u16;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// The seed of the run's choices: the same seed makes the same ones.
pub(super) fn seed() -> u64 {
    let seed = super::setting("CRASH_SEED", (countersign::random::fraction() * 1e6) as usize);
    eprintln!("CRASH_SEED={seed}");
    seed as u64
}

/// A number from 0 up to `below`, the same for the same seed and thing.
pub(super) fn pick(seed: u64, thing: impl Hash, below: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    (seed, thing).hash(&mut hasher);
    usize::try_from(hasher.finish() % below as u64).unwrap()
}

/// Fails with a clear message where `strace` cannot do its work.
pub(super) async fn strace_works() {
    let mut strace = tokio::process::Command::new("strace");
    strace.args(["-D", "-f", "-o", "/dev/null", "-e", "trace=fsync", "-e", "inject=fsync:signal=KILL:when=1"]);
    let status = strace.args(["sync", "Cargo.toml"]).status().await;
    let status = status.expect("strace is installed: scripts/test.sh sees to it");
    assert!(status.code().is_none(), "strace cannot trace here, or cannot kill: {status}");
}

impl World {
    /// Sets everything up for this many replicas, and leaves none running.
    pub(super) async fn make(database: Database, plans: Vec<Plan>, replicas: usize) -> Arc<Self> {
        let home = || Home { folder: tempfile::tempdir().unwrap(), port: port(), hub: tokio::sync::Mutex::default() };
        let homes: Vec<Home> = (0..replicas).map(|_| home()).collect();
        let trigger = Arc::new(Trigger::default());
        let url = if database.url.starts_with("postgres") {
            relay(database.folder.path(), &database.url, Arc::clone(&trigger))
        } else {
            database.url.clone()
        };
        // Replicas share the key of stored secrets.
        let key = database.folder.path().join("secrets.key");
        std::fs::write(&key, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n").unwrap();
        let settings = vec![
            ("COUNTERSIGN_DATABASE_URL", url),
            ("COUNTERSIGN_DELIVERY_TIMEOUT_SEC", "1".to_owned()),
            ("COUNTERSIGN_SECRETS_KEY_FILE", key.display().to_string()),
        ];
        let mut world = Self {
            client: Client::new(homes.iter().map(|home| format!("http://127.0.0.1:{}", home.port)).collect()),
            targets: BTreeMap::new(),
            trigger,
            kept: Mutex::default(),
            deaths: Mutex::default(),
            asked: AtomicUsize::default(),
            database,
            homes,
            settings,
        };
        world.run(0).await;
        let dba = json!({"members": ["dana@example.com", "erik@example.com"]});
        world.client.call(Method::PUT, "/v1/groups/dba", "-", &dba).await;
        world.client.call(Method::PUT, "/v1/resources/orders", "-", &json!({"slots": [{"group": "dba"}]})).await;
        for plan in plans {
            let url = plan.url.as_ref().unwrap_or(&plan.receiver.url);
            let input = json!({"name": plan.name.replace(' ', "-"), "channel": "custom", "url": url});
            let (status, made) =
                world.client.call(Method::POST, "/v1/endpoints", &plan.name.replace(' ', "-"), &input).await;
            assert_eq!(status, 201, "{made}");
            world.targets.insert(made["id"].as_str().unwrap().to_owned(), plan);
        }
        world.kill(0).await;
        for (id, plan) in &world.targets {
            let transport = json!({
                "schedule": plan.schedule, "concurrency": plan.concurrency, "rate_per_second": plan.rate,
            });
            let sql = format!("UPDATE endpoints SET transport = '{transport}' WHERE id = '{id}'");
            Database::run(&world.database.url, sql).await;
        }
        Arc::new(world)
    }

    fn settings(&self) -> Vec<(&str, &str)> {
        self.settings.iter().map(|(name, value)| (*name, value.as_str())).collect()
    }

    /// Records an event that may lose results.
    pub(super) fn died(&self) {
        self.deaths.lock().unwrap().push(SystemClock.now());
    }

    /// Starts a hub without faults.
    pub(super) async fn run(&self, replica: usize) {
        let hub = self.start(replica).await.expect("the hub starts");
        *self.homes[replica].hub.lock().await = Some(hub);
    }

    pub(super) async fn start(&self, replica: usize) -> Result<HubProcess, String> {
        let home = &self.homes[replica];
        HubProcess::start(home.folder.path(), home.port, &self.settings()).await
    }

    /// Starts a hub with system calls tampered by `strace`.
    pub(super) async fn run_traced(&self, inject: &[&str]) {
        *self.homes[0].hub.lock().await = Some(self.start_traced(inject).await.expect("the hub starts"));
    }

    pub(super) async fn start_traced(&self, inject: &[&str]) -> Result<HubProcess, String> {
        let home = &self.homes[0];
        HubProcess::start_traced(home.folder.path(), home.port, &self.settings(), inject).await
    }

    /// The result of `inspect` for a running replica.
    pub(super) async fn inspect<T>(&self, replica: usize, inspect: impl FnOnce(&HubProcess) -> T) -> T {
        inspect(self.homes[replica].hub.lock().await.as_ref().expect("a hub runs"))
    }

    pub(super) async fn kill(&self, replica: usize) {
        self.homes[replica].hub.lock().await.take().expect("a hub to kill").kill().await;
        self.died();
    }

    /// Makes a request without deciding it.
    pub(super) async fn ask_only(&self) {
        let id = self.client.ask(self.asked.fetch_add(1, Ordering::Relaxed)).await;
        self.kept.lock().unwrap().insert(id, "pending");
    }

    /// Makes a request, and decides every other one at once.
    pub(super) async fn ask(&self) {
        let number = self.asked.fetch_add(1, Ordering::Relaxed);
        let id = self.client.ask(number).await;
        let status = if number.is_multiple_of(2) {
            let path = format!("/v1/requests/{id}/approve");
            let vote = json!({"on_behalf_of": "dana@example.com"});
            let (status, decided) = self.client.call(Method::POST, &path, "-", &vote).await;
            assert_eq!((status, decided["status"].as_str()), (200, Some("approved")), "{decided}");
            "approved"
        } else {
            "pending"
        };
        self.kept.lock().unwrap().insert(id, status);
    }

    /// Waits until every delivery has ended.
    pub(super) async fn quiet(&self) {
        let sql = "SELECT state, COUNT(*) FROM deliveries WHERE state IN ('pending', 'leased') GROUP BY state";
        let waiting = async {
            while !Database::tally(&self.database.url, sql.to_owned()).await.is_empty() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let is_quiet = tokio::time::timeout(QUIET, waiting).await.is_ok();
        let left = Database::tally(&self.database.url, sql.to_owned()).await;
        assert!(is_quiet, "deliveries never ended: {left:?}");
    }
}
