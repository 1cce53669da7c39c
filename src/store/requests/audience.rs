//! Whom a change of a request concerns.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::AssertSqlSafe;

use super::list::parse;
use crate::approval::{Email, GroupName, ResourceName, Status};
use crate::ids::RequestId;
use crate::store::arg::Arg;
use crate::store::codec::unwire;
use crate::store::{Session, StoreError};

/// A changed request, as far as it decides who is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    pub id: RequestId,
    pub revision: u32,
    pub status: Status,
    pub resource: ResourceName,
    /// The key of the principal that asked.
    pub asked_by: String,
    /// The requesting side, as far as it is people.
    pub people: BTreeSet<Email>,
    /// All that ask or asked.
    pub groups: BTreeSet<GroupName>,
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    id: String,
    revision: i64,
    status: String,
    resource: String,
    asked_by: String,
    requester_email: Option<String>,
    acting_for: Option<String>,
    beneficiary: Option<String>,
    group_name: Option<String>,
}

/// The requests as they are now: one statement. Those that cannot be read are left out.
///
/// # Errors
/// When the database fails.
pub async fn of_requests(session: &mut Session, ids: &BTreeSet<RequestId>) -> Result<Vec<Changed>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let places: Vec<String> = (1..=ids.len()).map(|place| format!("${place}")).collect();
    let sql = format!(
        "SELECT r.id, r.revision, r.status, r.resource, r.asked_by, r.requester_email, r.acting_for, r.beneficiary, g.group_name
         FROM requests r LEFT JOIN request_groups g ON g.request_id = r.id WHERE r.id IN ({})",
        places.join(", ")
    );
    let rows: Vec<Row> = session.fetch_all(AssertSqlSafe(sql), ids.iter().map(Arg::from).collect()).await?;
    let mut found: BTreeMap<RequestId, Changed> = BTreeMap::new();
    for changed in session.unreadable().convert_some(rows, Row::into_changed) {
        match found.get_mut(&changed.id) {
            Some(known) => known.groups.extend(changed.groups),
            None => drop(found.insert(changed.id, changed)),
        }
    }
    Ok(found.into_values().collect())
}

impl Row {
    fn into_changed(self) -> Result<Changed, StoreError> {
        let id = parse(&self.id)?;
        let people = [&self.requester_email, &self.acting_for, &self.beneficiary];
        Ok(Changed {
            revision: u32::try_from(self.revision)
                .map_err(|cause| StoreError::inconsistent("requests", "revision", id, cause))?,
            status: unwire(self.status).map_err(|cause| StoreError::inconsistent("requests", "status", id, cause))?,
            resource: self
                .resource
                .parse()
                .map_err(|cause| StoreError::inconsistent("requests", "resource", id, cause))?,
            people: people.into_iter().flatten().filter_map(|text| text.parse().ok()).collect(),
            groups: self.group_name.iter().filter_map(|name| name.parse().ok()).collect(),
            asked_by: self.asked_by,
            id,
        })
    }
}
