//! The engine's metrics, in the OpenMetrics text format. They contain no names of endpoints, resources or people, since
//! a monitoring system need not be trusted with those.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::delivery::send::outcome::Class;
use crate::store::deliveries::DeliveryState;
use crate::store::endpoints::Channel;

/// Upper bounds of the buckets, in seconds: from a millisecond to a day.
const BUCKETS: [f64; 16] =
    [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 3_600.0, 86_400.0];

/// The engine's metrics.
pub struct Metrics {
    registry: Registry,
    attempts: Family<AttemptLabels, Counter>,
    durations: Family<AttemptLabels, Histogram, Buckets>,
    first_attempts: Family<ChannelLabel, Histogram, Buckets>,
    ended: Family<StateLabel, Counter>,
    under_way: Gauge,
    held: Gauge,
    due: Gauge,
    oldest: Gauge<f64, AtomicU64>,
    unreadable: Family<TableLabel, Gauge>,
    clock_skew: Gauge<f64, AtomicU64>,
}

/// Deliveries that are due and wait in the database.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Counted up to a limit.
    pub due: u64,
    /// How long the oldest of them has been due.
    pub oldest: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AttemptLabels {
    channel: Name,
    class: Name,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ChannelLabel {
    channel: Name,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabel {
    state: Name,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TableLabel {
    table: Name,
}

/// A label value from a fixed set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Name(&'static str);

impl EncodeLabelValue for Name {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        EncodeLabelValue::encode(&self.0, encoder)
    }
}

#[derive(Debug, Clone, Copy)]
struct Buckets;

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(BUCKETS)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("countersign");
        let attempts = Family::default();
        let durations = Family::new_with_constructor(Buckets);
        let first_attempts = Family::new_with_constructor(Buckets);
        let (ended, under_way, held, due) = (Family::default(), Gauge::default(), Gauge::default(), Gauge::default());
        let oldest = Gauge::default();
        registry.register("delivery_attempts", "Attempts to deliver, by class of the result", attempts.clone());
        let help = "Duration of an attempt";
        registry.register_with_unit("delivery_attempt_duration", help, Unit::Seconds, durations.clone());
        let help = "Time from an event to the first attempt to deliver it";
        registry.register_with_unit("delivery_first_attempt_delay", help, Unit::Seconds, first_attempts.clone());
        registry.register("deliveries_ended", "Deliveries that ended, by final state", ended.clone());
        registry.register("deliveries_under_way", "Deliveries being sent by this process", under_way.clone());
        registry.register("deliveries_held", "Deliveries that this process has in memory", held.clone());
        registry.register("deliveries_due", "Deliveries that are due and wait in the database", due.clone());
        let help = "How long the oldest of those has been due";
        registry.register_with_unit("deliveries_oldest_due", help, Unit::Seconds, oldest.clone());
        let unreadable = Family::default();
        let help = "Rows that this version cannot read and skips, such as those of a newer version";
        registry.register("rows_unreadable", help, unreadable.clone());
        let (clock_skew, help) = (Gauge::default(), "Difference between this machine's clock and the database's");
        registry.register_with_unit("clock_skew", help, Unit::Seconds, clock_skew.clone());
        Self {
            registry,
            attempts,
            durations,
            first_attempts,
            ended,
            under_way,
            held,
            due,
            oldest,
            unreadable,
            clock_skew,
        }
    }
}

impl Metrics {
    /// Counts an attempt. `waited` is the time since the event, for a first attempt.
    pub(super) fn attempted(&self, channel: Channel, class: Class, duration: Duration, waited: Option<Duration>) {
        let (channel, class) = (Name(channel.as_str()), Name(class.as_str()));
        let labels = AttemptLabels { channel, class };
        self.attempts.get_or_create(&labels).inc();
        self.durations.get_or_create(&labels).observe(duration.as_secs_f64());
        if let Some(waited) = waited {
            self.first_attempts.get_or_create(&ChannelLabel { channel }).observe(waited.as_secs_f64());
        }
    }

    /// Counts a delivery that has ended.
    pub(super) fn ended(&self, state: DeliveryState) {
        self.ended.get_or_create(&StateLabel { state: Name(state.as_str()) }).inc();
    }

    /// Sets the number of unreadable rows of each table.
    pub(super) fn set_apart(&self, tables: &BTreeMap<&'static str, Vec<String>>) {
        self.unreadable.clear();
        for (table, rows) in tables {
            let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
            self.unreadable.get_or_create(&TableLabel { table: Name(table) }).set(count);
        }
    }

    /// Sets the difference of the two clocks; returns the previous one.
    pub(super) fn set_clock_skew(&self, skew: Duration) -> Duration {
        let before = self.clock_skew.get();
        self.clock_skew.set(skew.as_secs_f64());
        Duration::try_from_secs_f64(before).unwrap_or_default()
    }

    /// Returns all metrics as text.
    pub(super) fn text(&self, (under_way, held): (usize, usize), backlog: Backlog) -> String {
        let whole = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        self.under_way.set(whole(under_way));
        self.held.set(whole(held));
        self.due.set(i64::try_from(backlog.due).unwrap_or(i64::MAX));
        self.oldest.set(backlog.oldest.as_secs_f64());
        let mut text = String::new();
        // Writing to a string fails only when a metric's own encoding does.
        if encode(&mut text, &self.registry).is_err() {
            tracing::error!("cannot encode the metrics");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_written_in_the_text_format() {
        let metrics = Metrics::default();
        let (took, waited) = (Duration::from_millis(30), Some(Duration::from_millis(3)));
        metrics.attempted(Channel::Custom, Class::Success, took, waited);
        metrics.attempted(Channel::Teams, Class::Throttled, took, None);
        metrics.ended(DeliveryState::Delivered);
        metrics.set_apart(&BTreeMap::from([("endpoints", vec!["one".to_owned(), "two".to_owned()])]));

        assert_eq!(metrics.set_clock_skew(Duration::from_millis(1_500)), Duration::ZERO);
        assert_eq!(metrics.set_clock_skew(Duration::from_millis(2_500)), Duration::from_millis(1_500));
        let text = metrics.text((1, 2), Backlog { due: 3, oldest: Duration::from_secs(4) });
        for line in [
            r#"countersign_delivery_attempts_total{channel="custom",class="success"} 1"#,
            r#"countersign_delivery_attempts_total{channel="teams",class="throttled"} 1"#,
            r#"countersign_delivery_attempt_duration_seconds_bucket{le="0.05",channel="custom",class="success"} 1"#,
            r#"countersign_delivery_first_attempt_delay_seconds_bucket{le="0.005",channel="custom"} 1"#,
            r#"countersign_deliveries_ended_total{state="delivered"} 1"#,
            "countersign_deliveries_under_way 1",
            r#"countersign_rows_unreadable{table="endpoints"} 2"#,
            "countersign_deliveries_held 2",
            "countersign_deliveries_due 3",
            "countersign_deliveries_oldest_due_seconds 4.0",
            "countersign_clock_skew_seconds 2.5",
            "# EOF",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
        }
    }
}
