//! Trace contexts, from the call that creates a request to the attempts that deliver its events (W3C Trace Context,
//! <https://www.w3.org/TR/trace-context/>).

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::random;

/// The most entries of a `tracestate` (section 3.3.1.1).
const MOST_ENTRIES: usize = 32;
/// The maximum length of a stored `tracestate`; section 3.3.1.5 requires to propagate at least this much.
const MOST_STATE: usize = 512;
/// Entries longer than this are dropped first when the state is too long (section 3.3.1.5).
const LONG_ENTRY: usize = 128;
/// The defined flags: sampled (level 1), and random trace id (level 2). Others have to be sent as zero.
const KNOWN_FLAGS: u8 = 0b11;
/// The flags of a trace that begins here.
const SAMPLED: u8 = 0b01;

tokio::task_local! {
    static CURRENT: TraceContext;
}

/// The id of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceId([u8; 16]);

/// The trace context of a call, which is propagated with its events. Events store it as text: the trace id and the
/// flags in hex, then a space and the state: `4bf92f3577b34da6a3ce929d0e0e4736-01 congo=t61rcWkgMzE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    pub id: TraceId,
    /// Whether the caller records the trace, and whether its id is random.
    flags: u8,
    /// The caller's `tracestate`, if it sent one.
    state: Option<Arc<str>>,
}

/// The text is not a `traceparent` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a traceparent header")]
pub struct InvalidTrace;

impl TraceContext {
    /// A trace that begins here.
    pub fn mint() -> Self {
        Self { id: TraceId(random::bytes()), flags: SAMPLED, state: None }
    }

    /// The trace of the call that the current task belongs to.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Self::clone).ok()
    }

    /// Runs a future as part of this trace.
    pub async fn scope<F: Future>(self, work: F) -> F::Output {
        CURRENT.scope(self, work).await
    }

    /// Reads the headers `traceparent` (version, trace, parent and flags in lower-case hex) and `tracestate` (in the
    /// order of receipt). An invalid `tracestate` is dropped; the trace is propagated without it.
    ///
    /// # Errors
    /// When `parent` is not a `traceparent`, or the trace or the parent is all zero.
    pub fn from_headers<'h>(parent: &str, states: impl Iterator<Item = &'h str>) -> Result<Self, InvalidTrace> {
        let mut parts = parent.split('-');
        let mut part = || parts.next().ok_or(InvalidTrace);
        let (version, id, span, flags) = (part()?, part()?, part()?, part()?);
        // A later version may have more parts, which are ignored.
        let is_known = is_hex(version, 2) && version != "ff" && (version != "00" || parts.next().is_none());
        if !is_known || !is_hex(span, 16) || span.bytes().all(|byte| byte == b'0') {
            return Err(InvalidTrace);
        }
        Ok(Self { id: id.parse()?, flags: read_flags(flags)?, state: read_state(states) })
    }

    /// The `traceparent` of an outgoing call: a new span of this trace.
    pub fn parent(&self) -> String {
        format!("00-{}-{:016x}-{:02x}", self.id, u64::from_ne_bytes(random::bytes()) | 1, self.flags)
    }

    /// The `tracestate` of an outgoing call.
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:02x}", self.id, self.flags)?;
        self.state.as_deref().map_or(Ok(()), |state| write!(f, " {state}"))
    }
}

impl FromStr for TraceContext {
    type Err = InvalidTrace;

    fn from_str(text: &str) -> Result<Self, InvalidTrace> {
        let (head, state) = text.split_once(' ').map_or((text, None), |(head, state)| (head, Some(state)));
        // Events of earlier versions have the id only.
        let (id, flags) = head.split_once('-').map_or((head, Ok(SAMPLED)), |(id, flags)| (id, read_flags(flags)));
        Ok(Self { id: id.parse()?, flags: flags?, state: state.map(Arc::from) })
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::lower_hex::write(f, &self.0)
    }
}

impl FromStr for TraceId {
    type Err = InvalidTrace;

