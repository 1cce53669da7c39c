//! The page with figures about a period: how much was decided, how, and how fast.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;

use super::layout::{PageResult, page_response};
use super::reader::{Reader, brief};
use super::shell::{Place, Shell};
use super::viewer::Viewer;
use crate::analytics::{Latency, Summary};
use crate::http::App;
use crate::hub::ReportFilter;
use crate::time::Timestamp;

/// Periods of the page's address, with their days and words.
const PERIODS: [(&str, u64, &str); 4] =
    [("7d", 7, "7 days"), ("30d", 30, "30 days"), ("90d", 90, "90 days"), ("12m", 365, "12 months")];
/// With fewer, a share or a percentile says nothing.
const FEW: u64 = 10;

#[derive(Template)]
#[template(path = "pages/analytics.html")]
struct AnalyticsPage {
    shell: Shell,
    /// The address of each period, its words, and whether it is shown.
    presets: Vec<(String, &'static str, bool)>,
    from: String,
    to: String,
    resource: String,
    errors: BTreeMap<&'static str, &'static str>,
    tiles: Vec<Tile>,
    /// What was decided without asking anybody.
    unasked: Vec<(&'static str, String)>,
    outcomes: Vec<Outcome>,
    times: Vec<Time>,
    csv: String,
}

/// A figure.
struct Tile {
    name: &'static str,
    value: String,
    of: String,
    /// Where the counted requests are listed.
    link: Option<&'static str>,
}

/// How many requests ended in a way.
struct Outcome {
    name: &'static str,
    count: String,
    share: String,
}

/// How long decisions took.
struct Time {
    name: &'static str,
    count: String,
    /// Median, ninth tenth, and mean.
    values: [String; 3],
}

/// What the address asks for.
struct Choice {
    from: String,
    to: String,
    resource: String,
    preset: Option<&'static str>,
    errors: BTreeMap<&'static str, &'static str>,
}

impl Choice {
    fn read(query: &str, reader: &Reader) -> Self {
        let pairs: BTreeMap<String, String> = url::form_urlencoded::parse(query.as_bytes())
            .map(|(name, value)| (name.into_owned(), value.trim().to_owned()))
            .filter(|(_, value)| !value.is_empty())
            .collect();
        let given = |name: &str| pairs.get(name).cloned().unwrap_or_default();
        let named = PERIODS.iter().find(|period| pairs.get("period").is_some_and(|name| name == period.0));
        let (from, to) = (given("from"), given("to"));
        let has_days = named.is_none() && !(from.is_empty() && to.is_empty());
        let period = named.or(PERIODS.get(1)).filter(|_| !has_days);
        match period {
            Some((name, days, _)) => Self {
                from: reader.day_before(days - 1),
                to: reader.day_before(0),
                resource: given("resource"),
                preset: Some(name),
                errors: BTreeMap::new(),
            },
            None => Self { from, to, resource: given("resource"), preset: None, errors: BTreeMap::new() },
        }
    }

    /// The filter of the report. What cannot be read is in `errors` afterwards.
    fn filter(&mut self, reader: &Reader) -> ReportFilter {
        let mut errors = BTreeMap::new();
        let mut day = |name, text: &str, read: &dyn Fn(&str) -> Option<Timestamp>| {
            let found = read(text);
            if !text.is_empty() && found.is_none() {
                errors.insert(name, "write a day such as 2026-11-28");
            }
            found
        };
        let from = day("from", &self.from, &|text| reader.start_of_day(text));
        let to = day("to", &self.to, &|text| reader.end_of_day(text));
        if from.zip(to).is_some_and(|(from, to)| to <= from) {
            errors.insert("to", "this is before the first day");
        }
        let resource = Some(self.resource.as_str()).filter(|name| !name.is_empty()).and_then(|name| {
            name.parse().map_err(|_| errors.insert("resource", "there is no resource of this name")).ok()
        });
        self.errors = errors;
        ReportFilter { from, to, resource }
    }

    /// The address of another period, with the same resource.
    fn path(&self, period: &str) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("period", period);
        if !self.resource.is_empty() {
            query.append_pair("resource", &self.resource);
        }
        format!("/analytics?{}", query.finish())
    }
}

/// The address of the file with the requests of the period.
fn csv(filter: &ReportFilter) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("format", "csv");
    for (name, at) in [("from", filter.from), ("to", filter.to)] {
        if let Some(at) = at {
            query.append_pair(name, &at.to_string());
        }
    }
    if let Some(resource) = &filter.resource {
        query.append_pair("resource", resource.as_str());
    }
    format!("/v1/analytics/export?{}", query.finish())
}

