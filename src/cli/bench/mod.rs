//! `countersign bench`: measures a hub on this machine.
//!
//! The hub, the sink (which receives messages) and the load (which creates requests) are separate processes, so that
//! the CPU and memory of each can be measured. The hub is a normal `countersign serve`, and is used over HTTP only.

mod body;
mod browser;
mod helper;
mod hub;
mod load;
mod marker;
mod measure;
mod policy;
mod scenarios;
mod sheet;
mod sink;
mod sizes;
mod stage;
mod usage;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

pub(super) use self::load::BenchLoad;
use self::measure::progress;
use self::scenarios::{drain, fanout, idle, latency, pages, rate, render, sessions};
use self::sheet::Sheet;
pub(super) use self::sink::BenchSink;
use self::sizes::Sizes;
use self::stage::Site;
use super::output;
use super::signals::Signals;
use crate::store::Store;

/// Measure the performance of a hub on this machine.
#[derive(Debug, Args)]
pub(super) struct Bench {
    /// An empty PostgreSQL database to use; the run leaves its data there [default: SQLite in a temporary folder]
    #[arg(long, value_name = "URL")]
    database: Option<SecretString>,
    /// Run small versions of all scenarios: checks that no message is lost; the figures are not meaningful
    #[arg(long)]
    short: bool,
    /// Run only these scenarios, comma-separated [default: all]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<Scenario>,
    /// Concurrent clients that create requests without a pause [default: 128]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    clients: Option<u32>,
    /// Duration of one measurement in seconds; some take three times as long [default: 10]
    #[arg(long, value_name = "N", conflicts_with = "short", value_parser = clap::value_parser!(u32).range(1..=3_600))]
    seconds: Option<u32>,
    /// Requests created during the outage of `drain` [default: 100000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    backlog: Option<u32>,
    /// Requests in the database of `idle` and `pages` [default: 20000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    fill: Option<u32>,
    /// Write the figures as JSON to a file, or with `-` to standard output instead of the table
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// The scenarios.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Scenario {
    /// Maximum throughput of requests and messages
    Rate,
    /// Time from a request to the arrival of its message
    Latency,
    /// Effect of one bad target on the others
    Fanout,
    /// Recovery after an outage of the target
    Drain,
    /// Start time and memory of a hub without load
    Idle,
    /// Time to render a message
    Render,
    /// Cost of sessions of people who signed in
    Sessions,
    /// Time to make a page, with many requests in the database
    Pages,
}

impl Bench {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let mut signals = Signals::listen()?;
        // Dropping the future ends all processes and deletes the folder.
        let sheets = tokio::select! {
            sheets = self.sheets() => sheets?,
            _ = signals.next() => anyhow::bail!("stopped; nothing was measured"),
        };
        let faults: Vec<_> = sheets.iter().filter_map(Sheet::fault).collect();
        let figures = format!("{:#}\n", self.figures(&sheets, faults.is_empty()));
        let table = || sheets.iter().map(Sheet::table).collect::<Vec<_>>().join("\n");
        match self.json.as_deref() {
            Some(path) if path == Path::new("-") => output::print_exact(figures.as_bytes())?,
            Some(path) => {
                std::fs::write(path, figures).with_context(|| format!("cannot write {}", path.display()))?;
                output::print(&table())?;
            }
            None => output::print(&table())?,
        }
        for fault in &faults {
            output::eprint(&format!("countersign: {fault}"));
        }
        Ok(if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    async fn sheets(&self) -> anyhow::Result<Vec<Sheet>> {
        if cfg!(debug_assertions) && !self.short {
            progress("this is a debug build, which is many times slower than a release build");
        }
        self.check_database().await?;
        let site = Site::new(self.database.clone(), self.sizes())?;
        let wanted = |scenario: &Scenario| self.only.is_empty() || self.only.contains(scenario);
        let empty = match wanted(&Scenario::Idle) {
            true => Some(idle::start(&site).await?),
            false => None,
        };
        let mut sheets = Vec::new();
        for scenario in <Scenario as clap::ValueEnum>::value_variants().iter().filter(|scenario| wanted(scenario)) {
            progress(&format!("{scenario:?}").to_lowercase());
            let sheet = match (scenario, &empty) {
                (Scenario::Rate, _) => rate::run(&site).await?,
                (Scenario::Latency, _) => latency::run(&site).await?,
                (Scenario::Fanout, _) => fanout::run(&site).await?,
                (Scenario::Drain, _) => drain::run(&site).await?,
                (Scenario::Idle, Some(empty)) => idle::run(&site, empty).await?,
                (Scenario::Idle, None) => continue,
                (Scenario::Render, _) => render::run(&site)?,
                (Scenario::Sessions, _) => sessions::run(&site).await?,
                (Scenario::Pages, _) => pages::run(&site).await?,
            };
            sheets.push(sheet);
        }
        Ok(sheets)
    }

    /// Refuses a database with tables: a run overwrites policies and deletes endpoints.
    async fn check_database(&self) -> anyhow::Result<()> {
        let Some(url) = self.database.as_ref().map(ExposeSecret::expose_secret) else { return Ok(()) };
        anyhow::ensure!(
            url.starts_with("postgres://") || url.starts_with("postgresql://"),
            "--database: the URL must begin with postgres://; without this option, SQLite is measured"
        );
        anyhow::ensure!(Store::is_unused(url).await?, "--database: it contains tables; use a new, empty database");
        Ok(())
    }

    fn sizes(&self) -> Sizes {
        let sizes = if self.short { Sizes::short() } else { Sizes::full(self.seconds.unwrap_or(10)) };
        Sizes {
            clients: self.clients.unwrap_or(sizes.clients),
            backlog: self.backlog.unwrap_or(sizes.backlog),
            fill: self.fill.unwrap_or(sizes.fill),
            ..sizes
        }
    }

    fn figures(&self, sheets: &[Sheet], ok: bool) -> Value {
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "build": if cfg!(debug_assertions) { "debug" } else { "release" },
            "database": if self.database.is_some() { "postgres" } else { "sqlite" },
            "short": self.short,
            "cores": std::thread::available_parallelism().map_or(0, usize::from),
            "ok": ok,
            "scenarios": sheets.iter().map(Sheet::json).collect::<Map<_, _>>(),
        })
    }
}
