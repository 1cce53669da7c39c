//! The cost of a hub without load: its start time and memory, on an empty database and on a filled one.

use serde_json::Value;

use super::super::load::Extent;
use super::super::measure::{median, progress};
use super::super::sheet::Sheet;
use super::super::stage::{Site, Stage};
use super::super::usage;

const PATHS: [&str; 1] = ["/healthy/1"];
const NAME: &str = "idle";

/// Measurements of a hub without load.
pub(in crate::cli::bench) struct Start {
    /// Time to the first answer, on an existing database.
    start_ms: f64,
    /// Time to the first answer of the first start, which creates the database.
    first_ms: f64,
    rss_kib: u64,
    /// Pending requests.
    requests: u64,
}

/// Starts and stops a hub on the present data, several times.
pub(in crate::cli::bench) async fn start(site: &Site) -> anyhow::Result<Start> {
    let first = site.hub(NAME).await?;
    let first_ms = first.started_in().as_secs_f64() * 1_000.0;
    // A hub that has just started to answer does not handle signals yet.
    tokio::time::sleep(site.sizes.settle).await;
    first.stop().await?;
    let mut times = Vec::new();
    let (mut rss_kib, mut requests) = (0, 0);
    for _ in 0..site.sizes.starts {
        let hub = site.hub(NAME).await?;
        times.push(hub.started_in().as_secs_f64() * 1_000.0);
        tokio::time::sleep(site.sizes.settle).await;
        rss_kib = usage::memory(hub.process())?.now;
        let summary = hub.call(reqwest::Method::GET, "/v1/analytics/summary", None).await?;
        requests = summary.pointer("/pending/count").and_then(Value::as_u64).unwrap_or(0);
        hub.stop().await?;
    }
    Ok(Start { start_ms: median(times), first_ms, rss_kib, requests })
}

/// Fills the database and starts the hub again. `empty` was measured before any other scenario, since they can share a
/// database.
pub(in crate::cli::bench) async fn run(site: &Site, empty: &Start) -> anyhow::Result<Sheet> {
    let mut stage = Stage::start(site, NAME, &PATHS).await?;
    progress(&format!("idle: creating {} requests", site.sizes.fill));
    let filled = stage.busy('a', Extent::Count(site.sizes.fill), &PATHS).await?;
    stage.stop().await?;
    let used = start(site).await?;

    let mut sheet = Sheet::new(NAME);
    sheet.measured("first_start_ms", "ms to the first answer, new database", empty.first_ms);
    for (key, text, start) in [("empty", "empty", empty), ("filled", "filled", &used)] {
        sheet.whole(format!("{key}_requests"), format!("requests in the database, {text}"), start.requests);
        sheet.measured(format!("{key}_start_ms"), format!("ms to the first answer, {text}"), start.start_ms);
        sheet.whole(format!("{key}_rss_kib"), format!("KiB resident, {text}"), start.rss_kib);
    }
    sheet.count(&filled);
    Ok(sheet)
}
