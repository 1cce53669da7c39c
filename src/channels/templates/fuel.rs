//! Bounds on one rendering: turns of loops and calls of helpers, and bytes written.
//!
//! Handlebars hands its helpers nothing that lasts for one rendering alone. A rendering stays on its thread, so that is where what is
//! left of its turns is kept.

use std::cell::Cell;
use std::io;

use handlebars::RenderErrorReason;

/// What all turns of all loops together may do, in elements of the template.
const WORK: usize = 2_000_000;
/// Turns that a template has however large it is.
const LEAST: usize = 2_000;
/// Most bytes that a template writes. No channel takes more.
const MAX_OUTPUT: usize = 2 * 1024 * 1024;
/// Bytes that a helper reads or writes for the price of a turn.
const BYTES: usize = 256;

thread_local! {
    static LEFT: Cell<usize> = const { Cell::new(0) };
}

/// Fills up for a template of so many elements.
pub(super) fn fill(elements: usize) {
    LEFT.set((WORK / elements.max(1)).max(LEAST));
}

/// Takes so many turns.
pub(super) fn take(turns: usize) -> Result<(), RenderErrorReason> {
    let left = LEFT.get().checked_sub(turns);
    LEFT.set(left.unwrap_or(0));
    left.map(drop)
        .ok_or_else(|| RenderErrorReason::Other("it goes on for too long: fewer turns of loops, please".to_owned()))
}

/// Takes what so many bytes cost.
pub(super) fn take_bytes(bytes: usize) -> Result<(), RenderErrorReason> {
    take(1 + bytes / BYTES)
}

/// What a template writes.
#[derive(Debug)]
pub(super) struct Written(Vec<u8>);

impl Written {
    /// Nothing yet, with room for an ordinary message.
    pub(super) fn new() -> Self {
        Self(Vec::with_capacity(8 * 1024))
    }

    /// As text; templates write nothing else.
    pub(super) fn into_text(self) -> String {
        String::from_utf8(self.0).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }
}

impl io::Write for &mut Written {
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
