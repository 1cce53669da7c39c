//! The size of each scenario.

use std::time::Duration;

use super::load::Extent;

/// Requests per second of the open loops.
pub(super) const STEADY: u32 = 50;
/// New requests per second while a backlog drains.
pub(super) const FRESH: u32 = 20;

/// The sizes of one run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    /// Clients of a closed loop.
    pub(super) clients: u32,
    /// Fills caches and opens connections before a measurement.
    pub(super) warm_up: Extent,
    /// A closed loop that measures a rate.
    pub(super) busy: Extent,
    /// The closed loops of `fanout`. They are short, since there are many, and each request has four messages.
    pub(super) burst: Extent,
    /// The open loop of `latency`.
    pub(super) latency: Extent,
    /// The open loops of `fanout` and `drain`.
    pub(super) steady: Extent,
    /// Repetitions of each bad mode in `fanout`.
    pub(super) rounds: u32,
    /// Requests created during the outage of `drain`.
    pub(super) backlog: u32,
    /// Requests that `idle` and `pages` create.
    pub(super) fill: u32,
    /// How often `idle` starts the hub on the same database.
    pub(super) starts: u32,
    /// Messages of each kind that `render` makes.
    pub(super) renders: u32,
    /// Live sessions of `sessions`.
    pub(super) sessions: u32,
    /// Reads of each kind that `sessions` and `pages` make.
    pub(super) reads: u32,
    /// Time after which a hub without load counts as idle.
    pub(super) settle: Duration,
    /// Time without an arrival after which missing messages count as lost.
    pub(super) patience: Duration,
}

impl Sizes {
    /// The sizes of a measurement.
    pub(super) const fn full(seconds: u32) -> Self {
        Self {
            clients: 128,
            warm_up: Extent::Seconds(2),
            busy: Extent::Seconds(seconds),
            burst: Extent::Seconds(seconds.div_ceil(4)),
            latency: Extent::Count(3 * seconds * STEADY),
            steady: Extent::Seconds(seconds),
            rounds: 3,
            backlog: 100_000,
            fill: 20_000,
            starts: 3,
            renders: 5_000,
            sessions: 10_000,
            reads: 5_000,
            settle: Duration::from_secs(3),
            // After a long outage, back-off can delay single messages for minutes.
            patience: Duration::from_secs(900),
        }
    }

    /// Small sizes, which only check that no message is lost.
    pub(super) const fn short() -> Self {
        Self {
            clients: 16,
            warm_up: Extent::Count(32),
            busy: Extent::Count(100),
            burst: Extent::Count(100),
            latency: Extent::Count(50),
            steady: Extent::Count(25),
            rounds: 1,
            backlog: 300,
            fill: 200,
            starts: 1,
            renders: 50,
            sessions: 100,
            reads: 50,
            settle: Duration::from_millis(200),
            patience: Duration::from_secs(60),
        }
    }
}
