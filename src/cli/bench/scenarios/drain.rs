//! An outage: the target is away while asks go on being made; then it comes back.

use super::super::load::{Asked, Extent, Job, Pace};
use super::super::measure::{per_second, say};
use super::super::sheet::Sheet;
use super::super::sizes::FRESH;
use super::super::stage::{Outcome, Site, Stage};
use super::super::usage;

const PATHS: [&str; 1] = ["/healthy/1"];

/// Phases: before the outage without a pause and on schedule; asked during it; asked after it.
const BUSY: char = 'a';
const STEADY: char = 'b';
const BACKLOG: char = 'c';
const LATER: char = 'd';

/// Measures it.
pub(in crate::cli::bench) async fn run(site: &Site) -> anyhow::Result<Sheet> {
    let mut stage = Stage::set(site, "drain", &PATHS).await?;
    stage.busy('w', site.sizes.warm_up, &PATHS).await?;
    let busy = stage.busy(BUSY, site.sizes.busy, &PATHS).await?;
    let steady = stage.steady(STEADY, FRESH, site.sizes.steady, &PATHS).await?;

    say(&format!("drain: the target is away, {} asks are made", site.sizes.backlog));
    stage.close().await?;
    usage::forget_peak(stage.hub.process());
    let extent = Extent::Count(site.sizes.backlog);
    let asked = stage.ask(Job { kind: BACKLOG, pace: Pace::Clients(site.sizes.clients), extent }).await?;
    let peak_kib = usage::memory(stage.hub.process())?.peak;
    say("drain: the target is back");
    let opened = stage.open().await?;
    stage.begin(Job { kind: LATER, pace: Pace::PerSecond(FRESH), extent: Extent::UntilTold }).await?;
    let backlog = stage.arrival(BACKLOG, asked, &PATHS).await?;
    let later: Asked = stage.end().await?;
    let later = stage.arrival(LATER, later, &PATHS).await?;
    stage.clear().await?;
    let mut sheet = sheet(&busy, &steady, &backlog, &later, opened);
    sheet.whole("outage_peak_rss_kib", "KiB resident at most during the outage", peak_kib);
    Ok(sheet)
}

fn sheet(busy: &Outcome, steady: &Outcome, backlog: &Outcome, later: &Outcome, opened: u64) -> Sheet {
    let mut sheet = Sheet::new("drain");
    let (report, asked) = (&backlog.report, &backlog.asked);
    let normal = busy.rate();
    // From the return of the target, and from when the hub had noticed it.
    let rate = per_second(report.delivered, opened, report.last);
    let rate_since_first = per_second(report.delivered, report.first, report.last);
    let milliseconds = |end: u64| end.saturating_sub(opened) as f64 / 1_000_000.0;
    sheet.measured("normal_per_second", "messages per second before the outage", normal);
    sheet.whole("backlog", "asks answered during the outage", asked.accepted().into());
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
    for (key, text, took) in
        [("normal", "before", steady.report.took), ("fresh", "beside the backlog", later.report.took)]
    {
        for (name, value) in [("p50", took.p50), ("p99", took.p99), ("max", took.max)] {
            sheet.measured(format!("{key}_{name}_ms"), format!("ms from ask to arrival {text}, {name}"), value);
        }
    }
    sheet.measured("backlog_p50_ms", "ms from ask to arrival of the backlog, p50", report.took.p50);
    for outcome in [busy, steady, backlog, later] {
        sheet.count(outcome);
    }
    sheet
}
