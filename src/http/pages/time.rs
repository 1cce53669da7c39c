//! Times on a page.

use crate::channels::text::{utc, whole_seconds};
use crate::time::Timestamp;

/// A time as text and as the value of a `datetime` attribute, which allows at most three digits of a second.
pub(super) struct PageTime {
    pub(super) shown: String,
    pub(super) exact: String,
    /// To the second, for readers whose zone is another.
    pub(super) utc: String,
}

impl From<Timestamp> for PageTime {
    fn from(at: Timestamp) -> Self {
        let exact = whole_seconds(at);
        Self { shown: utc(at), utc: exact.replace('T', " ").replace('Z', " UTC"), exact }
    }
}
