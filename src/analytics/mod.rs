//! How approving goes: definitions of the figures, and the reports made of them.
//!
//! Nothing here knows a database: the store keeps the counts, `report` turns them into figures, [`export`] turns requests
//! into rows of a file.

pub mod export;
mod histogram;
mod report;
mod spreadsheet;

pub use histogram::{Bucket, Histogram};
pub use report::{ApprovalTime, Backlog, BucketCount, Count, Counts, Latency, Rates, Summary, summarise, times};
