//! Bounds on one rendering: turns of loops and calls of helpers, time, and bytes written.
//!
//! Handlebars hands its helpers nothing that lasts for one rendering alone. A rendering stays on its thread, so that is where what is
//! left for it is kept. Turns are the same on every machine; time is for what they do not count, such as comparing large values.

use std::cell::Cell;
use std::io;
use std::time::{Duration, Instant};

use handlebars::RenderErrorReason;

/// What all turns of all loops together may do, in elements of the template.
const WORK: usize = 2_000_000;
/// Turns that a template has however large it is.
const LEAST: usize = 500;
/// Most bytes that a template writes. No channel takes more.
const MAX_OUTPUT: usize = 2 * 1024 * 1024;
/// Longest that a rendering may take. An ordinary one takes some millionths of that.
const LONGEST: Duration = Duration::from_secs(1);
/// Bytes that a helper reads or writes for the price of a turn.
const BYTES: usize = 256;

thread_local! {
    static LEFT: Cell<usize> = const { Cell::new(0) };
    static UNTIL: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// How an error of these bounds begins.
pub(super) const TOO_LONG: &str = "it goes on for too long";

/// Fills up for a template of so many elements. The hub's own are not timed: a machine that stood still for a second is no fault of
/// theirs.
pub(super) fn fill(elements: usize, is_timed: bool) {
    LEFT.set((WORK / elements.max(1)).max(LEAST));
    UNTIL.set(is_timed.then(|| Instant::now() + LONGEST));
}

/// Takes so many turns.
pub(super) fn take(turns: usize) -> Result<(), RenderErrorReason> {
    let left = LEFT.get().checked_sub(turns);
    LEFT.set(left.unwrap_or(0));
    left.map(drop).ok_or_else(too_long)
}

/// Whether there is time. To be asked in every turn of a loop: without one, a template does a bounded number of things.
pub(super) fn check_time() -> Result<(), RenderErrorReason> {
    let is_early = UNTIL.get().is_none_or(|until| Instant::now() < until);
    if is_early { Ok(()) } else { Err(too_long()) }
}

fn too_long() -> RenderErrorReason {
    RenderErrorReason::Other(format!("{TOO_LONG}: fewer turns of loops, and smaller values, please"))
}

/// Takes what so many bytes cost.
pub(super) fn take_bytes(bytes: usize) -> Result<(), RenderErrorReason> {
    take(1 + bytes / BYTES)
}

/// What a template writes.
#[derive(Debug)]
pub(super) struct OutputBuffer(Vec<u8>);

impl OutputBuffer {
    /// Nothing yet, with room for an ordinary message.
    pub(super) fn new() -> Self {
        Self(Vec::with_capacity(8 * 1024))
    }

    /// As text; templates write nothing else.
    pub(super) fn into_text(self) -> String {
        String::from_utf8(self.0).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }
}

impl io::Write for &mut OutputBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_OUTPUT {
            return Err(io::Error::other("it writes more than 2 MiB"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
