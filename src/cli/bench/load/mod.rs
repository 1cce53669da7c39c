//! The load: creates requests as many clients do. It reads orders from standard input, so that it ends with the process
//! that started it.

mod client;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

use self::client::{Client, Target};
use super::helper::{Orders, answer};
use super::marker::{Kind, now};

/// Create requests for a benchmark.
#[derive(Debug, Args)]
pub(in crate::cli) struct BenchLoad {
    /// Where the hub listens
    #[arg(long, value_name = "ADDR:PORT")]
    hub: SocketAddr,
    /// Its admin token
    #[arg(long, env = super::super::client::TOKEN_VARIABLE, hide_env_values = true, value_name = "TOKEN")]
    token: SecretString,
}

/// An order to the load.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Order {
    /// Creates requests; answered with [`Asked`] when all requests are answered.
    Start(Job),
    /// Starts no more requests.
    Stop,
}

/// The requests to create.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Job {
    pub(super) kind: Kind,
    pub(super) pace: Pace,
    pub(super) extent: Extent,
}

/// The pace of requests.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Pace {
    /// A closed loop: this many clients, each of which sends its next request once the last is answered.
    Clients(u32),
    /// An open loop: this many requests per second on schedule, however long the answers take.
    PerSecond(u32),
}

/// When a job ends. An order to stop ends it earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Extent {
    Count(u32),
    Seconds(u32),
    UntilStopped,
}

/// The result of a job.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Asked {
    /// Number of requests sent, numbered from 0.
    pub(super) sent: u32,
    /// Numbers of the requests that were not answered 201.
    pub(super) failed: Vec<u32>,
    /// The first failure.
    pub(super) trouble: Option<String>,
    /// Start of the first request.
    pub(super) started: u64,
    /// Time of the last answer.
    pub(super) ended: u64,
}

impl Asked {
    /// Number of requests that were answered 201.
    pub(super) fn accepted(&self) -> u32 {
        self.sent.saturating_sub(self.failed.len() as u32)
    }

    /// Requests answered 201 per second.
    pub(super) fn rate(&self) -> f64 {
        super::measure::per_second(self.accepted(), self.started, self.ended)
    }
}

/// A job under way.
struct Run {
    target: Target,
    extent: Extent,
    until: Option<Instant>,
    /// A std mutex: locked for a step, never across an await.
    asked: Mutex<Asked>,
    stopped: tokio_util::sync::CancellationToken,
}

impl BenchLoad {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<()> {
        let mut orders = Orders::from_stdin();
        while let Some(order) = orders.next().await? {
            // A stop order for a job that has already ended is ignored.
            let Order::Start(job) = order else { continue };
            let run = Arc::new(Run::new(Target::new(self.hub, &self.token, job.kind)?, job.extent));
            let mut work = tokio::spawn(Arc::clone(&run).work(job.pace));
            let ended = tokio::select! {
                ended = &mut work => ended,
                order = orders.next::<Order>() => {
                    order?;
                    run.stopped.cancel();
                    work.await
                }
            };
            ended.context("the load panicked")?;
            answer(&*run.asked())?;
        }
        Ok(())
    }
}

impl Run {
    fn new(target: Target, extent: Extent) -> Self {
        let until = match extent {
            Extent::Seconds(seconds) => Some(Instant::now() + Duration::from_secs(seconds.into())),
            Extent::Count(_) | Extent::UntilStopped => None,
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
                let mut client = Client::default();
                while let Some(number) = run.next() {
                    run.create(&mut client, number).await;
                }
            });
        }
        busy.join_all().await;
    }

    /// An open loop: a request that is not answered yet does not delay the next.
    async fn open(self: Arc<Self>, rate: u32) {
        let idle = Arc::new(Mutex::new(Vec::<Client>::new()));
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate.max(1));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut busy = JoinSet::new();
        while self.stopped.run_until_cancelled(ticks.tick()).await.is_some() {
            let Some(number) = self.next() else { break };
            let (run, idle) = (Arc::clone(&self), Arc::clone(&idle));
            busy.spawn(async move {
                let kept = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
                let mut client = kept.unwrap_or_default();
                run.create(&mut client, number).await;
                idle.lock().unwrap_or_else(PoisonError::into_inner).push(client);
            });
            // Removes the tasks that have ended.
            while busy.try_join_next().is_some() {}
        }
        busy.join_all().await;
    }

    /// The number of the next request, unless the job has reached its extent.
    fn next(&self) -> Option<u32> {
        let mut asked = self.asked();
        let enough = match self.extent {
            Extent::Count(count) => asked.sent >= count,
            Extent::Seconds(_) | Extent::UntilStopped => self.until.is_some_and(|until| Instant::now() >= until),
        };
        if enough || self.stopped.is_cancelled() {
            return None;
        }
        asked.sent += 1;
        Some(asked.sent - 1)
    }

    async fn create(&self, client: &mut Client, number: u32) {
        let answered = client.create(&self.target, number).await;
        let mut asked = self.asked();
        asked.ended = now();
        if let Err(trouble) = answered {
            asked.failed.push(number);
            asked.trouble.get_or_insert(trouble);
        }
    }
}