    fn from_str(text: &str) -> Result<Self, InvalidTrace> {
        let number = u128::from_str_radix(text, 16).ok().filter(|number| is_hex(text, 32) && *number != 0);
        number.map(|number| Self(number.to_be_bytes())).ok_or(InvalidTrace)
    }
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn read_flags(text: &str) -> Result<u8, InvalidTrace> {
    let flags = u8::from_str_radix(text, 16).ok().filter(|_| is_hex(text, 2));
    flags.map(|flags| flags & KNOWN_FLAGS).ok_or(InvalidTrace)
}

/// Joins the entries of all headers, without empty ones and those that exceed the maximum length. None when an entry is
/// invalid.
fn read_state<'h>(headers: impl Iterator<Item = &'h str>) -> Option<Arc<str>> {
    let entries = headers.flat_map(|header| header.split(',')).map(|entry| entry.trim_matches([' ', '\t']));
    // One more than allowed, to detect too many without collecting all of them.
    let mut entries: Vec<&str> = entries.filter(|entry| !entry.is_empty()).take(MOST_ENTRIES + 1).collect();
    if entries.is_empty() || entries.len() > MOST_ENTRIES || !entries.iter().all(|entry| is_entry(entry)) {
        return None;
    }
    let length = |entries: &[&str]| entries.iter().map(|entry| entry.len() + 1).sum::<usize>().saturating_sub(1);
    if length(&entries) > MOST_STATE {
        entries.retain(|entry| entry.len() <= LONG_ENTRY);
    }
    while length(&entries) > MOST_STATE {
        entries.pop();
    }
    (!entries.is_empty()).then(|| entries.join(",").into())
}

/// A `list-member`: a key of lower-case letters, digits and `_-*/@`, `=`, and a value of printable ASCII without `,`
/// and `=`.
fn is_entry(entry: &str) -> bool {
    let Some((key, value)) = entry.split_once('=') else { return false };
    let first = key.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let of_key = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-*/@".contains(&byte);
    let of_value = |byte: u8| (b' '..=b'~').contains(&byte) && byte != b'=';
    first && key.len() <= 256 && key.bytes().all(of_key) && value.len() <= 256 && value.bytes().all(of_value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn state(headers: &[&str]) -> Option<String> {
        let trace = TraceContext::from_headers(PARENT, headers.iter().copied()).expect("valid");
        trace.state().map(str::to_owned)
    }

    #[test]
    fn the_specifications_example_is_read_and_invalid_headers_are_refused() {
        let trace = TraceContext::from_headers(PARENT, std::iter::empty()).expect("valid");
        assert_eq!(trace.id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        let later = "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes-later";
        assert_eq!(TraceContext::from_headers(later, std::iter::empty()), Ok(trace));
        for wrong in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902bx-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceContext::from_headers(wrong, std::iter::empty()), Err(InvalidTrace), "{wrong}");
        }
    }

    #[test]
    fn only_defined_flags_of_the_caller_are_propagated() {
        for (flags, carried) in [("00", "-00"), ("01", "-01"), ("02", "-02"), ("03", "-03"), ("ff", "-03")] {
            let header = format!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{flags}");
            let trace = TraceContext::from_headers(&header, std::iter::empty()).expect("valid");
            assert!(trace.parent().ends_with(carried) && trace.parent().len() == 55, "{}", trace.parent());
            assert_ne!(trace.parent(), trace.parent());
        }
    }

    #[test]
    fn a_state_that_is_too_long_loses_its_longest_and_last_entries() {
        assert_eq!(state(&[]), None);
        assert_eq!(
            state(&["rojo=00f067aa0ba902b7,\tcongo=t61rcWkgMzE "]).as_deref(),
            Some("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE")
        );
        assert_eq!(state(&["a=1,,b=2", "tenant@vendor/x=y z"]).as_deref(), Some("a=1,b=2,tenant@vendor/x=y z"));
        for wrong in ["a", "=1", "A=1", "a=1,b=é", "a=1=2", "a=\u{1}", "-a=1"] {
            assert_eq!(state(&[wrong]), None, "{wrong}");
        }
        let many = |count: usize| (0..count).map(|n| format!("k{n}=v")).collect::<Vec<_>>().join(",");
        assert!(state(&[&many(32)]).is_some_and(|state| state.matches('=').count() == 32));
        assert_eq!(state(&[&many(33)]), None);
        let long = format!(
            "long={},{}",
            "x".repeat(200),
            (0..30).map(|n| format!("key{n:02}={}", "v".repeat(15))).collect::<Vec<_>>().join(",")
        );
        let kept = state(&[&long]).expect("something is kept");
        assert!(kept.len() <= MOST_STATE && kept.len() > MOST_STATE - 30 && kept.starts_with("key00="), "{kept}");
    }

    #[test]
    fn the_stored_text_is_read_back() {
        for state in [vec![], vec!["rojo=00f067aa0ba902b7,congo=t61 rcWkgMzE"]] {
            let trace = TraceContext::from_headers(PARENT, state.into_iter()).expect("valid");
            assert_eq!(trace.to_string().parse(), Ok(trace));
        }
        let earlier: TraceContext = "4bf92f3577b34da6a3ce929d0e0e4736".parse().expect("an id alone");
        assert!(earlier.parent().ends_with("-01"));
    }

    #[tokio::test]
    async fn work_knows_its_trace() {
        let trace = TraceContext::mint();
        assert_eq!(trace.clone().scope(async { TraceContext::current() }).await, Some(trace));
        assert_eq!(TraceContext::current(), None);
    }
}
