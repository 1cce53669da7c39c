//! The API under `/v1`, one file for each kind of object. A handler parses its input, calls one service, and returns
//! the response.

pub(super) mod analytics;
pub(super) mod apply;
pub(super) mod audit;
pub(super) mod bulk;
pub(super) mod deliveries;
pub(super) mod endpoints;
pub(super) mod grants;
pub(super) mod groups;
pub(super) mod health;
pub(super) mod identities;
pub(super) mod inbox;
pub(super) mod me;
pub(super) mod people;
pub(super) mod replays;
pub(super) mod requests;
pub(super) mod resources;
pub(super) mod slack;
pub(super) mod templates;
pub(super) mod tokens;
pub(super) mod views;

use serde::Deserialize;

use super::Problem;
use crate::codes::Code;

/// The result of a handler.
pub(in crate::http) type Answer<T> = Result<T, Problem>;

/// Default number of items of a page.
const PAGE: u32 = 50;
/// Most items of a page.
pub const MAX_PAGE: u32 = 500;

/// The query parameters of a page.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Paging {
    limit: Option<u32>,
    cursor: Option<String>,
}

impl Paging {
    /// The number of items. More than [`MAX_PAGE`] is an error: the caller could take a shorter page for the whole
    /// list.
    fn limit(&self) -> Answer<u32> {
        let limit = self.limit.unwrap_or(PAGE);
        if (1..=MAX_PAGE).contains(&limit) {
            return Ok(limit);
        }
        Err(Problem::new(
            Code::InvalidParameter,
            format!("limit must be between 1 and {MAX_PAGE}: use cursor for more"),
        ))
    }

    /// The cursor of lists that are ordered by name: the last name of the previous page.
    fn after(&self) -> &str {
        self.cursor.as_deref().unwrap_or_default()
    }
}
