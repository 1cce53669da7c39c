//! The audit trail in the order that a caller wants.

use serde::Deserialize;

use super::page::parse_cursor;
use super::{Hub, HubError, Page, require};
use crate::audit::Sealed;
use crate::identity::{Principal, Right};
use crate::store::audit;

/// The order of the audit trail.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditOrder {
    #[default]
    Oldest,
    Newest,
}

impl Hub {
    /// Returns a page of the audit trail.
    ///
    /// # Errors
    /// When the caller may not read it, or the cursor is invalid.
    pub async fn audit_in(
        &self,
        caller: &Principal,
        order: AuditOrder,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<Sealed>, HubError> {
        if order == AuditOrder::Oldest {
            return self.audit(caller, limit, cursor).await;
        }
        require(caller, Right::ReadAudit)?;
        let before = cursor.map(parse_cursor).transpose()?.unwrap_or(i64::MAX);
        let found = audit::newest(&mut self.store.read().await?, before, limit + 1).await?;
        Ok(Page::cut(found, limit, |sealed| sealed.seq.to_string()))
    }
}
