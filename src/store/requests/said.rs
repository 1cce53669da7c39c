//! What a request says about the access that it led to.

use std::collections::HashMap;

use sqlx::AssertSqlSafe;

use super::list::parse;
use crate::approval::Decision;
use crate::ids::RequestId;
use crate::store::arg::chunks;
use crate::store::{Session, StoreError};

/// What a request says.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Said {
    /// The first 300 characters at most.
    pub command: String,
    pub reason: Option<String>,
    pub decision: Option<Decision>,
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    id: String,
    command: String,
    reason: Option<String>,
    decision: Option<String>,
}

/// What these requests say.
///
/// # Errors
/// When the database fails.
pub async fn said(session: &mut Session, requests: &[RequestId]) -> Result<HashMap<RequestId, Said>, StoreError> {
    let mut found = HashMap::new();
    for (places, values) in chunks(requests) {
        let sql = format!(
            "SELECT id, substr(command, 1, 300) AS command, reason, decision FROM requests WHERE id IN ({places})"
        );
        let rows: Vec<Row> = session.fetch_all(AssertSqlSafe(sql), values).await?;
        found.extend(session.unreadable().convert_some(rows, Row::said));
    }
    Ok(found)
}

impl Row {
    fn said(self) -> Result<(RequestId, Said), StoreError> {
        let bad = |cause: serde_json::Error| StoreError::inconsistent("requests", "decision", &self.id, cause);
        let decision = self.decision.as_deref().map(serde_json::from_str).transpose().map_err(bad)?;
        Ok((parse(&self.id)?, Said { command: self.command, reason: self.reason, decision }))
    }
}
