//! What tells one ask from the others: a mark in its command, which comes back in the messages about it.

use rustix::time::{ClockId, clock_gettime};

/// What every mark begins with.
const START: &str = "bench:";
/// Digits of the number.
const NUMBER: usize = 8;
/// Digits of the moment: what a `u64` may need.
const MOMENT: usize = 20;

/// Asks that are counted together: those of one phase of a scenario. One ASCII letter.
pub(super) type Kind = char;

/// One ask, as its command names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Marker {
    /// What it is counted with.
    pub(super) kind: Kind,
    /// Counts from 0 within its kind.
    pub(super) number: u32,
    /// When it was sent, by [`now`].
    pub(super) sent: u64,
}

/// Nanoseconds on the clock that all processes of one machine share and nobody sets.
pub(super) fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    let (seconds, nanos) = (u64::try_from(time.tv_sec).unwrap_or(0), u64::try_from(time.tv_nsec).unwrap_or(0));
    seconds * 1_000_000_000 + nanos
}

impl Marker {
    /// As text, which always has the same length.
    pub(super) fn text(self) -> String {
        format!("{START}{}:{:0NUMBER$}:{:0MOMENT$}", self.kind, self.number, self.sent)
    }

    /// The first mark in a message. Looks at nothing else, so that reading costs little.
    pub(super) fn find(message: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(message).ok()?;
        let (_, after) = text.split_once(START)?;
        let mut parts = after.get(..NUMBER + MOMENT + 3)?.split(':');
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
