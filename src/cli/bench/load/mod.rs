//! The load: asks the hub as many clients do. Told what to do by lines on standard input, so that it ends when whoever started it
//! ends.

mod asker;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

use self::asker::{Asker, Target};
use super::helper::{Orders, answer};
use super::marker::{Kind, now};

/// Ask for a benchmark.
#[derive(Debug, Args)]
pub(in crate::cli) struct BenchLoad {
    /// Where the hub listens
    #[arg(long, value_name = "ADDR:PORT")]
    hub: SocketAddr,
    /// Its admin token
    #[arg(long, env = super::super::client::TOKEN_VARIABLE, hide_env_values = true, value_name = "TOKEN")]
    token: SecretString,
}

/// What a load can be told.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Order {
    /// Ask like this; answered with [`Asked`] when all asks are answered.
    Start(Job),
    /// Start no more asks.
    Stop,
}

/// Asks to make.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Job {
    /// Their kind.
    pub(super) kind: Kind,
    /// How they follow one another.
    pub(super) pace: Pace,
    /// How many.
    pub(super) extent: Extent,
}

/// How asks follow one another.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Pace {
    /// So many clients, each of which asks anew as soon as it is answered.
    Clients(u32),
    /// So many a second, on schedule, however long answers take.
    PerSecond(u32),
}

/// When it is enough; an order to stop ends it earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Extent {
    Count(u32),
    Seconds(u32),
    UntilTold,
}

/// What came of a job.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Asked {
    /// Asks made, numbered from 0.
    pub(super) sent: u32,
    /// Those that were not answered 201.
    pub(super) failed: Vec<u32>,
    /// What the first of those met with.
    pub(super) trouble: Option<String>,
    /// When the first ask was made.
    pub(super) started: u64,
    /// When the last was answered.
    pub(super) ended: u64,
}

impl Asked {
    /// Asks that were answered 201.
    pub(super) fn accepted(&self) -> u32 {
        self.sent.saturating_sub(self.failed.len() as u32)
    }

    /// Those a second.
    pub(super) fn rate(&self) -> f64 {
        super::measure::per_second(self.accepted(), self.started, self.ended)
    }
}

/// A job under way.
struct Run {
    target: Target,
    extent: Extent,
    until: Option<Instant>,
    /// A std mutex: held for a step, never across an await.
    asked: Mutex<Asked>,
    stopped: tokio_util::sync::CancellationToken,
}

impl BenchLoad {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<()> {
        let mut orders = Orders::from_stdin();
        while let Some(order) = orders.next().await? {
            // One to stop what has ended by itself comes late, and means nothing.
            let Order::Start(job) = order else { continue };
            let run = Arc::new(Run::new(Target::new(self.hub, &self.token, job.kind)?, job.extent));
            let mut work = tokio::spawn(Arc::clone(&run).work(job.pace));
            let ended = tokio::select! {
                ended = &mut work => ended,
                told = orders.next::<Order>() => {
                    told?;
                    run.stopped.cancel();
                    work.await
                }
            };
            ended.context("the load broke off")?;
            answer(&*run.asked())?;
        }
        Ok(())
    }
}

impl Run {
    fn new(target: Target, extent: Extent) -> Self {
        let until = match extent {
            Extent::Seconds(seconds) => Some(Instant::now() + Duration::from_secs(seconds.into())),
            Extent::Count(_) | Extent::UntilTold => None,
        };
        let asked = Mutex::new(Asked { started: now(), ..Asked::default() });
        Self { target, extent, until, asked, stopped: tokio_util::sync::CancellationToken::new() }
    }

    fn asked(&self) -> std::sync::MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn work(self: Arc<Self>, pace: Pace) {
        match pace {
            Pace::Clients(clients) => self.closed(clients).await,
            Pace::PerSecond(rate) => self.open(rate).await,
        }
    }

    /// A closed loop.
    async fn closed(self: Arc<Self>, clients: u32) {
        let mut busy = JoinSet::new();
        for _ in 0..clients {
            let run = Arc::clone(&self);
            busy.spawn(async move {
                let mut asker = Asker::default();
                while let Some(number) = run.next() {
                    run.ask(&mut asker, number).await;
                }
            });
        }
        busy.join_all().await;
    }

    /// An open loop: whoever is not answered yet does not hold up the next.
    async fn open(self: Arc<Self>, rate: u32) {
        let idle = Arc::new(Mutex::new(Vec::<Asker>::new()));
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate.max(1));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut busy = JoinSet::new();
        while self.stopped.run_until_cancelled(ticks.tick()).await.is_some() {
            let Some(number) = self.next() else { break };
            let (run, idle) = (Arc::clone(&self), Arc::clone(&idle));
            busy.spawn(async move {
                let kept = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
                let mut asker = kept.unwrap_or_default();
                run.ask(&mut asker, number).await;
                idle.lock().unwrap_or_else(PoisonError::into_inner).push(asker);
            });
            // Keeps the set as small as what is under way.
            while busy.try_join_next().is_some() {}
        }
        busy.join_all().await;
    }

    /// The number of the next ask, unless it is enough.
    fn next(&self) -> Option<u32> {
        let mut asked = self.asked();
        let enough = match self.extent {
            Extent::Count(count) => asked.sent >= count,
            Extent::Seconds(_) | Extent::UntilTold => self.until.is_some_and(|until| Instant::now() >= until),
        };
        if enough || self.stopped.is_cancelled() {
            return None;
        }
        asked.sent += 1;
        Some(asked.sent - 1)
    }

    async fn ask(&self, asker: &mut Asker, number: u32) {
        let answered = asker.ask(&self.target, number).await;
        let mut asked = self.asked();
        asked.ended = now();
        if let Err(trouble) = answered {
            asked.failed.push(number);
            asked.trouble.get_or_insert(trouble);
        }
    }
}
