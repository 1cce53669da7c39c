//! The summary: counts, rates and approval times of a period.

use serde::Serialize;

use super::{Bucket, Histogram};
use crate::approval::{Method, ResourceName, Status};
use crate::time::Timestamp;

/// How approving went in a period.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// The beginning, rounded down to a full hour; none: since ever.
    pub from: Option<Timestamp>,
    /// The end, rounded up to a full hour and not included; none: until now.
    pub to: Option<Timestamp>,
    /// The one resource reported on; none: all.
    pub resource: Option<ResourceName>,
    /// Requests that ended in the period.
    pub ended: Counts,
    /// Their shares.
    pub rates: Rates,
    /// From asking to decision, of decisions that people took.
    pub approval_time: ApprovalTime,
    /// The working time in that, of resources that have working hours.
    pub working_time: ApprovalTime,
    /// Requests that wait now, whatever the period.
    pub pending: Backlog,
}

/// Requests by how they ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// All of them.
    pub total: u64,
    /// Approved.
    pub approved: u64,
    /// Rejected.
    pub rejected: u64,
    /// Not decided in time.
    pub expired: u64,
    /// Taken back.
    pub cancelled: u64,
    /// Replaced by another request.
    pub superseded: u64,
    /// Decided without anybody being asked: in none of the numbers above.
    pub unasked: Unasked,
}

/// Requests that nobody was asked about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Unasked {
    /// Their requesters needed no approval.
    pub exempt: u64,
    /// A rule let them pass.
    pub allowed_by_rule: u64,
    /// A rule denied them.
    pub denied_by_rule: u64,
    /// Somebody broke the glass.
    pub break_glass: u64,
}

/// Shares of all that ended, between 0 and 1; none when nothing ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Rates {
    /// Approved.
    pub approval: Option<f64>,
    /// Rejected.
    pub rejection: Option<f64>,
    /// Not decided in time.
    pub expiry: Option<f64>,
    /// Taken back.
    pub cancellation: Option<f64>,
    /// Replaced by another request.
    pub supersession: Option<f64>,
}

/// Approval time by outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct ApprovalTime {
    /// Approvals and rejections together.
    pub all: Latency,
    /// Of approvals.
    pub approved: Latency,
    /// Of rejections.
    pub rejected: Latency,
}

/// A distribution of durations, in seconds. Percentiles are within one percent of the exact value; none when there are none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Latency {
    /// How many.
    pub count: u64,
    /// Arithmetic mean, exact.
    pub mean_seconds: Option<f64>,
    /// Half of them took no longer.
    pub p50_seconds: Option<f64>,
    /// Nine of ten took no longer.
    pub p90_seconds: Option<f64>,
    /// 99 of 100 took no longer.
    pub p99_seconds: Option<f64>,
}

/// What waits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Backlog {
    /// How many.
    pub count: u64,
    /// For how long the oldest has waited; none when nothing waits.
    pub oldest_seconds: Option<f64>,
}

/// How many ended in one way, and how long they took together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// How they ended.
    pub outcome: Status,
    /// By what means.
    pub method: Method,
    /// How many.
    pub count: u64,
    /// Their latencies added up, in microseconds.
    pub total_us: i64,
}

/// Requests of one outcome and method whose latencies fall into one bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketCount {
    /// How they ended.
    pub outcome: Status,
    /// By what means.
    pub method: Method,
    /// The bucket.
    pub bucket: Bucket,
    /// How many.
    pub count: u64,
}

/// Counts and rates and times out of the kept counts. What nobody was asked about is counted apart.
pub fn summarise(counts: &[Count], buckets: &[BucketCount]) -> (Counts, Rates, ApprovalTime) {
    let sum =
        |wanted: &dyn Fn(&Count) -> bool| counts.iter().filter(|count| wanted(count)).map(|count| count.count).sum();
    let was_asked = |count: &Count| !matches!(count.method, Method::Exempt | Method::Rule | Method::BreakGlass);
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

/// The times of what people decided.
pub fn times(counts: &[Count], buckets: &[BucketCount]) -> ApprovalTime {
    ApprovalTime {
        all: latency(counts, buckets, &[Status::Approved, Status::Rejected]),
        approved: latency(counts, buckets, &[Status::Approved]),
        rejected: latency(counts, buckets, &[Status::Rejected]),
    }
}

/// Of human decisions only: what a rule or an exemption decides takes no time and would flatter the figure.
fn latency(counts: &[Count], buckets: &[BucketCount], outcomes: &[Status]) -> Latency {
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
