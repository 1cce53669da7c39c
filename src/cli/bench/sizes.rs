//! How much each scenario does.

use std::time::Duration;

use super::load::Extent;

/// Asks a second where their number is fixed.
pub(super) const STEADY: u32 = 50;
/// Fresh asks a second beside a backlog.
pub(super) const FRESH: u32 = 20;

/// The sizes of one run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    /// Clients of a closed loop.
    pub(super) clients: u32,
    /// Until caches and connections are there.
    pub(super) warm_up: Extent,
    /// A closed loop that measures a rate.
    pub(super) busy: Extent,
    /// The closed loops of `fanout`, of which there are many, each with four messages an ask to wait for.
    pub(super) burst: Extent,
    /// The open loop of `latency`.
    pub(super) latency: Extent,
    /// The open loops of `fanout` and `drain`, of which there are more.
    pub(super) steady: Extent,
    /// How often `fanout` measures each way of misbehaving.
    pub(super) rounds: u32,
    /// Asks made during the outage of `drain`.
    pub(super) backlog: u32,
    /// Requests that `idle` makes.
    pub(super) fill: u32,
    /// How often `idle` starts the hub on the same database.
    pub(super) starts: u32,
    /// How many messages of each sort `render` makes.
    pub(super) renders: u32,
    /// How long the hub is left alone until it is idle.
    pub(super) settle: Duration,
    /// How long nothing may arrive until what is missing counts as lost.
    pub(super) patience: Duration,
}

impl Sizes {
    /// Those that measure.
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
            settle: Duration::from_secs(3),
            // Back-off after a long outage may make single messages wait for minutes.
            patience: Duration::from_secs(900),
        }
    }

    /// Those that check that nothing is lost and measure nothing worth knowing.
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
            settle: Duration::from_millis(200),
            patience: Duration::from_secs(60),
        }
    }
}
