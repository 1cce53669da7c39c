//! Timestamps and clocks. Only [`SystemClock`] reads the machine's time. Tests inject a [`ManualClock`] and never
//! sleep.

use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tokio::sync::watch;

use crate::unicode::unwrapped;

/// Microseconds since 1970-01-01T00:00:00Z. In JSON it is RFC 3339 in UTC with exactly six fractional digits; in the
/// databases an integer. With a variable number of digits, texts would not sort by time, and some readers would fail:
/// Java's patterns, Python before 3.11, data frames that infer a column's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// The start of the year 1, the first time whose RFC 3339 form all programs read.
const FIRST: jiff::Timestamp = jiff::Timestamp::constant(-62_135_596_800, 0);

/// The text is not an RFC 3339 time.
#[derive(Debug, Clone, thiserror::Error)]
pub enum InvalidTime {
    #[error("not a time such as 2026-11-21T22:00:00Z: {0}")]
    Form(jiff::Error),
    #[error("a time must be between the years 1 and 9999")]
    Year,
}

impl Timestamp {
    /// The time `micros` microseconds after the epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// The time since `earlier`; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// As a clock in that zone shows it.
    pub fn in_zone(self, zone: &jiff::tz::TimeZone) -> jiff::Zoned {
        self.to_jiff().to_zoned(zone.clone())
    }

    fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_microsecond(self.0).unwrap_or(jiff::Timestamp::MAX)
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.6}", self.to_jiff())
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTime;

    /// Reads RFC 3339, with any offset. Digits beyond microseconds are dropped.
    fn from_str(text: &str) -> Result<Self, InvalidTime> {
        let time: jiff::Timestamp = unwrapped(text).parse().map_err(InvalidTime::Form)?;
        // RFC 3339 has years of four digits, and the calendars of some languages begin with year 1.
        if time < FIRST { Err(InvalidTime::Year) } else { Ok(Self(time.as_microsecond())) }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// How far the clocks of replicas may differ. A stored time is wrong if it is more than this beyond the latest time
/// that a correct clock could have set: then it was set before a clock was set back.
pub const CLOCK_SLACK: Duration = Duration::from_secs(300);

/// A source of time.
pub trait Clock: Send + Sync + 'static {
    /// The current time.
    fn now(&self) -> Timestamp;

    /// Resolves once [`Clock::now`] has reached `deadline`, after `most` at the latest, or sooner when the clock is put
    /// back. The caller then checks again: a deadline from before the clock was set back may be too far ahead.
    fn sleep_until(&self, deadline: Timestamp, most: Duration) -> BoxFuture<'static, ()>;
}

/// A clock, shared.
pub type SharedClock = Arc<dyn Clock>;

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's time")]
    fn now(&self) -> Timestamp {
        Timestamp(jiff::Timestamp::now().as_microsecond())
    }

    fn sleep_until(&self, deadline: Timestamp, most: Duration) -> BoxFuture<'static, ()> {
        let wait = deadline.since(self.now()).min(most);
        Box::pin(tokio::time::sleep(wait))
    }
}

/// A clock for tests, which moves only on demand.
#[derive(Debug, Clone)]
pub struct ManualClock {
    now: watch::Sender<Timestamp>,
}

impl ManualClock {
    /// A clock that shows `start`.
    pub fn starting_at(start: Timestamp) -> Self {
        Self { now: watch::Sender::new(start) }
    }

    /// Moves the clock forward and wakes the tasks whose deadline has passed.
    pub fn advance(&self, duration: Duration) {
        self.now.send_modify(|now| *now = *now + duration);
    }

    /// Puts the clock back, as an operator or a time server does.
    pub fn put_back(&self, duration: Duration) {
        self.now.send_modify(|now| *now = *now - duration);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.now.borrow()
    }

    fn sleep_until(&self, deadline: Timestamp, most: Duration) -> BoxFuture<'static, ()> {
        let mut now = self.now.subscribe();
        let since = *now.borrow();
        let end = deadline.min(since + most);
        Box::pin(async move {
            // An error means that the clock was dropped: the deadline never comes.
            if now.wait_for(|now| *now >= end || *now < since).await.is_err() {
                std::future::pending::<()>().await;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3339_and_back() {
        let moment: Timestamp = "2026-11-21T21:08:25.000123Z".parse().expect("valid");
        assert_eq!(moment.to_string(), "2026-11-21T21:08:25.000123Z");
        assert_eq!("2026-11-21T22:08:25.000123+01:00".parse::<Timestamp>().expect("valid"), moment);
        for wrong in
            ["yesterday", "2026-11-21", "2026-11-21T21:08:25", "-000043-03-15T12:00:00Z", "0000-12-31T23:59:59Z"]
        {
            assert!(wrong.parse::<Timestamp>().is_err(), "{wrong}");
        }
        assert_eq!(
            "0001-01-01T00:00:00Z".parse::<Timestamp>().expect("valid").to_string(),
            "0001-01-01T00:00:00.000000Z"
        );
    }

    #[test]
    fn every_time_is_written_with_six_digits() {
        for micros in [0, 1, 120_000, 999_999, 1_000_000, 1_764_369_850_120_000, 1_764_369_850_000_000, i64::MAX, -1] {
            let text = Timestamp::from_micros(micros).to_string();
            assert!(text.len() == 27 && text.ends_with('Z') && text.as_bytes().get(19) == Some(&b'.'), "{text}");
        }
        assert_eq!(serde_json::to_value(Timestamp::from_micros(500_000)).expect("JSON"), "1970-01-01T00:00:00.500000Z");
    }

    #[tokio::test]
    async fn manual_clock_wakes_sleepers_at_the_deadline_and_not_before() {
        let clock = ManualClock::starting_at(Timestamp::from_micros(0));
        let sleeper = tokio::spawn(clock.sleep_until(Timestamp::from_micros(2_000_000), Duration::from_secs(9)));
        clock.advance(Duration::from_secs(1));
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        clock.advance(Duration::from_secs(1));
        sleeper.await.expect("the sleeper ends");
    }

    #[tokio::test]
    async fn a_deadline_from_before_the_clock_was_put_back_ends_no_later_than_its_bound() {
        let start = Timestamp::from_micros(1_000_000_000_000);
        let clock = ManualClock::starting_at(start);
        let (soon, most) = (start + Duration::from_secs(1), Duration::from_secs(1));
        let asleep = tokio::spawn(clock.sleep_until(soon, most));
        clock.put_back(Duration::from_secs(1_000));
        asleep.await.expect("the sleeper is woken");
        let late = tokio::spawn(clock.sleep_until(soon, most));
        clock.advance(most);
        late.await.expect("a sleeper with an old deadline sleeps no longer than its bound");
    }
}
