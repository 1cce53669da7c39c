//! Keyset pages of lists.

use serde::Serialize;

use super::HubError;
use crate::codes::Code;

/// A page of a list, with the cursor of the next page.
#[derive(Debug, Clone, Serialize)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// The value for `?cursor=`; `None` on the last page.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Returns the first `limit` of `items`, which has one item more than that when another page follows.
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
    let detail = "this is not a cursor from a list: send the value of next_cursor unchanged";
    cursor.parse().map_err(|_| HubError::invalid(Code::InvalidCursor, "", detail))
}
