//! Counts of the messages that arrived. Messages are not kept, only their numbers, their latencies, and the times of
//! the first and the last.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::super::marker::{Kind, Marker};

/// The messages that should have arrived: of which requests, and at which paths.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::cli::bench) struct Expect {
    pub(in crate::cli::bench) kind: Kind,
    /// Paths of the endpoints that must have every message.
    pub(in crate::cli::bench) paths: Vec<String>,
    /// Number of requests sent, numbered from 0.
    pub(in crate::cli::bench) sent: u32,
    /// Numbers of the requests that were not answered 201. Their messages may arrive or not.
    pub(in crate::cli::bench) failed: Vec<u32>,
}

/// What arrived of the messages of some requests.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(in crate::cli::bench) struct Report {
    /// Missing messages, over all paths.
    pub(in crate::cli::bench) missing: u32,
    /// Requests whose messages arrived at every path.
    pub(in crate::cli::bench) delivered: u32,
    /// Messages that arrived again.
    pub(in crate::cli::bench) duplicates: u32,
    /// Mean size of a body.
    pub(in crate::cli::bench) body_bytes: u64,
    /// Time of the first arrival.
    pub(in crate::cli::bench) first: u64,
    /// Time of the last arrival.
    pub(in crate::cli::bench) last: u64,
    /// Time from sending a request to the arrival of its message.
    pub(in crate::cli::bench) took: Spread,
}

/// Percentiles of a duration, in milliseconds.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(in crate::cli::bench) struct Spread {
    pub(in crate::cli::bench) p50: f64,
    pub(in crate::cli::bench) p90: f64,
    pub(in crate::cli::bench) p99: f64,
    pub(in crate::cli::bench) max: f64,
}

/// All streams of messages, by path and kind.
#[derive(Debug, Default)]
pub(super) struct Tallies(HashMap<(String, Kind), Tally>);

/// One stream of messages.
#[derive(Debug, Default)]
struct Tally {
    /// One bit per number.
    seen: Vec<u64>,
    duplicates: u32,
    bytes: u64,
    first: u64,
    last: u64,
    /// Of first arrivals, in microseconds.
    took: Vec<u32>,
}

impl Tallies {
    /// Counts a message that arrived.
    pub(super) fn note(&mut self, path: &str, marker: Marker, bytes: usize, now: u64) {
        let tally = self.0.entry((path.to_owned(), marker.kind)).or_default();
        if !tally.see(marker.number) {
            tally.duplicates += 1;
            return;
        }
        if tally.took.is_empty() {
            tally.first = now;
        }
        tally.last = now;
        tally.bytes += bytes as u64;
        tally.took.push(u32::try_from(now.saturating_sub(marker.sent) / 1_000).unwrap_or(u32::MAX));
    }

    /// Number of missing messages.
    pub(super) fn missing(&self, expect: &Expect) -> u32 {
        expect.paths.iter().map(|path| self.missing_at(path, expect)).sum()
    }

    /// Reports on the messages of some requests.
    pub(super) fn report(&self, expect: &Expect) -> Report {
        let tallies: Vec<_> = expect.paths.iter().filter_map(|path| self.0.get(&(path.clone(), expect.kind))).collect();
        let mut took: Vec<u32> = tallies.iter().flat_map(|tally| tally.took.iter().copied()).collect();
        let accepted = expect.sent.saturating_sub(expect.failed.len() as u32);
        let worst = expect.paths.iter().map(|path| self.missing_at(path, expect)).max().unwrap_or(0);
        Report {
            missing: self.missing(expect),
            delivered: accepted.saturating_sub(worst),
            duplicates: tallies.iter().map(|tally| tally.duplicates).sum(),
            body_bytes: tallies.iter().map(|tally| tally.bytes).sum::<u64>() / (took.len() as u64).max(1),
            first: tallies.iter().map(|tally| tally.first).min().unwrap_or(0),
            last: tallies.iter().map(|tally| tally.last).max().unwrap_or(0),
            took: Spread::of(&mut took),
        }
    }

    fn missing_at(&self, path: &str, expect: &Expect) -> u32 {
        let tally = self.0.get(&(path.to_owned(), expect.kind));
        let seen = |number: &u32| tally.is_some_and(|tally| tally.has(*number));
        let arrived = tally.map_or(0, |tally| tally.seen_below(expect.sent));
        let excused = expect.failed.iter().filter(|number| !seen(number)).count() as u32;
        expect.sent.saturating_sub(arrived).saturating_sub(excused)
    }
}

impl Tally {
    /// Notes a number; returns whether it is new.
    fn see(&mut self, number: u32) -> bool {
        let (word, bit) = position(number);
        if self.seen.len() <= word {
            self.seen.resize(word + 1, 0);
        }
        let Some(word) = self.seen.get_mut(word) else { return false };
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    fn has(&self, number: u32) -> bool {
        let (word, bit) = position(number);
        self.seen.get(word).is_some_and(|word| word & bit != 0)
    }

    fn seen_below(&self, end: u32) -> u32 {
        let (word, bit) = position(end);
        let whole: u32 = self.seen.iter().take(word).map(|word| word.count_ones()).sum();
        whole + self.seen.get(word).map_or(0, |word| (word & (bit - 1)).count_ones())
    }
}

/// Word and bit of a number.
const fn position(number: u32) -> (usize, u64) {
    (number as usize / 64, 1 << (number % 64))
}

impl Spread {
    fn of(micros: &mut [u32]) -> Self {
        micros.sort_unstable();
        // Nearest rank: always a measured value, never an interpolated one.
        let at = |percent: usize| {
            let rank = (micros.len() * percent).div_ceil(100);
            micros.get(rank.saturating_sub(1)).map_or(0.0, |micros| f64::from(*micros) / 1_000.0)
        };
        Self { p50: at(50), p90: at(90), p99: at(99), max: at(100) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(tallies: &mut Tallies, path: &str, number: u32) {
        let marker = Marker { kind: 'n', number, sent: 1_000_000 };
        tallies.note(path, marker, 10, 1_000_000 * (u64::from(number) + 2));
    }

    fn expect(sent: u32, failed: &[u32]) -> Expect {
        Expect { kind: 'n', paths: vec!["/1".to_owned(), "/2".to_owned()], sent, failed: failed.to_vec() }
    }

    #[test]
    fn what_is_missing_is_missing_at_each_path() {
        let mut tallies = Tallies::default();
        assert_eq!(tallies.missing(&expect(3, &[])), 6);
        for number in 0..130 {
            note(&mut tallies, "/1", number);
            if number != 70 {
                note(&mut tallies, "/2", number);
            }
        }
        note(&mut tallies, "/2", 5);
        let report = tallies.report(&expect(130, &[]));
        assert_eq!((report.missing, report.delivered, report.duplicates, report.body_bytes), (1, 129, 1, 10));
        assert_eq!(tallies.missing(&expect(130, &[70])), 0, "a failed request's message need not arrive");
        assert_eq!(tallies.missing(&expect(131, &[5])), 3, "a failed request's message may arrive");
    }

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let mut tallies = Tallies::default();
        for number in 0..100 {
            note(&mut tallies, "/1", number);
        }
        let took = tallies.report(&expect(100, &[])).took;
        assert_eq!([took.p50, took.p90, took.p99, took.max], [50.0, 90.0, 99.0, 100.0]);
        assert_eq!(Spread::of(&mut []).max, 0.0);
    }
}
