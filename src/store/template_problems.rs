//! The last errors of an endpoint's templates. The row is deleted once the template works again.

use super::arg::args;
use super::{Session, StoreError};
use crate::ids::EndpointId;
use crate::store::events::KINDS;
use crate::time::Timestamp;

/// A failure of an operator's template; its message was rendered with the template of the layer below.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateProblem {
    pub event: String,
    pub template: Option<String>,
    /// The line, from 1.
    pub line: Option<u32>,
    pub detail: String,
    pub at: Timestamp,
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    endpoint_id: String,
    event: String,
    template: Option<String>,
    line: Option<i64>,
    detail: String,
    at: i64,
}

/// The failures of the endpoints in an id range, by id; the newest of each endpoint last.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn between(
    session: &mut Session,
    first: EndpointId,
    last: EndpointId,
) -> Result<Vec<(EndpointId, TemplateProblem)>, StoreError> {
    let sql = "SELECT endpoint_id, event, template, line, detail, at FROM template_problems
        WHERE endpoint_id >= $1 AND endpoint_id <= $2 ORDER BY endpoint_id, at";
    let rows: Vec<Row> = session.fetch_all(sql, args![&first, &last]).await?;
    rows.into_iter().map(Row::into_problem).collect()
}

/// Records a failure, in place of an earlier one for the same event.
///
/// # Errors
/// When the database fails.
pub async fn put(session: &mut Session, endpoint: EndpointId, problem: &TemplateProblem) -> Result<(), StoreError> {
    let sql =
        "INSERT INTO template_problems (endpoint_id, event, template, line, detail, at) VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (endpoint_id, event) DO UPDATE SET template = excluded.template, line = excluded.line,
            detail = excluded.detail, at = excluded.at";
    let TemplateProblem { event, template, line, detail, at } = problem;
    let values = args![&endpoint, event, template.clone(), line.map(i64::from), detail, *at];
    session.execute(sql, values).await.map(drop)
}

/// Deletes the failure for an event.
///
/// # Errors
/// When the database fails.
pub async fn clear(session: &mut Session, endpoint: EndpointId, event: &str) -> Result<(), StoreError> {
    let sql = "DELETE FROM template_problems WHERE endpoint_id = $1 AND event = $2";
    session.execute(sql, args![&endpoint, event]).await.map(drop)
}

/// Deletes the failures of a channel's endpoints that a change of the named template may have fixed: those for its
/// event; for a part, all.
///
/// # Errors
/// When the database fails.
pub async fn clear_of(session: &mut Session, channel: &str, name: &str) -> Result<(), StoreError> {
    let sql = "DELETE FROM template_problems WHERE endpoint_id IN (SELECT id FROM endpoints WHERE channel = $1)
        AND (event = $2 OR $3 = 0)";
    let is_event = i64::from(KINDS.contains(&name));
    session.execute(sql, args![channel, name, is_event]).await.map(drop)
}

impl Row {
    fn into_problem(self) -> Result<(EndpointId, TemplateProblem), StoreError> {
        let endpoint = self
            .endpoint_id
            .parse()
            .map_err(|cause| StoreError::inconsistent("template_problems", "endpoint_id", &self.endpoint_id, cause))?;
        let problem = TemplateProblem {
            event: self.event,
            template: self.template,
            line: self.line.and_then(|line| u32::try_from(line).ok()),
            detail: self.detail,
            at: Timestamp::from_micros(self.at),
        };
        Ok((endpoint, problem))
    }
}
