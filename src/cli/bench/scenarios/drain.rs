//! An outage: the target cannot be reached while requests are created; then it is back.

use super::super::load::{Asked, Extent, Job, Pace};
use super::super::measure::{per_second, progress};
use super::super::sheet::Sheet;
use super::super::sizes::FRESH;
use super::super::stage::{LoadOutcome, Site, Stage};
use super::super::usage;

const PATHS: [&str; 1] = ["/healthy/1"];

/// Phases: a closed and an open loop before the outage; requests during it; requests after it.
const BUSY: char = 'a';
const STEADY: char = 'b';
const BACKLOG: char = 'c';
const LATER: char = 'd';

/// Runs the scenario.
pub(in crate::cli::bench) async fn run(site: &Site) -> anyhow::Result<Sheet> {
    let mut stage = Stage::start(site, "drain", &PATHS).await?;
    stage.busy('w', site.sizes.warm_up, &PATHS).await?;
    let busy = stage.busy(BUSY, site.sizes.busy, &PATHS).await?;
    let steady = stage.steady(STEADY, FRESH, site.sizes.steady, &PATHS).await?;

    progress(&format!("drain: the target is down, creating {} requests", site.sizes.backlog));
    stage.close().await?;
    usage::reset_peak(stage.hub.process());
    let extent = Extent::Count(site.sizes.backlog);
    let asked = stage.run(Job { kind: BACKLOG, pace: Pace::Clients(site.sizes.clients), extent }).await?;
    let peak_kib = usage::memory(stage.hub.process())?.peak;
    progress("drain: the target is back");
    let opened = stage.open().await?;
    stage.begin(Job { kind: LATER, pace: Pace::PerSecond(FRESH), extent: Extent::UntilStopped }).await?;
    let backlog = stage.arrival(BACKLOG, asked, &PATHS).await?;
    let later: Asked = stage.end().await?;
    let later = stage.arrival(LATER, later, &PATHS).await?;
    stage.stop().await?;
    let mut sheet = sheet(&busy, &steady, &backlog, &later, opened);
    sheet.whole("outage_peak_rss_kib", "KiB peak memory during the outage", peak_kib);
    Ok(sheet)
}

fn sheet(busy: &LoadOutcome, steady: &LoadOutcome, backlog: &LoadOutcome, later: &LoadOutcome, opened: u64) -> Sheet {
    let mut sheet = Sheet::new("drain");
    let (report, asked) = (&backlog.report, &backlog.asked);
    let normal = busy.rate();
    // Since the target was back, and since the hub noticed it.
    let rate = per_second(report.delivered, opened, report.last);
    let rate_since_first = per_second(report.delivered, report.first, report.last);
    let milliseconds = |end: u64| end.saturating_sub(opened) as f64 / 1_000_000.0;
    sheet.measured("normal_per_second", "messages per second before the outage", normal);
    sheet.whole("backlog", "requests answered during the outage", asked.accepted().into());
    sheet.measured("outage_asks_per_second", "of these per second", asked.rate());
    sheet.measured(
        "first_arrival_ms",
        "ms from the end of the outage to the first arrival",
        milliseconds(report.first),
    );
    sheet.measured("drained_ms", "ms from the end of the outage to the last", milliseconds(report.last));
    sheet.measured("drain_per_second", "messages per second since its end", rate);
    sheet.measured("drain_ratio", "of the normal rate", rate / normal);
    sheet.measured("since_first_per_second", "messages per second since the first", rate_since_first);
    sheet.measured("since_first_ratio", "of the normal rate", rate_since_first / normal);
    for (key, text, took) in [("normal", "before", steady.report.took), ("fresh", "while draining", later.report.took)]
    {
        for (name, value) in [("p50", took.p50), ("p99", took.p99), ("max", took.max)] {
            sheet.measured(format!("{key}_{name}_ms"), format!("ms from request to arrival {text}, {name}"), value);
        }
    }
    sheet.measured("backlog_p50_ms", "ms from request to arrival of the backlog, p50", report.took.p50);
    for outcome in [busy, steady, backlog, later] {
        sheet.count(outcome);
    }
    sheet
}
