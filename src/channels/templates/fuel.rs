//! Bounds of one rendering: loop iterations and helper calls ("fuel"), time, and bytes of output.
//!
//! Handlebars gives its helpers no state of a single rendering. A rendering stays on its thread, so thread-local
//! cells hold what is left. Fuel is the same on every machine; the time limit covers work that fuel does not count,
//! such as comparing large values.

use std::cell::Cell;
use std::io;
use std::time::{Duration, Instant};

use handlebars::RenderErrorReason;

/// Fuel of a rendering: iterations of all loops times elements of the template.
const WORK: usize = 2_000_000;
/// Iterations that a template of any size may use.
const LEAST: usize = 500;
/// Most bytes of output. No channel accepts more.
const MAX_OUTPUT: usize = 2 * 1024 * 1024;
/// Longest time of a rendering. An ordinary one takes microseconds.
const LONGEST: Duration = Duration::from_secs(1);
/// Bytes that a helper reads or writes at the price of one iteration.
const BYTES: usize = 256;

thread_local! {
    static LEFT: Cell<usize> = const { Cell::new(0) };
    static UNTIL: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Start of the error of an exhausted bound.
pub(super) const TOO_LONG: &str = "it takes too long";

/// Refills for a template of this size. Built-in templates have no time limit: a machine that stalls for a second is
/// not their fault.
pub(super) fn fill(elements: usize, is_timed: bool) {
    LEFT.set((WORK / elements.max(1)).max(LEAST));
    UNTIL.set(is_timed.then(|| Instant::now() + LONGEST));
}

/// Consumes fuel for a number of iterations.
pub(super) fn consume(iterations: usize) -> Result<(), RenderErrorReason> {
    let left = LEFT.get().checked_sub(iterations);
    LEFT.set(left.unwrap_or(0));
    left.map(drop).ok_or_else(too_long)
}

/// Checks the time limit, once per loop iteration. Without loops, the work of a template is bounded.
pub(super) fn check_time() -> Result<(), RenderErrorReason> {
    let is_early = UNTIL.get().is_none_or(|until| Instant::now() < until);
    if is_early { Ok(()) } else { Err(too_long()) }
}

fn too_long() -> RenderErrorReason {
    RenderErrorReason::Other(format!("{TOO_LONG}: use fewer loop iterations or smaller values"))
}

/// Consumes fuel for a number of bytes.
pub(super) fn consume_bytes(bytes: usize) -> Result<(), RenderErrorReason> {
    consume(1 + bytes / BYTES)
}

/// The bounded output of a template.
#[derive(Debug)]
pub(super) struct OutputBuffer(Vec<u8>);

impl OutputBuffer {
    /// Makes an empty buffer with capacity for an ordinary message.
    pub(super) fn new() -> Self {
        Self(Vec::with_capacity(8 * 1024))
    }

    /// Returns the output as text; templates write only text.
    pub(super) fn into_text(self) -> String {
        String::from_utf8(self.0).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }
}

impl io::Write for &mut OutputBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_OUTPUT {
            return Err(io::Error::other("the output is larger than 2 MiB"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
