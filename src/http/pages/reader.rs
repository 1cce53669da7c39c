//! Times as the reader's clock shows them.

use axum::http::HeaderMap;
use jiff::tz::TimeZone;

use super::time::PageTime;
use crate::http::cookies;
use crate::time::Timestamp;

/// Less than this is shown as urgent, in seconds.
const SOON: u64 = 600;
/// Less than this is shown as very urgent.
const NOW: u64 = 120;

/// The reader's time zone, and the time at which the page is made.
#[derive(Debug, Clone)]
pub(in crate::http) struct Reader {
    zone: TimeZone,
    pub(super) now: Timestamp,
}

impl Reader {
    /// The zone that the browser's cookie names; UTC without one, or if the name is unknown.
    pub(in crate::http) fn new(headers: &HeaderMap, now: Timestamp) -> Self {
        let named = cookies::read(headers, cookies::ZONE).map(|name| name.replace("%2F", "/").replace("%2B", "+"));
        let zone = named.and_then(|name| TimeZone::get(&name).ok()).unwrap_or(TimeZone::UTC);
        Self { zone, now }
    }

    /// For example `Europe/Berlin`.
    pub(super) fn zone_name(&self) -> String {
        self.zone.iana_name().unwrap_or("UTC").to_owned()
    }

    /// A time: of today to the minute, of this year with the day, else with the year.
    pub(super) fn time(&self, at: Timestamp) -> PageTime {
        let (then, now) = (self.zoned(at), self.zoned(self.now));
        let format = if then.date() == now.date() {
            "%H:%M"
        } else if then.year() == now.year() {
            "%-d %b %H:%M"
        } else {
            "%-d %b %Y %H:%M"
        };
        PageTime { shown: then.strftime(format).to_string(), ..PageTime::from(at) }
    }

    /// The time until `end`.
    pub(super) fn left(&self, end: Timestamp) -> TimeLeft {
        let seconds = end.since(self.now).as_secs();
        let urgency = match seconds {
            0..NOW => "now",
            NOW..SOON => "soon",
            _ => "",
        };
        TimeLeft { text: brief(seconds), urgency, until: self.time(end) }
    }

    /// How long ago it was.
    pub(super) fn ago(&self, at: Timestamp) -> String {
        brief(self.now.since(at).as_secs())
    }

    /// A time as a field of the type `datetime-local` has it.
    pub(super) fn field(&self, at: Timestamp) -> String {
        let then = self.zoned(at);
        let format = if then.second() == 0 { "%Y-%m-%dT%H:%M" } else { "%Y-%m-%dT%H:%M:%S" };
        then.strftime(format).to_string()
    }

    /// What such a field says; none if it is no time.
    pub(super) fn entered(&self, text: &str) -> Option<Timestamp> {
        let civil: jiff::civil::DateTime = text.trim().parse().ok()?;
        let zoned = civil.to_zoned(self.zone.clone()).ok()?;
        Some(Timestamp::from_micros(zoned.timestamp().as_microsecond()))
    }

    /// The beginning of a day, written as `2026-11-28`.
    pub(super) fn start_of_day(&self, day: &str) -> Option<Timestamp> {
        self.midnight(civil(day)?)
    }

    /// The end of a day, which is the beginning of the next one.
    pub(super) fn end_of_day(&self, day: &str) -> Option<Timestamp> {
        self.midnight(civil(day)?.tomorrow().ok()?)
    }

    fn midnight(&self, day: jiff::civil::Date) -> Option<Timestamp> {
        day.to_zoned(self.zone.clone()).ok()?.timestamp().to_string().parse().ok()
    }

    /// The day that was `days` ago, as an address has it.
    pub(super) fn day_before(&self, days: u64) -> String {
        let then = self.now - std::time::Duration::from_secs(days.saturating_mul(86_400));
        self.zoned(then).strftime("%Y-%m-%d").to_string()
    }

    fn zoned(&self, at: Timestamp) -> jiff::Zoned {
        at.in_zone(&self.zone)
    }
}