/// `GET /analytics`
pub(in crate::http) async fn show(State(app): State<App>, viewer: Viewer, RawQuery(query): RawQuery) -> PageResult {
    let reader = &viewer.reader;
    let mut choice = Choice::read(query.as_deref().unwrap_or_default(), reader);
    let filter = choice.filter(reader);
    let is_valid = choice.errors.is_empty();
    let summary = match is_valid {
        true => Some(app.hub.summary(&viewer.caller, &filter).await?),
        false => None,
    };
    let page = AnalyticsPage {
        shell: Shell::of(&app, &viewer, Place::Analytics).await?,
        presets: PERIODS
            .iter()
            .map(|(name, _, words)| (choice.path(name), *words, choice.preset == Some(*name)))
            .collect(),
        tiles: summary.as_ref().map(tiles).unwrap_or_default(),
        unasked: summary.as_ref().map(unasked).unwrap_or_default(),
        outcomes: summary.as_ref().map(outcomes).unwrap_or_default(),
        times: summary.as_ref().map(times).unwrap_or_default(),
        csv: csv(&filter),
        from: choice.from,
        to: choice.to,
        resource: choice.resource,
        errors: choice.errors,
    };
    Ok(page_response(if is_valid { StatusCode::OK } else { StatusCode::BAD_REQUEST }, &page))
}

impl AnalyticsPage {
    fn error(&self, name: &str) -> Option<&&'static str> {
        self.errors.get(name)
    }
}

fn tiles(summary: &Summary) -> Vec<Tile> {
    let ended = &summary.ended;
    let rate = |name, part: u64, rate: Option<f64>| Tile {
        name,
        value: match rate {
            Some(rate) if ended.total >= FEW => percent(rate),
            Some(_) => format!("{} of {}", number(part), number(ended.total)),
            None => "–".to_owned(),
        },
        of: format!("{} of {} that ended", number(part), number(ended.total)),
        link: None,
    };
    let Latency { count, p50_seconds, p90_seconds, .. } = summary.approval_time.all;
    let pending = &summary.pending;
    vec![
        Tile {
            name: "Ended",
            value: number(ended.total),
            of: "approved, rejected, expired, taken back or replaced".to_owned(),
            link: None,
        },
        rate("Approved", ended.approved, summary.rates.approval),
        rate("Expired undecided", ended.expired, summary.rates.expiry),
        Tile {
            name: "Half decided within",
            value: seconds(p50_seconds),
            of: format!("median of {} that people decided", number(count)),
            link: None,
        },
        Tile {
            name: "Nine in ten within",
            value: seconds(p90_seconds.filter(|_| count >= FEW)),
            of: if count >= FEW {
                "90th percentile of the same".to_owned()
            } else {
                "too few decisions to say".to_owned()
            },
            link: None,
        },
        Tile {
            name: "Waiting now",
            value: number(pending.count),
            of: match pending.oldest_seconds {
                Some(_) => format!("the oldest for {}, whatever the period", seconds(pending.oldest_seconds)),
                None => "whatever the period".to_owned(),
            },
            link: (pending.count > 0).then_some("/requests?status=pending"),
        },
    ]
}

fn outcomes(summary: &Summary) -> Vec<Outcome> {
    let (ended, rates) = (&summary.ended, &summary.rates);
    [
        ("Approved", ended.approved, rates.approval),
        ("Rejected", ended.rejected, rates.rejection),
        ("Expired", ended.expired, rates.expiry),
        ("Taken back", ended.cancelled, rates.cancellation),
        ("Replaced", ended.superseded, rates.supersession),
    ]
    .into_iter()
    .map(|(name, count, rate)| Outcome { name, count: number(count), share: rate.map_or("–".to_owned(), percent) })
    .collect()
}

