//! The summary of a period: counts, rates and approval times.

use serde::Serialize;

use super::{Bucket, Histogram};
use crate::approval::{Method, ResourceName, Status};
use crate::time::Timestamp;

/// The figures of a period.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Start, rounded down to a full hour; open if absent.
    pub from: Option<Timestamp>,
    /// End, rounded up to a full hour and not included; now if absent.
    pub to: Option<Timestamp>,
    /// The only resource included; all if absent.
    pub resource: Option<ResourceName>,
    /// Requests that ended in the period.
    pub ended: Counts,
    pub rates: Rates,
    /// Time from request to decision, of decisions by people.
    pub approval_time: ApprovalTime,
    /// The part of it within working hours, of resources that have them.
    pub working_time: ApprovalTime,
    /// Requests that are pending now, independent of the period.
    pub pending: PendingBacklog,
}

/// Ended requests by outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub total: u64,
    pub approved: u64,
    pub rejected: u64,
    pub expired: u64,
    pub cancelled: u64,
    pub superseded: u64,
    /// Decided without asking anybody; not included in the numbers above.
    pub unasked: Unasked,
}

/// Requests that were decided without asking anybody.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Unasked {
    /// The requester is exempt.
    pub exempt: u64,
    pub allowed_by_rule: u64,
    pub denied_by_rule: u64,
    pub break_glass: u64,
}

/// Shares of all that ended, between 0 and 1; absent when nothing ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Rates {
    pub approval: Option<f64>,
    pub rejection: Option<f64>,
    pub expiry: Option<f64>,
    pub cancellation: Option<f64>,
    pub supersession: Option<f64>,
}

/// Approval time by outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct ApprovalTime {
    /// Approvals and rejections together.
    pub all: Latency,
    pub approved: Latency,
    pub rejected: Latency,
}

/// A distribution of durations, in seconds. Percentiles are within one percent of the exact value, and absent if there
/// are none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Latency {
    pub count: u64,
    /// Arithmetic mean; exact.
    pub mean_seconds: Option<f64>,
    pub p50_seconds: Option<f64>,
    pub p90_seconds: Option<f64>,
    pub p99_seconds: Option<f64>,
}

/// Pending requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct PendingBacklog {
    pub count: u64,
    /// Age of the oldest; absent if nothing is pending.
    pub oldest_seconds: Option<f64>,
}

/// Number of requests with one outcome, and the sum of their latencies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeCount {
    pub outcome: Status,
    pub method: Method,
    pub count: u64,
    /// Sum of their latencies in microseconds.
    pub total_us: i64,
}

/// Requests of one outcome and method whose latencies fall into one bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketCount {
    pub outcome: Status,
    pub method: Method,
    pub bucket: Bucket,
    pub count: u64,
}

/// Computes counts, rates and times from the rollups. Requests that nobody was asked about are counted separately.
pub fn summarise(counts: &[OutcomeCount], buckets: &[BucketCount]) -> (Counts, Rates, ApprovalTime) {
    let sum = |wanted: &dyn Fn(&OutcomeCount) -> bool| {
        counts.iter().filter(|count| wanted(count)).map(|count| count.count).sum()
    };
    let was_asked = |count: &OutcomeCount| !matches!(count.method, Method::Exempt | Method::Rule | Method::BreakGlass);
    let of = |status: Status| sum(&|count| was_asked(count) && count.outcome == status);
    let by = |method: Method, status: Status| sum(&|count| count.method == method && count.outcome == status);
    let ended = Counts {
        total: sum(&was_asked),
        approved: of(Status::Approved),
        rejected: of(Status::Rejected),
        expired: of(Status::Expired),
        cancelled: of(Status::Cancelled),
        superseded: of(Status::Superseded),
        unasked: Unasked {
            exempt: by(Method::Exempt, Status::Approved),
            allowed_by_rule: by(Method::Rule, Status::Approved),
            denied_by_rule: by(Method::Rule, Status::Rejected),
            break_glass: by(Method::BreakGlass, Status::Approved),
        },
    };
    let rate = |part: u64| (ended.total > 0).then(|| part as f64 / ended.total as f64);
    let rates = Rates {
        approval: rate(ended.approved),
        rejection: rate(ended.rejected),
        expiry: rate(ended.expired),
        cancellation: rate(ended.cancelled),
        supersession: rate(ended.superseded),
    };
    (ended, rates, times(counts, buckets))
}

/// Computes the approval times, of decisions by people.
pub fn times(counts: &[OutcomeCount], buckets: &[BucketCount]) -> ApprovalTime {
    ApprovalTime {
        all: latency(counts, buckets, &[Status::Approved, Status::Rejected]),
        approved: latency(counts, buckets, &[Status::Approved]),
        rejected: latency(counts, buckets, &[Status::Rejected]),
    }
}

/// The latency of decisions by votes. Rules and exemptions decide in no time, and would make the figure look better.
fn latency(counts: &[OutcomeCount], buckets: &[BucketCount], outcomes: &[Status]) -> Latency {
    let human = |outcome: &Status, method: Method| outcomes.contains(outcome) && method == Method::Votes;
    let matching = counts.iter().filter(|count| human(&count.outcome, count.method));
    let (count, total_us) =
        matching.fold((0, 0_i64), |(count, total), next| (count + next.count, total.saturating_add(next.total_us)));
    let mut histogram = Histogram::default();
    for bucket in buckets.iter().filter(|bucket| human(&bucket.outcome, bucket.method)) {
        histogram.add(bucket.bucket, bucket.count);
    }
    let quantile = |q| histogram.quantile(q).map(|micros| micros / 1e6);
    Latency {
        count,
        mean_seconds: (count > 0).then(|| total_us as f64 / count as f64 / 1e6),
        p50_seconds: quantile(0.5),
        p90_seconds: quantile(0.9),
        p99_seconds: quantile(0.99),
    }
}
