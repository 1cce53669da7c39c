//! Working hours: spans of each weekday in one time zone, without the holidays.
//!
//! A time is within working hours if a wall clock in that zone shows a time within a span. So an hour that the clocks
//! skip is no working time, and one that they repeat counts twice. The zones are built in: no file of the machine is
//! read.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Serialize, Serializer};

use crate::time::Timestamp;

/// Maximum number of spans in a day.
const MAX_SPANS: usize = 8;
/// Maximum number of holidays: one for each day of a year.
const MAX_HOLIDAYS: usize = 366;
const MINUTE: i64 = 60_000_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// Working hours in one time zone.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Config")]
pub struct WorkingHours {
    config: Config,
    zone: TimeZone,
    /// From Monday on.
    week: Vec<Vec<Span>>,
    /// As days since 1970-01-01.
    holidays: BTreeSet<i64>,
}

/// Working hours as configured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Config {
    time_zone: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    monday: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tuesday: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    wednesday: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    thursday: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    friday: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    saturday: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sunday: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    holidays: Vec<String>,
}

/// Why working hours are invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidWorkingHours {
    /// The zone is not known.
    #[error("time_zone {0:?} is not known: use an IANA name such as Europe/Berlin")]
    TimeZone(String),
    /// Not two times with the earlier one first.
    #[error(
        "{day}: {span:?} is not a span: write HH:MM-HH:MM with the later time last, at most 24:00; \
         write hours over midnight as two spans, one for each day"
    )]
    Span { day: &'static str, span: String },
    /// A span begins before the previous one ends.
    #[error("{0}: spans must be in order and must not overlap")]
    Order(&'static str),
    /// More than eight.
    #[error("{0}: at most 8 spans a day")]
    TooManySpans(&'static str),
    /// There is no working time at all.
    #[error("no day has a span: give at least one day its working hours")]
    NeverOpen,
    /// Not a date.
    #[error("holidays: {0:?} is not a date: write it like 2026-12-25")]
    Holiday(String),
    /// More than 366.
    #[error("holidays: at most 366")]
    TooManyHolidays,
}

/// Minutes of a day, half-open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    start: i64,
    end: i64,
}

/// A period with one offset from UTC.
struct OffsetPeriod {
    offset: i64,
    until: i64,
}

/// A local day, or the part of it with one offset from UTC.
struct DayPart {
    day: i64,
    /// When the local clock shows 00:00, or would show it if the clocks had not changed that day.
    midnight: i64,
    from: i64,
    to: i64,
}

impl WorkingHours {
    /// How far ahead any search goes: 400 days. It does one step for each day and each change of the clocks.
    pub const HORIZON: Duration = Duration::from_hours(400 * 24);

    /// Whether people work at that time.
    pub fn is_open(&self, at: Timestamp) -> bool {
        self.open(at.as_micros(), at.as_micros().saturating_add(1)).next().is_some()
    }

    /// Returns the first working time from `at` on, which is `at` itself during working hours; `None` if there is none
    /// within [`Self::HORIZON`].
    pub fn next_open(&self, at: Timestamp) -> Option<Timestamp> {
        let horizon = at + Self::HORIZON;
        self.open(at.as_micros(), horizon.as_micros()).next().map(|(start, _)| Timestamp::from_micros(start))
    }

    /// Returns the earliest time by which that much working time has passed since `from`; the end of [`Self::HORIZON`]
    /// if there is less.
    pub fn add(&self, from: Timestamp, working: Duration) -> Timestamp {
        let mut left = i64::try_from(working.as_micros()).unwrap_or(i64::MAX);
        if left == 0 {
            return from;
        }
        let horizon = from + Self::HORIZON;
        for (start, end) in self.open(from.as_micros(), horizon.as_micros()) {
            let length = end.saturating_sub(start);
            if left <= length {
                return Timestamp::from_micros(start.saturating_add(left));
            }
            left = left.saturating_sub(length);
        }
        horizon
    }

    /// Returns the working time between two times, as far as it is within [`Self::HORIZON`] of the first; zero if `to`
    /// is not later.
    pub fn between(&self, from: Timestamp, to: Timestamp) -> Duration {
        let to = to.min(from + Self::HORIZON);
        let micros = self.open(from.as_micros(), to.as_micros()).map(|(start, end)| end.abs_diff(start)).sum();
        Duration::from_micros(micros)
    }

    /// Periods of working time from `from` to `to`, in order. Two may touch.
    fn open(&self, from: i64, to: i64) -> impl Iterator<Item = (i64, i64)> {
        self.parts(from, to).flat_map(move |part| {
            self.spans(part.day).iter().filter_map(move |span| {
                let start = part.midnight.saturating_add(span.start * MINUTE).max(part.from);
                let end = part.midnight.saturating_add(span.end * MINUTE).min(part.to);
                (start < end).then_some((start, end))
            })
        })
    }

    /// Splits the time at every local midnight and every change of the clocks.
    fn parts(&self, from: i64, to: i64) -> impl Iterator<Item = DayPart> {
        let mut at = from;
        let mut period = self.offset_period(from);
        std::iter::from_fn(move || {
            if at >= to {
                return None;
            }
            if at >= period.until {
                period = self.offset_period(at);
            }
            let day = at.saturating_add(period.offset).div_euclid(DAY);
            let midnight = day.saturating_mul(DAY).saturating_sub(period.offset);
            let end = midnight.saturating_add(DAY).min(period.until).min(to);
            let part = DayPart { day, midnight, from: at, to: end };
            at = end;
            Some(part)
        })
    }

    /// The offset at a time, and until when it applies.
    fn offset_period(&self, at: i64) -> OffsetPeriod {
        // After the year 9999 the calendar ends, and time zones with it.
        let Ok(time) = jiff::Timestamp::from_microsecond(at) else {
            return OffsetPeriod { offset: 0, until: i64::MAX };
        };
        OffsetPeriod {
            offset: i64::from(self.zone.to_offset(time).seconds()) * 1_000_000,
            until: self.zone.following(time).next().map_or(i64::MAX, |change| change.timestamp().as_microsecond()),
        }
    }

    fn spans(&self, day: i64) -> &[Span] {
        if self.holidays.contains(&day) {
            return &[];
        }
        // Day 0 was a Thursday.
        let weekday = usize::try_from(day.saturating_add(3).rem_euclid(7)).ok();
        weekday.and_then(|weekday| self.week.get(weekday)).map_or(&[], Vec::as_slice)
    }
}

impl TryFrom<Config> for WorkingHours {
    type Error = InvalidWorkingHours;

    fn try_from(config: Config) -> Result<Self, InvalidWorkingHours> {
        let zone = TimeZoneDatabase::bundled().get(&config.time_zone).ok().filter(|zone| !zone.is_unknown());
        let zone = zone.ok_or_else(|| InvalidWorkingHours::TimeZone(config.time_zone.clone()))?;
        let week = [
            ("monday", &config.monday),
            ("tuesday", &config.tuesday),
            ("wednesday", &config.wednesday),
            ("thursday", &config.thursday),
            ("friday", &config.friday),
            ("saturday", &config.saturday),
            ("sunday", &config.sunday),
        ];
        let week = week.into_iter().map(|(day, spans)| day_of(day, spans)).collect::<Result<Vec<_>, _>>()?;
        if week.iter().all(Vec::is_empty) {
            return Err(InvalidWorkingHours::NeverOpen);
        }
        if config.holidays.len() > MAX_HOLIDAYS {
            return Err(InvalidWorkingHours::TooManyHolidays);
        }
        let holiday = |text: &String| holiday(text).ok_or_else(|| InvalidWorkingHours::Holiday(text.clone()));
        let holidays = config.holidays.iter().map(holiday).collect::<Result<_, _>>()?;
        Ok(Self { config, zone, week, holidays })
    }
}

impl Serialize for WorkingHours {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.config.serialize(serializer)
    }
}

