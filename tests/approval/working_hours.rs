//! Working hours, compared with a wall clock that is read minute by minute.

use std::time::Duration;

use countersign::approval::WorkingHours;
use countersign::time::Timestamp;
use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use proptest::prelude::*;
use serde_json::{Value, json};

fn moment(text: &str) -> Timestamp {
    text.parse().expect("a moment")
}

fn minutes(count: u64) -> Duration {
    Duration::from_mins(count)
}

fn zone_of(written: &Value) -> TimeZone {
    TimeZoneDatabase::bundled().get(written["time_zone"].as_str().expect("a text")).expect("a zone")
}

/// In Cairo the clocks change at midnight, so that a day returns after the next one began;
/// on Lord Howe by half an hour.
const ZONES: [&str; 6] =
    ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "UTC", "Australia/Lord_Howe", "Africa/Cairo"];
/// Days on which the clocks of one of the zones change, and one day without a change.
const CHANGES: [&str; 9] = [
    "2026-03-08",
    "2026-03-29",
    "2026-04-05",
    "2026-04-24",
    "2026-07-01",
    "2026-10-04",
    "2026-10-25",
    "2026-10-30",
    "2026-11-01",
];
const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// Random spans on every day: random times, sorted and taken in pairs.
fn written() -> impl Strategy<Value = Value> {
    let day = prop::collection::btree_set(0..=24 * 60_u32, 0..7).prop_map(|times| {
        let text = |minute: u32| format!("{:02}:{:02}", minute / 60, minute % 60);
        let times: Vec<String> = times.into_iter().map(text).collect();
        times.as_chunks::<2>().0.iter().map(|[start, end]| format!("{start}-{end}")).collect::<Vec<_>>()
    });
    let week = prop::collection::vec(day, 7).prop_filter("some day", |week| !week.iter().all(Vec::is_empty));
    (prop::sample::select(&ZONES[..]), week, prop::collection::vec(0..400_i64, 0..40)).prop_map(|(zone, week, off)| {
        let mut object: serde_json::Map<String, Value> =
            DAYS.iter().zip(week).map(|(day, spans)| ((*day).to_owned(), json!(spans))).collect();
        let new_year: Date = "2026-01-01".parse().expect("a date");
        let holidays: Vec<String> = off
            .into_iter()
            .map(|day| new_year.checked_add(jiff::Span::new().days(day)).expect("a date").to_string())
            .collect();
        object.insert("time_zone".to_owned(), json!(zone));
        object.insert("holidays".to_owned(), json!(holidays));
        Value::Object(object)
    })
}

/// Whether the wall clock shows working time, found by comparing texts.
fn shows_working_time(written: &Value, zone: &TimeZone, at: Timestamp) -> bool {
    let wall = jiff::Timestamp::from_microsecond(at.as_micros()).expect("a moment").to_zoned(zone.clone());
    let has = |list: &Value, text: &str| list.as_array().is_some_and(|list| list.iter().any(|item| item == text));
    let day = DAYS[usize::try_from(wall.weekday().to_monday_zero_offset()).expect("a weekday")];
    let time = format!("{:02}:{:02}", wall.hour(), wall.minute());
    let spans = written[day].as_array().expect("spans");
    !has(&written["holidays"], &wall.date().to_string())
        && spans
            .iter()
            .filter_map(|span| span.as_str()?.split_once('-'))
            .any(|(start, end)| *start <= *time && *time < *end)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Days with and without clock changes, counted minute by minute.
    #[test]
    fn agrees_with_counting_minutes(
        written in written(),
        day in prop::sample::select(&CHANGES[..]),
        before in 0..3_000_u64,
        length in 0..6_000_u64,
        wanted in 1..4_000_u64,
    ) {
        let hours: WorkingHours = serde_json::from_value(written.clone()).expect("valid working hours");
        let zone = zone_of(&written);
        let from = moment(&format!("{day}T02:00:00Z")) - minutes(before);
        let is_open = |minute: u64| shows_working_time(&written, &zone, from + minutes(minute));
        let open: Vec<u64> = (0..length).filter(|minute| is_open(*minute)).collect();
        let to = from + minutes(length);

        prop_assert_eq!(hours.between(from, to), minutes(open.len() as u64));
        for minute in (0..length).step_by(37) {
            prop_assert_eq!(hours.is_open(from + minutes(minute)), open.binary_search(&minute).is_ok());
        }
        match (open.first(), hours.next_open(from)) {
            (Some(first), found) => prop_assert_eq!(found, Some(from + minutes(*first))),
            (None, found) => prop_assert!(found.is_none_or(|found| found >= to)),
        }
        let reached = hours.add(from, minutes(wanted));
        match open.get(usize::try_from(wanted).expect("few") - 1) {
            Some(last) => prop_assert_eq!(reached, from + minutes(*last + 1)),
            None => prop_assert!(reached > to),
        }
        if reached < from + WorkingHours::HORIZON {
            prop_assert_eq!(hours.between(from, reached), minutes(wanted));
        }
    }
}
