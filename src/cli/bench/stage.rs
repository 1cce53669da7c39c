//! The three processes of a scenario: a hub, a sink that takes its messages, a load that asks it.

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

/// How often the sink is asked whether everything has arrived.
const LOOK: Duration = Duration::from_millis(50);

/// Where scenarios take place.
pub(super) struct Site {
    root: TempDir,
    database: Option<SecretString>,
    /// How much they do.
    pub(super) sizes: Sizes,
}

impl Site {
    /// A new folder, and the database if one is named.
    pub(super) fn new(database: Option<SecretString>, sizes: Sizes) -> anyhow::Result<Self> {
        let root = tempfile::Builder::new().prefix("countersign-bench-").tempdir().context("cannot make a folder")?;
        Ok(Self { root, database, sizes })
    }

    /// Starts a hub. Those of the same name share a data folder, and SQLite's file in it.
    pub(super) async fn hub(&self, name: &str) -> anyhow::Result<Hub> {
        Hub::start(&self.folder(name), self.database.as_ref()).await
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }
}

/// What came of some asks: of the asking, and of the messages.
#[derive(Debug, Clone, Default)]
pub(super) struct Outcome {
    pub(super) asked: Asked,
    pub(super) report: sink::Report,
}

impl Outcome {
    /// Messages that arrived, a second: until the last one had.
    pub(super) fn rate(&self) -> f64 {
        super::measure::per_second(self.report.delivered, self.asked.started, self.report.last)
    }
}

/// Processor time that was used, in seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cpu {
    pub(super) hub: f64,
    pub(super) sink: f64,
    pub(super) load: f64,
    /// Of all PostgreSQL processes of the machine; none without any, and none when another database is used.
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
    /// Starts all three, and configures the hub to tell the sink at these paths.
    pub(super) async fn set(site: &Site, name: &str, paths: &[&str]) -> anyhow::Result<Self> {
        let hub = site.hub(name).await?;
        let mut sink = Helper::start("bench-sink", &[], None)?;
        let sink::Place { address: target } = sink.hear().await?;
        let arguments = ["--hub".to_owned(), hub.address()?.to_string()];
        let load = Helper::start("bench-load", &arguments, Some(hub.token()))?;
        let postgres = site.database.is_some();
        let mut stage = Self { hub, sizes: site.sizes, sink, load, target, postgres };
        stage.open().await?;
        stage.forget_endpoints().await?;
        let endpoints: Vec<_> = paths.iter().map(|path| stage.endpoint(path)).collect();
        stage.hub.call(Method::POST, "/v1/apply", Some(&policy::manifest(&endpoints))).await?;
        Ok(stage)
    }

    /// An endpoint for a path of the sink.
    pub(super) fn endpoint(&self, path: &str) -> Value {
        let name = path.trim_matches('/').replace('/', "-");
        policy::endpoint(&name, &format!("http://{}{path}", self.target))
    }

    /// A database that is used again has those of the scenario before, whose sink is gone.
    async fn forget_endpoints(&self) -> anyhow::Result<()> {
        let list = self.hub.call(Method::GET, "/v1/endpoints?limit=500", None).await?;
        let items = list.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        for id in items.iter().filter_map(|item| item.get("id").and_then(Value::as_str)) {
            self.hub.call(Method::DELETE, &format!("/v1/endpoints/{id}"), None).await?;
        }
        Ok(())
    }

    /// Opens the sink; answers when that was.
    pub(super) async fn open(&mut self) -> anyhow::Result<u64> {
        self.sink.ask(&sink::Order::Open).await
    }

    /// Closes the sink.
    pub(super) async fn close(&mut self) -> anyhow::Result<()> {
        self.sink.ask(&sink::Order::Close).await
    }

    /// Has the sink forget what arrived, and let go of what it holds up.
    pub(super) async fn reset(&mut self) -> anyhow::Result<()> {
        self.sink.ask(&sink::Order::Reset).await
    }

    /// Asks, waits for all answers.
    pub(super) async fn ask(&mut self, job: Job) -> anyhow::Result<Asked> {
        self.begin(job).await?;
        self.load.hear().await
    }

    /// Begins to ask.
    pub(super) async fn begin(&mut self, job: Job) -> anyhow::Result<()> {
        self.load.say(&load::Order::Start(job)).await
    }

    /// Stops what [`Stage::begin`] began that would not end by itself.
    pub(super) async fn end(&mut self) -> anyhow::Result<Asked> {
        self.load.ask(&load::Order::Stop).await
    }

    /// Waits until everything has arrived, or nothing more does.
    pub(super) async fn arrival(&mut self, kind: char, asked: Asked, paths: &[&str]) -> anyhow::Result<Outcome> {
        let expect = sink::Expect {
            kind,
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
            sent: asked.sent,
            failed: asked.failed.clone(),
        };
        let (mut least, mut since) = (u32::MAX, Instant::now());
        loop {
            let missing: u32 = self.sink.ask(&sink::Order::Missing(expect.clone())).await?;
            if missing < least {
                (least, since) = (missing, Instant::now());
            }
            if missing == 0 || since.elapsed() > self.sizes.patience {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
        let report = self.sink.ask(&sink::Order::Report(expect)).await?;
        Ok(Outcome { asked, report })
    }

    /// A closed loop, until all its messages have arrived.
    pub(super) async fn busy(&mut self, kind: char, extent: Extent, paths: &[&str]) -> anyhow::Result<Outcome> {
        let asked = self.ask(Job { kind, pace: Pace::Clients(self.sizes.clients), extent }).await?;
        self.arrival(kind, asked, paths).await
    }

    /// An open loop, until all its messages have arrived.
    pub(super) async fn steady(
        &mut self,
        kind: char,
        rate: u32,
        extent: Extent,
        paths: &[&str],
    ) -> anyhow::Result<Outcome> {
        let asked = self.ask(Job { kind, pace: Pace::PerSecond(rate), extent }).await?;
        self.arrival(kind, asked, paths).await
    }

    /// Processor time used so far.
    pub(super) fn cpu(&self) -> anyhow::Result<Cpu> {
        Ok(Cpu {
            hub: usage::cpu_seconds(self.hub.process())?,
            sink: usage::cpu_seconds(self.sink.process()?)?,
            load: usage::cpu_seconds(self.load.process()?)?,
            postgres: if self.postgres { usage::postgres_cpu_seconds() } else { None },
        })
    }

    /// Stops the hub as an operator would; the others end with their input.
    pub(super) async fn clear(mut self) -> anyhow::Result<()> {
        self.reset().await?;
        self.hub.stop().await
    }
}
