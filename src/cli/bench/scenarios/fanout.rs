//! The effect of one misbehaving endpoint on four healthy ones.

use anyhow::Context;
use reqwest::Method;
use serde_json::Value;

use super::super::sheet::Sheet;
use super::super::sink::Mode;
use super::super::sizes::STEADY;
use super::super::stage::{LoadOutcome, Site, Stage};
use super::super::usage;

const HEALTHY: [&str; 4] = ["/healthy/1", "/healthy/2", "/healthy/3", "/healthy/4"];

/// One measurement, with the fifth endpoint in one mode.
struct Round {
    steady: LoadOutcome,
    busy: LoadOutcome,
    peak_kib: f64,
}

/// Runs the scenario. Rounds with and without the bad endpoint alternate, so that changes over time (the size of the
/// database, other programs) affect both.
pub(in crate::cli::bench) async fn run(site: &Site) -> anyhow::Result<Sheet> {
    let mut stage = Stage::start(site, "fanout", &HEALTHY).await?;
    stage.busy('w', site.sizes.warm_up, &HEALTHY).await?;
    let mut sheet = Sheet::new("fanout");
    for mode in Mode::BAD {
        let (mut well, mut bad) = (Vec::new(), Vec::new());
        for number in 1..=site.sizes.rounds {
            super::super::measure::progress(&format!(
                "fanout: {}, round {number} of {}",
                mode.name(),
                site.sizes.rounds
            ));
            well.push(round(&mut stage, Mode::Healthy).await?);
            bad.push(round(&mut stage, mode).await?);
        }
        for round in well.iter().chain(&bad) {
            sheet.count(&round.steady);
            sheet.count(&round.busy);
        }
        compare(&mut sheet, mode.name(), &well, &bad);
    }
    stage.stop().await?;
    Ok(sheet)
}

async fn round(stage: &mut Stage, mode: Mode) -> anyhow::Result<Round> {
    let input = stage.endpoint(&format!("/{}/fifth", mode.name()));
    let made = stage.hub.call(Method::POST, "/v1/endpoints", Some(&input)).await?;
    let id = made.get("id").and_then(Value::as_str).context("the endpoint has no id")?;
    usage::reset_peak(stage.hub.process());
    let steady = stage.steady('a', STEADY, stage.sizes.steady, &HEALTHY).await?;
    let busy = stage.busy('b', stage.sizes.burst, &HEALTHY).await?;
    let peak_kib = usage::memory(stage.hub.process())?.peak as f64;
    // Its waiting deliveries are discarded, and its answers that hang are ended, before the next round.
    stage.hub.call(Method::DELETE, &format!("/v1/endpoints/{id}"), None).await?;
    stage.reset().await?;
    Ok(Round { steady, busy, peak_kib })
}

fn compare(sheet: &mut Sheet, mode: &str, well: &[Round], bad: &[Round]) {
    let medians = |of: fn(&Round) -> f64| (median(well, of), median(bad, of));
    let (p99_well, p99_bad) = medians(|round| round.steady.report.took.p99);
    let (rate_well, rate_bad) = medians(|round| round.busy.rate());
    let (peak_well, peak_bad) = medians(|round| round.peak_kib);
    let mut add = |key: &str, text: &str, value: f64| {
        sheet.measured(format!("{mode}_{key}"), format!("{mode}: {text}"), value);
    };
    add("p99_healthy_ms", "ms p99 at the four, all healthy", p99_well);
    add("p99_ms", "ms p99 at the four, one bad", p99_bad);
    add("p99_ratio", "p99, bad over healthy", p99_bad / p99_well);
    add("rate_healthy", "requests delivered per second, all healthy", rate_well);
    add("rate", "requests delivered per second, one bad", rate_bad);
    add("rate_ratio", "rate, bad over healthy", rate_bad / rate_well);
    add("peak_rss_difference_kib", "KiB peak memory, more than healthy", peak_bad - peak_well);
}

fn median(rounds: &[Round], of: impl Fn(&Round) -> f64) -> f64 {
    super::super::measure::median(rounds.iter().map(of).collect())
}
