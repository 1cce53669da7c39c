//! The three processes of a scenario: a hub, a sink that receives its messages, and a load that creates requests.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use reqwest::Method;
use secrecy::SecretString;
use serde_json::Value;
use tempfile::TempDir;

use super::helper::Helper;
use super::hub::Hub;
use super::load::{self, Asked, Extent, Job, Pace};
use super::sizes::Sizes;
use super::{policy, sink, usage};

/// Interval at which the sink is polled for missing messages.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// The folder, database and sizes of a run.
pub(super) struct Site {
    root: TempDir,
    database: Option<SecretString>,
    pub(super) sizes: Sizes,
}

impl Site {
    /// Creates a temporary folder, and uses the database if one is given.
    pub(super) fn new(database: Option<SecretString>, sizes: Sizes) -> anyhow::Result<Self> {
        let root = tempfile::Builder::new().prefix("countersign-bench-").tempdir().context("cannot make a folder")?;
        Ok(Self { root, database, sizes })
    }

    /// Starts a hub. Hubs with the same name share a data folder, and the SQLite file in it.
    pub(super) async fn hub(&self, name: &str) -> anyhow::Result<Hub> {
        Hub::start(&self.folder(name), self.database.as_ref()).await
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }
}

/// The outcome of some requests: their answers, and their messages.
#[derive(Debug, Clone, Default)]
pub(super) struct LoadOutcome {
    pub(super) asked: Asked,
    pub(super) report: sink::Report,
}

impl LoadOutcome {
    /// Arrived messages per second, until the last one.
    pub(super) fn rate(&self) -> f64 {
        super::measure::per_second(self.report.delivered, self.asked.started, self.report.last)
    }
}

/// CPU time, in seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cpu {
    pub(super) hub: f64,
    pub(super) sink: f64,
    pub(super) load: f64,
    /// Of all PostgreSQL processes of the machine. None if there are none, or the database is SQLite.
    pub(super) postgres: Option<f64>,
}

/// The processes.
pub(super) struct Stage {
    pub(super) hub: Hub,
    pub(super) sizes: Sizes,
    sink: Helper,
    load: Helper,
    target: SocketAddr,
    postgres: bool,
}

impl Stage {
    /// Starts all three, and configures the hub with endpoints for these paths of the sink.
    pub(super) async fn start(site: &Site, name: &str, paths: &[&str]) -> anyhow::Result<Self> {
        let hub = site.hub(name).await?;
        let mut sink = Helper::start("bench-sink", &[], None)?;
        let sink::SinkAddress { address: target } = sink.read().await?;
        let arguments = ["--hub".to_owned(), hub.address()?.to_string()];
        let load = Helper::start("bench-load", &arguments, Some(hub.token()))?;
        let postgres = site.database.is_some();
        let mut stage = Self { hub, sizes: site.sizes, sink, load, target, postgres };
        stage.open().await?;
        stage.delete_endpoints().await?;
        let endpoints: Vec<_> = paths.iter().map(|path| stage.endpoint(path)).collect();
        stage.hub.call(Method::POST, "/v1/apply", Some(&policy::manifest(&endpoints))).await?;
        Ok(stage)
    }

    /// Returns an endpoint for a path of the sink.
    pub(super) fn endpoint(&self, path: &str) -> Value {
        let name = path.trim_matches('/').replace('/', "-");
        policy::endpoint(&name, &format!("http://{}{path}", self.target))
    }

    /// Deletes the endpoints of an earlier scenario, whose sink has ended, from a shared database.
    async fn delete_endpoints(&self) -> anyhow::Result<()> {
        let list = self.hub.call(Method::GET, "/v1/endpoints?limit=500", None).await?;
        let items = list.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        for id in items.iter().filter_map(|item| item.get("id").and_then(Value::as_str)) {
            self.hub.call(Method::DELETE, &format!("/v1/endpoints/{id}"), None).await?;
        }
        Ok(())
    }

    /// Opens the sink; returns the time of that.
    pub(super) async fn open(&mut self) -> anyhow::Result<u64> {
        self.sink.call(&sink::Order::Open).await
    }

    /// Closes the sink.
    pub(super) async fn close(&mut self) -> anyhow::Result<()> {
        self.sink.call(&sink::Order::Close).await
    }

    /// Makes the sink forget all messages, and end answers that hang.
    pub(super) async fn reset(&mut self) -> anyhow::Result<()> {
        self.sink.call(&sink::Order::Reset).await
    }

    /// Creates requests, and waits for all answers.
    pub(super) async fn run(&mut self, job: Job) -> anyhow::Result<Asked> {
        self.begin(job).await?;
        self.load.read().await
    }

    /// Begins to create requests.
    pub(super) async fn begin(&mut self, job: Job) -> anyhow::Result<()> {
        self.load.write(&load::Order::Start(job)).await
    }

    /// Stops a job without an end that [`Stage::begin`] started.
    pub(super) async fn end(&mut self) -> anyhow::Result<Asked> {
        self.load.call(&load::Order::Stop).await
    }

    /// Waits until all messages have arrived, or none has for too long.
    pub(super) async fn arrival(&mut self, kind: char, asked: Asked, paths: &[&str]) -> anyhow::Result<LoadOutcome> {
        let expect = sink::Expect {
            kind,
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
            sent: asked.sent,
            failed: asked.failed.clone(),
        };
        let (mut least, mut since) = (u32::MAX, Instant::now());
        loop {
            let missing: u32 = self.sink.call(&sink::Order::Missing(expect.clone())).await?;
            if missing < least {
                (least, since) = (missing, Instant::now());
            }
            if missing == 0 || since.elapsed() > self.sizes.patience {
                break;
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        let report = self.sink.call(&sink::Order::Report(expect)).await?;
        Ok(LoadOutcome { asked, report })
    }

    /// Runs a closed loop until all its messages have arrived.
    pub(super) async fn busy(&mut self, kind: char, extent: Extent, paths: &[&str]) -> anyhow::Result<LoadOutcome> {
        let asked = self.run(Job { kind, pace: Pace::Clients(self.sizes.clients), extent }).await?;
        self.arrival(kind, asked, paths).await
    }

    /// Runs an open loop until all its messages have arrived.
    pub(super) async fn steady(
        &mut self,
        kind: char,
        rate: u32,
        extent: Extent,
        paths: &[&str],
    ) -> anyhow::Result<LoadOutcome> {
        let asked = self.run(Job { kind, pace: Pace::PerSecond(rate), extent }).await?;
        self.arrival(kind, asked, paths).await
    }

    /// CPU time used so far.
    pub(super) fn cpu(&self) -> anyhow::Result<Cpu> {
        Ok(Cpu {
            hub: usage::cpu_seconds(self.hub.process())?,
            sink: usage::cpu_seconds(self.sink.process()?)?,
            load: usage::cpu_seconds(self.load.process()?)?,
            postgres: if self.postgres { usage::postgres_cpu_seconds() } else { None },
        })
    }

    /// Stops the hub as an operator would. The others end with their standard input.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        self.reset().await?;
        self.hub.stop().await
    }
}
