//! The API under `/v1`: one file a resource. A handler reads its input, calls one service, and says how the answer looks.

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
pub(super) mod people;
pub(super) mod replays;
pub(super) mod requests;
pub(super) mod resources;
pub(super) mod slack;
pub(super) mod templates;
pub(super) mod tokens;

use serde::Deserialize;

use super::Problem;
use crate::codes::Code;

/// What a handler answers.
pub(in crate::http) type Answer<T> = Result<T, Problem>;

/// Items of a page unless asked otherwise.
const PAGE: u32 = 50;
/// Most items of a page.
const MAX_PAGE: u32 = 500;

/// Which part of a list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Paging {
    limit: Option<u32>,
    cursor: Option<String>,
}

impl Paging {
    /// How many items; a caller who asks for more than there may be would take the page for the whole list.
    fn limit(&self) -> Answer<u32> {
        let limit = self.limit.unwrap_or(PAGE);
        if (1..=MAX_PAGE).contains(&limit) {
            return Ok(limit);
        }
        Err(Problem::new(Code::InvalidParameter, format!("limit is 1 to {MAX_PAGE}: go on with cursor for more")))
    }

    /// For lists in the order of names, whose cursor is the last name seen.
    fn after(&self) -> &str {
        self.cursor.as_deref().unwrap_or_default()
    }
}