fn day_of(day: &'static str, texts: &[String]) -> Result<Vec<Span>, InvalidWorkingHours> {
    if texts.len() > MAX_SPANS {
        return Err(InvalidWorkingHours::TooManySpans(day));
    }
    let parse = |text: &String| span(text).ok_or_else(|| InvalidWorkingHours::Span { day, span: text.clone() });
    let spans = texts.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    if spans.is_sorted_by(|earlier, later| earlier.end <= later.start) {
        Ok(spans)
    } else {
        Err(InvalidWorkingHours::Order(day))
    }
}

fn span(text: &str) -> Option<Span> {
    let (start, end) = text.split_once('-')?;
    let span = Span { start: minute(start)?, end: minute(end)? };
    (span.start < span.end).then_some(span)
}

/// Returns the minute of the day of `HH:MM`, at most 24:00.
fn minute(text: &str) -> Option<i64> {
    let digit = |byte: u8| byte.is_ascii_digit().then(|| i64::from(byte - b'0'));
    let &[h1, h2, b':', m1, m2] = text.as_bytes() else { return None };
    let (hour, minute) = (digit(h1)? * 10 + digit(h2)?, digit(m1)? * 10 + digit(m2)?);
    let at = hour * 60 + minute;
    (minute < 60 && at <= 24 * 60).then_some(at)
}

