//! Limits the log lines about what callers can repeat at will.

use std::time::Duration;

use tokio::time::Instant;

/// Limits the log lines about one kind of event.
#[derive(Debug)]
pub(super) struct LogLimit {
    interval: Duration,
    since_logged: u64,
    logged: Option<Instant>,
}

impl LogLimit {
    /// At most one line in `interval`.
    pub(super) const fn new(interval: Duration) -> Self {
        Self { interval, since_logged: 0, logged: None }
    }

    /// Counts an event. If a log line is due, returns the number of events since the last line.
    pub(super) fn count(&mut self, now: Instant) -> Option<u64> {
        self.since_logged += 1;
        if self.logged.is_some_and(|logged| now < logged + self.interval) {
            return None;
        }
        self.logged = Some(now);
        Some(std::mem::take(&mut self.since_logged))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn continuing_events_are_logged_rarely() {
        let (mut failures, start) = (LogLimit::new(Duration::from_secs(10)), Instant::now());
        let pause = Duration::from_millis(100);
        let lines: Vec<u64> = (0..250).filter_map(|number| failures.count(start + pause * number)).collect();
        assert_eq!(lines, [1, 100, 100], "one at once, then one in ten seconds, with how many there were");
    }
}
