//! Lists, a part at a time.

use serde::Serialize;

use super::HubError;
use crate::codes::Code;

/// A part of a list, and where the next part begins.
#[derive(Debug, Clone, Serialize)]
pub struct Page<T> {
    /// This part.
    pub items: Vec<T>,
    /// For `?cursor=`; none at the end.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// A page of up to `limit` of `items`, which holds one more than that when there is more.
    pub(super) fn cut(mut items: Vec<T>, limit: u32, cursor: impl Fn(&T) -> String) -> Self {
        let more = items.len() > limit as usize;
        items.truncate(limit as usize);
        let next_cursor = if more { items.last().map(cursor) } else { None };
        Self { items, next_cursor }
    }

    pub(super) fn map<U>(self, change: impl Fn(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(change).collect(), next_cursor: self.next_cursor }
    }
}

pub(super) fn parse_cursor<T: std::str::FromStr>(cursor: &str) -> Result<T, HubError> {
    let detail = "this cursor is none that a list gave: take next_cursor as it is";
    cursor.parse().map_err(|_| HubError::invalid(Code::InvalidCursor, "", detail))
}
