//! Durations and times for people.

use crate::time::Timestamp;

/// Formats a duration in its two largest units.
pub fn duration(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min {} s", seconds % 60),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

/// Formats a time for people, to the minute: `2026-11-21 13:00 UTC`.
pub fn utc(at: Timestamp) -> String {
    let text = at.to_string();
    match (text.get(..10), text.get(11..16)) {
        (Some(date), Some(time)) => format!("{date} {time} UTC"),
        _ => text,
    }
}

/// Formats a time in whole seconds, rounded down, for programs without fractions of a second: `2026-11-21T13:00:00Z`.
pub fn whole_seconds(at: Timestamp) -> String {
    let text = at.to_string();
    text.split_once('.').map_or(text.clone(), |(whole, _)| format!("{whole}Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_to_the_minute() {
        assert_eq!(utc("2026-11-21T13:05:59.25Z".parse().expect("a time")), "2026-11-21 13:05 UTC");
        assert_eq!(whole_seconds("2026-11-21T13:05:59.999Z".parse().expect("a time")), "2026-11-21T13:05:59Z");
    }
}
