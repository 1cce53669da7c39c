//! Analytics: definitions of the figures, and the reports made of them.
//!
//! Nothing here knows a database. The store keeps the counts, `report` computes figures from them, and [`export`]
//! writes requests as rows of a file.

pub mod export;
mod histogram;
mod report;
mod spreadsheet;

pub use histogram::{Bucket, Histogram};
pub use report::{
    ApprovalTime, BucketCount, Counts, Latency, OutcomeCount, PendingBacklog, Rates, Summary, summarise, times,
};
