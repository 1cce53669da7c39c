//! `countersign analytics`

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};
use futures_util::StreamExt;
use reqwest::Method;
use serde_json::Value;

use super::client::Client;
use super::output;

/// Report and export statistics of requests
#[derive(Debug, Args)]
pub(super) struct Analytics {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    client: Client,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Print counts, rates and approval times of a period
    Report {
        #[command(flatten)]
        period: Period,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Export every request of a period as CSV
    Export {
        #[command(flatten)]
        period: Period,
        /// Begin with a byte order mark, which Excel needs for characters other than ASCII
        #[arg(long)]
        bom: bool,
        /// File to write [default: standard output]
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Print the file's path and size as JSON
        #[arg(long, requires = "output")]
        json: bool,
    },
}

/// The arguments that select requests: those that ended in the period. Times are RFC 3339, widened to full hours.
#[derive(Debug, Args)]
struct Period {
    /// Start of the period, for example 2026-11-01T00:00:00Z [default: the first request]
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// End of the period, not included [default: now]
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Only this resource [default: all]
    #[arg(long, value_name = "NAME")]
    resource: Option<String>,
}

impl Period {
    fn query(&self) -> Vec<(&'static str, &str)> {
        let parts = [("from", &self.from), ("to", &self.to), ("resource", &self.resource)];
        parts.into_iter().filter_map(|(name, value)| value.as_deref().map(|value| (name, value))).collect()
    }
}

impl Analytics {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match &self.what {
            What::Report { period, json } => self.report(period, *json).await,
            What::Export { period, bom, output, json } => self.export(period, *bom, output.as_ref(), *json).await,
        }
    }

    async fn report(&self, period: &Period, json: bool) -> anyhow::Result<()> {
        let call = self.client.call(Method::GET, "/v1/analytics/summary").await?.query(&period.query());
        let summary: Value = self.client.send(call).await?.json().await?;
        if json { output::print_exact(format!("{summary:#}\n").as_bytes()) } else { output::print(&describe(&summary)) }
    }

    async fn export(&self, period: &Period, bom: bool, file: Option<&PathBuf>, json: bool) -> anyhow::Result<()> {
        let call = self.client.call(Method::GET, "/v1/analytics/export").await?;
        let mut call = call.query(&period.query()).query(&[("format", "csv")]);
        if bom {
            call = call.query(&[("bom", "true")]);
        }
        let mut stream = self.client.send(call).await?.bytes_stream();
        let mut target = match file {
            Some(path) => Some(File::create(path).with_context(|| format!("cannot write {}", path.display()))?),
            None => None,
        };
        let mut bytes = 0;
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.context("the connection broke: the export is incomplete")?;
            bytes += chunk.len();
            match &mut target {
                Some(file) => file.write_all(&chunk).context("cannot write the export")?,
                None => output::print_exact(&chunk)?,
            }
        }
        match file {
            Some(path) if json => output::print(&format!("{}\n", serde_json::json!({"file": path, "bytes": bytes}))),
            Some(path) => {
                output::eprint(&format!("{bytes} bytes written to {}", path.display()));
                Ok(())
            }
            None => Ok(()),
        }
    }
}

/// Describes the summary for a person.
fn describe(summary: &Value) -> String {
    let number = |pointer: &str| summary.pointer(pointer).and_then(Value::as_f64);
    let count = |pointer: &str| summary.pointer(pointer).and_then(Value::as_u64).unwrap_or_default();
    let rate = |pointer: &str| number(pointer).map_or("–".to_owned(), |rate| format!("{:.1} %", rate * 100.0));
    let time = |pointer: &str| number(pointer).map_or("–".to_owned(), duration);
    let mut text = format!("{} requests ended\n", count("/ended/total"));
    for (outcome, share) in [
        ("approved", "approval"),
        ("rejected", "rejection"),
        ("expired", "expiry"),
        ("cancelled", "cancellation"),
        ("superseded", "supersession"),
    ] {
        let line = format!(
            "  {outcome:<10} {:>8}  {:>8}\n",
            count(&format!("/ended/{outcome}")),
            rate(&format!("/rates/{share}"))
        );
        text.push_str(&line);
    }
    for (title, measure) in [("approval time", "approval_time"), ("working time", "working_time")] {
        if measure == "working_time" && count("/working_time/all/count") == 0 {
            continue;
        }
        text.push_str(&format!("{title:<14}    mean       p50       p90       p99\n"));
        for outcome in ["all", "approved", "rejected"] {
            let cell = |figure: &str| time(&format!("/{measure}/{outcome}/{figure}_seconds"));
            let (mean, p50, p90, p99) = (cell("mean"), cell("p50"), cell("p90"), cell("p99"));
            text.push_str(&format!("  {outcome:<10} {mean:>9} {p50:>9} {p90:>9} {p99:>9}\n"));
        }
    }
    for (what, name) in [
        ("exempt", "approved by exemption"),
        ("allowed_by_rule", "allowed by a rule"),
        ("denied_by_rule", "denied by a rule"),
        ("break_glass", "approved by break-glass"),
    ] {
        let count = count(&format!("/ended/unasked/{what}"));
        if count > 0 {
            text.push_str(&format!("{count} more {name}, without votes\n"));
        }
    }
    text.push_str(&format!(
        "{} pending, the oldest for {}\n",
        count("/pending/count"),
        time("/pending/oldest_seconds")
    ));
    text
}

fn duration(seconds: f64) -> String {
    match seconds {
        short if short < 1.0 => format!("{:.0} ms", short * 1e3),
        seconds if seconds < 120.0 => format!("{seconds:.1} s"),
        minutes if minutes < 7_200.0 => format!("{:.1} min", minutes / 60.0),
        hours if hours < 1e9 => format!("{:.1} h", hours / 3_600.0),
        beyond => format!("{beyond:.1e} s"),
    }
}
