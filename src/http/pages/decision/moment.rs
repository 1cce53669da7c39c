//! Times on a page.

use crate::channels::text::{utc, whole_seconds};
use crate::time::Timestamp;

/// A time for people, and for programs: HTML knows no more than three digits behind a second.
pub(super) struct Moment {
    pub(super) shown: String,
    pub(super) exact: String,
}

impl From<Timestamp> for Moment {
    fn from(at: Timestamp) -> Self {
        Self { shown: utc(at), exact: whole_seconds(at) }
    }
}
