//! The time from sending a request to the arrival of its message, at a rate far below the limit.

use super::super::sheet::Sheet;
use super::super::sizes::STEADY;
use super::super::stage::{Site, Stage};

const PATHS: [&str; 1] = ["/healthy/1"];

/// Runs the scenario.
pub(in crate::cli::bench) async fn run(site: &Site) -> anyhow::Result<Sheet> {
    let mut stage = Stage::start(site, "latency", &PATHS).await?;
    stage.busy('w', site.sizes.warm_up, &PATHS).await?;
    let outcome = stage.steady('a', STEADY, site.sizes.latency, &PATHS).await?;
    stage.stop().await?;

    let mut sheet = Sheet::new("latency");
    let took = outcome.report.took;
    sheet.whole("per_second", "requests per second, on schedule", STEADY.into());
    sheet.measured("p50_ms", "ms from request to arrival, p50", took.p50);
    sheet.measured("p90_ms", "ms from request to arrival, p90", took.p90);
    sheet.measured("p99_ms", "ms from request to arrival, p99", took.p99);
    sheet.measured("max_ms", "ms from request to arrival, longest", took.max);
    sheet.count(&outcome);
    Ok(sheet)
}
