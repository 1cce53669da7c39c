//! A mark in each request's command, which identifies the request in the messages about it.

use rustix::time::{ClockId, clock_gettime};

/// Prefix of every mark.
const START: &str = "bench:";
/// Digits of the number.
const NUMBER: usize = 8;
/// Digits of the time: enough for any `u64`.
const TIME: usize = 20;

/// The phase of a scenario, whose requests are counted together. One ASCII letter.
pub(super) type Kind = char;

/// The mark of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Marker {
    pub(super) kind: Kind,
    /// Counts from 0 within its kind.
    pub(super) number: u32,
    /// When it was sent, by [`now`].
    pub(super) sent: u64,
}

/// Nanoseconds of the monotonic clock, which all processes of a machine share.
pub(super) fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    let (seconds, nanos) = (u64::try_from(time.tv_sec).unwrap_or(0), u64::try_from(time.tv_nsec).unwrap_or(0));
    seconds * 1_000_000_000 + nanos
}

impl Marker {
    /// Returns its text, which always has the same length.
    pub(super) fn text(self) -> String {
        format!("{START}{}:{:0NUMBER$}:{:0TIME$}", self.kind, self.number, self.sent)
    }

    /// Finds the first mark in a message. The message is not parsed, which would cost CPU time.
    pub(super) fn find(message: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(message).ok()?;
        let (_, after) = text.split_once(START)?;
        let mut parts = after.get(..NUMBER + TIME + 3)?.split(':');
        let kind = parts.next()?.chars().next()?;
        Some(Self { kind, number: parts.next()?.parse().ok()?, sent: parts.next()?.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_found() {
        for (number, sent) in [(0, 0), (7, now()), (99_999_999, u64::MAX)] {
            let marker = Marker { kind: 'a', number, sent };
            let message = format!("{{\"command\": \"update x set note = '{}'\", \"links\": 1}}", marker.text());
            assert_eq!(Marker::find(message.as_bytes()), Some(marker));
            assert_eq!(marker.text().len(), Marker { kind: 'b', number: 1, sent: 1 }.text().len());
        }
        for nothing in ["", "bench:", "bench:a:00000001", "bench:a:0000000x:00000000000000000001"] {
            assert_eq!(Marker::find(nothing.as_bytes()), None, "{nothing}");
        }
    }
}
