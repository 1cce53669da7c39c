//! Which call something belongs to, from the request that asked to the attempt that tells of it (W3C Trace Context,
//! <https://www.w3.org/TR/trace-context/>).

use std::fmt;
use std::str::FromStr;

use crate::random;

tokio::task_local! {
    static CURRENT: TraceId;
}

/// The 16 bytes of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceId([u8; 16]);

/// Not a `traceparent` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a traceparent header")]
pub struct InvalidTrace;

impl TraceId {
    /// A trace that begins here.
    pub fn mint() -> Self {
        Self(random::bytes())
    }

    /// The trace of the call that this task works for.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(|trace| *trace).ok()
    }

    /// Works as part of this trace.
    pub async fn scope<F: Future>(self, work: F) -> F::Output {
        CURRENT.scope(self, work).await
    }

    /// The trace that a `traceparent` header names: `00-`, the trace and the parent in lower-case hex, and flags.
    ///
    /// # Errors
    /// When it is not one, or the trace is all zero.
    pub fn from_header(header: &str) -> Result<Self, InvalidTrace> {
        let mut parts = header.split('-');
        let (version, trace) = (parts.next().ok_or(InvalidTrace)?, parts.next().ok_or(InvalidTrace)?);
        let (parent, flags) = (parts.next().ok_or(InvalidTrace)?, parts.next().ok_or(InvalidTrace)?);
        let known = version.len() == 2 && version != "ff" && parent.len() == 16 && flags.len() == 2;
        if known { trace.parse() } else { Err(InvalidTrace) }
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for TraceId {
    type Err = InvalidTrace;

    fn from_str(text: &str) -> Result<Self, InvalidTrace> {
        let is_hex = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let number = u128::from_str_radix(text, 16).ok().filter(|number| is_hex && *number != 0);
        number.map(|number| Self(number.to_be_bytes())).ok_or(InvalidTrace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_specifications_example_and_what_is_none() {
        let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let trace = TraceId::from_header(header).expect("valid");
        assert_eq!(trace.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        for wrong in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceId::from_header(wrong), Err(InvalidTrace), "{wrong}");
        }
    }

    #[tokio::test]
    async fn work_knows_its_trace() {
        let trace = TraceId::mint();
        assert_eq!(trace.scope(async { TraceId::current() }).await, Some(trace));
        assert_eq!(TraceId::current(), None);
    }
}