fn times(summary: &Summary) -> Vec<Time> {
    let line = |name, latency: &Latency| Time {
        name,
        count: number(latency.count),
        values: [
            seconds(latency.p50_seconds),
            seconds(latency.p90_seconds.filter(|_| latency.count >= FEW)),
            seconds(latency.mean_seconds),
        ],
    };
    let (all, working) = (&summary.approval_time, &summary.working_time);
    let mut lines =
        vec![line("Decided by people", &all.all), line("Approved", &all.approved), line("Rejected", &all.rejected)];
    if working.all.count > 0 {
        lines.push(line("Decided, in working hours", &working.all));
    }
    lines
}

/// The ways in which nobody is asked, with how often that was.
fn unasked(summary: &Summary) -> Vec<(&'static str, String)> {
    let unasked = &summary.ended.unasked;
    [
        ("let through by rules", unasked.allowed_by_rule),
        ("denied by rules", unasked.denied_by_rule),
        ("of people who need no approval", unasked.exempt),
        ("in an emergency", unasked.break_glass),
    ]
    .into_iter()
    .filter(|(_, count)| *count > 0)
    .map(|(words, count)| (words, number(count)))
    .collect()
}

/// A duration in its two largest units.
fn seconds(value: Option<f64>) -> String {
    match value {
        None => "–".to_owned(),
        Some(value) if value < 1.0 => "under 1 s".to_owned(),
        // Percentiles are exact to one percent, so whole seconds say all there is.
        Some(value) => brief(std::time::Duration::from_secs_f64(value.clamp(0.0, 1e12)).as_secs()),
    }
}

/// With one digit behind the point.
fn percent(rate: f64) -> String {
    format!("{:.1} %", rate * 100.0)
}

/// With a space between thousands; the escaper would write out a narrow one.
fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;

    use super::*;

    fn reader() -> Reader {
        Reader::new(&HeaderMap::new(), "2026-11-28T13:00:00Z".parse().unwrap())
    }

    #[test]
    fn the_period_is_whole_days_of_the_reader() {
        let mut month = Choice::read("", &reader());
        let filter = month.filter(&reader());
        assert_eq!((month.from.as_str(), month.to.as_str(), month.preset), ("2026-10-30", "2026-11-28", Some("30d")));
        assert_eq!(filter.to, "2026-11-29T00:00:00Z".parse().ok());
        let mut days = Choice::read("from=2026-11-01&to=2026-11-01&resource=orders", &reader());
        let filter = days.filter(&reader());
        assert_eq!(
            (filter.from, filter.to),
            ("2026-11-01T00:00:00Z".parse().ok(), "2026-11-02T00:00:00Z".parse().ok())
        );
        assert_eq!((days.preset, days.path("7d").as_str()), (None, "/analytics?period=7d&resource=orders"));
        let mut wrong = Choice::read("from=2026-11-02&to=2026-11-01&resource=a+b", &reader());
        wrong.filter(&reader());
        assert_eq!(wrong.errors.keys().copied().collect::<Vec<_>>(), ["resource", "to"]);
    }

    #[test]
    fn figures_are_shown_as_people_read_them() {
        assert_eq!(
            (number(0), number(999), number(1_332), number(1_000_000)),
            ("0".into(), "999".into(), "1 332".into(), "1 000 000".into())
        );
        assert_eq!(percent(0.834), "83.4 %");
        assert_eq!(
            (seconds(None), seconds(Some(0.4)), seconds(Some(383.2))),
            ("–".into(), "under 1 s".into(), "6 min".into())
        );
    }

    #[test]
    fn few_requests_have_no_rate_and_no_percentile() {
        let mut summary = Summary {
            from: None,
            to: None,
            resource: None,
            ended: crate::analytics::Counts { total: 1, approved: 1, ..Default::default() },
            rates: crate::analytics::Rates { approval: Some(1.0), ..Default::default() },
            approval_time: Default::default(),
            working_time: Default::default(),
            pending: Default::default(),
        };
        let values = |summary: &Summary| tiles(summary).into_iter().map(|tile| tile.value).collect::<Vec<_>>();
        assert_eq!(values(&summary), ["1", "1 of 1", "–", "–", "–", "0"]);
        summary.ended.total = 10;
        assert_eq!(values(&summary)[1], "100.0 %");
    }
}