/// Reads `2026-11-28`.
fn civil(day: &str) -> Option<jiff::civil::Date> {
    // The parser would read the day of a time, too.
    Some(day).filter(|day| day.len() == 10)?.parse().ok()
}

/// The time until a deadline.
pub(super) struct TimeLeft {
    /// For example `18 min`.
    pub(super) text: String,
    /// A CSS class.
    pub(super) urgency: &'static str,
    pub(super) until: PageTime,
}

/// A duration for people who decide by it: at most two units, and no more than they need.
pub(super) fn brief(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    let two = |large: u64, unit: &str, small: u64, lesser: &str| match small {
        0 => format!("{large} {unit}"),
        _ => format!("{large} {unit} {small} {lesser}"),
    };
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes @ 1..5) => two(minutes, "min", seconds % 60, "s"),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => two(hours, "h", minutes, "min"),
        (days, hours, _) => two(days, "d", hours, "h"),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, header};

    use super::*;

    fn reader(zone: &'static str) -> Reader {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_static(zone));
        Reader::new(&headers, "2026-11-28T13:00:00Z".parse().unwrap())
    }

    #[test]
    fn times_are_in_the_readers_zone() {
        let berlin = reader("__Host-countersign-zone=Europe%2FBerlin");
        for (at, shown) in [
            ("2026-11-28T12:51:30Z", "13:51"),
            ("2026-11-27T23:30:00Z", "00:30"),
            ("2026-11-27T22:30:00Z", "27 Nov 23:30"),
            ("2025-07-01T22:30:00Z", "2 Jul 2025 00:30"),
        ] {
            let time = berlin.time(at.parse().unwrap());
            assert_eq!(time.shown, shown);
            assert_eq!(time.exact, at);
        }
        assert_eq!(berlin.zone_name(), "Europe/Berlin");
        assert_eq!(reader("__Host-countersign-zone=Nowhere").zone_name(), "UTC");
        assert_eq!(reader("__Host-countersign-zone=../../etc/passwd").zone_name(), "UTC");
    }

    #[test]
    fn a_field_says_a_time_in_the_readers_zone() {
        let berlin = reader("__Host-countersign-zone=Europe%2FBerlin");
        for (field, at) in
            [("2026-11-28T14:30", "2026-11-28T13:30:00Z"), ("2026-07-01T00:00:05", "2026-06-30T22:00:05Z")]
        {
            let at = at.parse().unwrap();
            assert_eq!((berlin.entered(field), berlin.field(at).as_str()), (Some(at), field));
        }
        for text in ["", "soon", "2026-13-01T00:00"] {
            assert_eq!(berlin.entered(text), None, "{text}");
        }
    }

    #[test]
    fn a_day_begins_at_the_readers_midnight() {
        let berlin = reader("__Host-countersign-zone=Europe%2FBerlin");
        assert_eq!(berlin.start_of_day("2026-11-28"), "2026-11-27T23:00:00Z".parse().ok());
        for wrong in ["", "2026-11-31", "2026-11-28T00", "yesterday", "0000-01-01"] {
            assert_eq!(berlin.start_of_day(wrong), None, "{wrong}");
        }
        assert_eq!(berlin.end_of_day("2026-11-28"), "2026-11-28T23:00:00Z".parse().ok());
        assert_eq!(berlin.day_before(7), "2026-11-21");
    }

    #[test]
    fn little_time_is_urgent() {
        let reader = reader("");
        for (end, text, urgency) in [
            ("2026-11-28T12:00:00Z", "0 s", "now"),
            ("2026-11-28T13:01:40Z", "1 min 40 s", "now"),
            ("2026-11-28T13:09:59Z", "9 min", "soon"),
            ("2026-11-28T13:18:20Z", "18 min", ""),
            ("2026-11-28T15:00:00Z", "2 h", ""),
            ("2026-12-01T17:10:00Z", "3 d 4 h", ""),
        ] {
            let left = reader.left(end.parse().unwrap());
            assert_eq!((left.text.as_str(), left.urgency), (text, urgency));
        }
    }
}