/// Returns the number of the day of `YYYY-MM-DD`.
fn holiday(text: &str) -> Option<i64> {
    // The parser accepts more spellings of a date: one day must have one spelling.
    let date: Date = text.parse().ok().filter(|date: &Date| date.to_string() == text)?;
    let midnight = date.to_zoned(TimeZone::UTC).ok()?.timestamp();
    Some(midnight.as_second().div_euclid(24 * 3_600))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn hours(config: Value) -> WorkingHours {
        serde_json::from_value(config).expect("valid working hours")
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn minutes(count: u64) -> Duration {
        Duration::from_mins(count)
    }

    fn office(zone: &str) -> WorkingHours {
        let day = json!(["09:00-12:00", "13:00-17:00"]);
        hours(json!({
            "time_zone": zone, "monday": day, "tuesday": day, "wednesday": day, "thursday": day, "friday": ["09:00-15:00"],
            "holidays": ["2026-12-25", "2026-12-28"],
        }))
    }

    #[test]
    fn an_office_over_lunch_weekend_and_holidays() {
        let office = office("Europe/Berlin");
        // Thursday, 24 December; Berlin is an hour ahead of UTC.
        assert!(office.is_open(at("2026-12-24T08:00:00Z")));
        assert!(!office.is_open(at("2026-12-24T07:59:59.999999Z")));
        assert!(!office.is_open(at("2026-12-24T11:00:00Z")));
        assert!(!office.is_open(at("2026-12-25T09:00:00Z")));
        assert_eq!(office.next_open(at("2026-12-24T11:30:00Z")), Some(at("2026-12-24T12:00:00Z")));
        assert_eq!(office.next_open(at("2026-12-24T12:30:00Z")), Some(at("2026-12-24T12:30:00Z")));
        assert_eq!(office.next_open(at("2026-12-24T16:00:00Z")), Some(at("2026-12-29T08:00:00Z")));
        assert_eq!(office.add(at("2026-12-24T15:00:00Z"), minutes(60)), at("2026-12-24T16:00:00Z"));
        assert_eq!(office.add(at("2026-12-24T15:00:00Z"), minutes(61)), at("2026-12-29T08:01:00Z"));
        assert_eq!(office.add(at("2026-12-24T23:00:00Z"), Duration::ZERO), at("2026-12-24T23:00:00Z"));
        assert_eq!(office.between(at("2026-12-24T10:30:00Z"), at("2026-12-29T08:10:00Z")), minutes(30 + 240 + 10));
        assert_eq!(office.between(at("2026-12-24T10:30:00Z"), at("2026-12-24T09:30:00Z")), Duration::ZERO);
    }

    #[test]
    fn a_night_shift_on_the_nights_the_clocks_change() {
        let (late, early) = (json!(["22:00-24:00"]), json!(["00:00-06:00"]));
        let night = hours(json!({"time_zone": "Europe/Berlin", "saturday": late, "sunday": early}));
        // Seven hours in spring, eight in summer, nine in autumn.
        for (saturday, sunday, length) in [
            ("2026-03-28T21:00:00Z", "2026-03-29T04:00:00Z", 7),
            ("2026-06-27T20:00:00Z", "2026-06-28T04:00:00Z", 8),
            ("2026-10-24T20:00:00Z", "2026-10-25T05:00:00Z", 9),
        ] {
            assert_eq!(night.between(at(saturday), at(sunday)), minutes(length * 60));
            assert_eq!(night.add(at(saturday), minutes(length * 60)), at(sunday));
            assert!(!night.is_open(at(sunday)));
        }
    }

    #[test]
    fn a_span_inside_the_skipped_or_the_repeated_hour() {
        let span = hours(json!({"time_zone": "America/New_York", "sunday": ["01:15-01:45", "02:15-02:45"]}));
        let of_day = |day: &str| span.between(at(&format!("{day}T00:00:00Z")), at(&format!("{day}T20:00:00Z")));
        assert_eq!(of_day("2026-03-08"), minutes(30), "02:15 never comes");
        assert_eq!(of_day("2026-11-01"), minutes(90), "01:15 comes twice");
        assert_eq!(span.next_open(at("2026-11-01T05:45:00Z")), Some(at("2026-11-01T06:15:00Z")));
    }

    #[test]
    fn no_search_goes_beyond_the_horizon() {
        let first: Date = "2026-01-05".parse().expect("a Monday");
        let mondays: Vec<String> = (0..366_i64)
            .map(|week| first.checked_add(jiff::Span::new().weeks(week)).expect("a date").to_string())
            .collect();
        let closed = hours(json!({"time_zone": "UTC", "monday": ["09:00-10:00"], "holidays": mondays}));
        let start = at("2026-01-05T00:00:00Z");
        assert_eq!(closed.next_open(start), None);
        assert_eq!(closed.add(start, minutes(1)), start + WorkingHours::HORIZON);
        let always = office("UTC");
        assert_eq!(always.add(start, Duration::MAX), start + WorkingHours::HORIZON);
        for edge in [i64::MIN, i64::MAX, i64::MAX - 1].map(Timestamp::from_micros) {
            let _ = (always.is_open(edge), always.next_open(edge), always.add(edge, Duration::MAX));
            let _ = always.between(Timestamp::from_micros(i64::MIN), edge);
        }
    }

    #[test]
    fn serializes_as_configured() {
        let config = json!({"time_zone": "asia/kolkata", "monday": ["00:00-24:00"], "holidays": ["2026-01-26"]});
        assert_eq!(serde_json::to_value(hours(config.clone())).expect("JSON"), config);
    }

    #[test]
    fn invalid_working_hours_are_refused_with_their_place() {
        for (config, words) in [
            (
                json!({"time_zone": "Mars/Olympus", "monday": ["09:00-17:00"]}),
                "time_zone \"Mars/Olympus\" is not known",
            ),
            (json!({"time_zone": "Etc/Unknown", "monday": ["09:00-17:00"]}), "is not known"),
            (json!({"time_zone": "UTC"}), "no day has a span"),
            (json!({"time_zone": "UTC", "friday": ["22:00-06:00"]}), "friday: \"22:00-06:00\" is not a span"),
            (json!({"time_zone": "UTC", "friday": ["09:00-09:00"]}), "friday: "),
            (json!({"time_zone": "UTC", "friday": ["9:00-10:00"]}), "friday: "),
            (json!({"time_zone": "UTC", "friday": ["09:00-24:01"]}), "friday: "),
            (json!({"time_zone": "UTC", "friday": ["09:60-10:00"]}), "friday: "),
            (json!({"time_zone": "UTC", "friday": ["09:00 - 10:00"]}), "friday: "),
            (json!({"time_zone": "UTC", "sunday": ["09:00-12:00", "11:00-13:00"]}), "sunday: spans must be in order"),
            (json!({"time_zone": "UTC", "sunday": vec!["00:00-01:00"; 9]}), "sunday: at most 8"),
            (json!({"time_zone": "UTC", "monday": ["09:00-17:00"], "holidays": ["2026-02-30"]}), "\"2026-02-30\""),
            (json!({"time_zone": "UTC", "monday": ["09:00-17:00"], "holidays": ["20260203"]}), "is not a date"),
            (
                json!({"time_zone": "UTC", "monday": ["09:00-17:00"], "holidays": vec!["2026-01-01"; 367]}),
                "at most 366",
            ),
        ] {
            let error = serde_json::from_value::<WorkingHours>(config).expect_err(words).to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
