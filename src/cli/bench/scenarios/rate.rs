//! The maximum throughput: many clients create requests without a pause.

use super::super::sheet::Sheet;
use super::super::stage::{Site, Stage};
use super::super::usage;

const PATHS: [&str; 1] = ["/healthy/1"];

/// Runs the scenario.
pub(in crate::cli::bench) async fn run(site: &Site) -> anyhow::Result<Sheet> {
    let mut stage = Stage::start(site, "rate", &PATHS).await?;
    stage.busy('w', site.sizes.warm_up, &PATHS).await?;
    usage::reset_peak(stage.hub.process());
    let before = stage.cpu()?;
    let outcome = stage.busy('a', site.sizes.busy, &PATHS).await?;
    let after = stage.cpu()?;
    let memory = usage::memory(stage.hub.process())?;
    stage.stop().await?;

    let mut sheet = Sheet::new("rate");
    sheet.whole("clients", "clients", site.sizes.clients.into());
    sheet.measured("asks_per_second", "requests answered per second", outcome.asked.rate());
    sheet.measured("deliveries_per_second", "messages arrived per second", outcome.rate());
    sheet.whole("body_bytes", "bytes of a message", outcome.report.body_bytes);
    let thousands = f64::from(outcome.report.delivered) / 1_000.0;
    for (name, used) in [
        ("hub", Some(after.hub - before.hub)),
        ("sink", Some(after.sink - before.sink)),
        ("load", Some(after.load - before.load)),
        ("postgres", after.postgres.zip(before.postgres).map(|(after, before)| after - before)),
    ] {
        let text = format!("CPU seconds per 1,000, {name}");
        sheet.measured(format!("cpu_seconds_per_1000_{name}"), text, used.map(|used| used / thousands));
    }
    sheet.whole("hub_rss_kib", "KiB resident, hub", memory.now);
    sheet.whole("hub_peak_rss_kib", "KiB peak memory, hub", memory.peak);
    sheet.count(&outcome);
    Ok(sheet)
}
