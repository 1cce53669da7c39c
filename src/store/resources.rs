//! Resources: the systems that requests act on, with their policies.

use serde_json::Value;

use super::arg::args;
use super::readable::{self, Listing};
use super::{Session, StoreError};
use crate::approval::{GroupName, Policy, ResourceName};
use crate::time::Timestamp;

/// A resource as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    pub name: ResourceName,
    pub description: Option<String>,
    pub policy: Policy,
    /// The JSON Schema of a request's context.
    pub context_schema: Option<Value>,
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    name: String,
    description: Option<String>,
    policy: String,
    context_schema: Option<String>,
}

/// Creates or replaces a resource.
///
/// # Errors
/// When the database fails.
pub async fn put(session: &mut Session, resource: &Resource, now: Timestamp) -> Result<(), StoreError> {
    session.touch_configuration();
    let policy = serde_json::to_string(&resource.policy)
        .map_err(|cause| StoreError::inconsistent("resources", "policy", &resource.name, cause))?;
    let sql =
        "INSERT INTO resources (name, description, policy, context_schema, updated_at) VALUES ($1, $2, $3, $4, $5)
               ON CONFLICT (name) DO UPDATE SET description = excluded.description, policy = excluded.policy,
                   context_schema = excluded.context_schema, updated_at = excluded.updated_at";
    let schema = resource.context_schema.as_ref().map(Value::to_string);
    session.execute(sql, args![&resource.name, resource.description.clone(), policy, schema, now]).await.map(drop)
}

/// One resource.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn get(session: &mut Session, name: &ResourceName) -> Result<Option<Resource>, StoreError> {
    let sql = "SELECT name, description, policy, context_schema FROM resources WHERE name = $1";
    let row: Option<Row> = session.fetch_optional(sql, args![name]).await?;
    row.map(Row::into_resource).transpose()
}

/// Resources after `after` in the order of names, up to `limit`.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn page(session: &mut Session, after: &str, limit: u32) -> Result<Vec<Resource>, StoreError> {
    let sql = "SELECT name, description, policy, context_schema FROM resources WHERE name > $1 ORDER BY name LIMIT $2";
    let values = |after: &String, left| args![after, left];
    let listing = Listing { values, position: |row: &Row| row.name.clone(), read: Row::into_resource };
    readable::page(session, sql, listing, after.to_owned(), limit).await
}

/// Deletes a resource; returns whether there was one. Requests keep the terms they were made under.
///
/// # Errors
/// When the database fails.
pub async fn delete(session: &mut Session, name: &ResourceName) -> Result<bool, StoreError> {
    session.touch_configuration();
    Ok(session.execute("DELETE FROM resources WHERE name = $1", args![name]).await? == 1)
}

/// The first resource whose policy names the group, if there is one.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn naming(session: &mut Session, group: &GroupName) -> Result<Option<ResourceName>, StoreError> {
    // There are few resources, and this runs only when a group is deleted.
    let rows: Vec<Row> = session
        .fetch_all("SELECT name, description, policy, context_schema FROM resources ORDER BY name", args![])
        .await?;
    for row in rows {
        let resource = row.into_resource()?;
        if resource.policy.groups().contains(group) {
            return Ok(Some(resource.name));
        }
    }
    Ok(None)
}

impl Row {
    fn into_resource(self) -> Result<Resource, StoreError> {
        let name = self.name.clone();
        let bad = |column| move |cause: serde_json::Error| StoreError::inconsistent("resources", column, &name, cause);
        Ok(Resource {
            policy: serde_json::from_str(&self.policy).map_err(bad.clone()("policy"))?,
            context_schema: self
                .context_schema
                .as_deref()
                .map(serde_json::from_str)
                .transpose()
                .map_err(bad("context_schema"))?,
            name: self
                .name
                .parse()
                .map_err(|cause| StoreError::inconsistent("resources", "name", &self.name, cause))?,
            description: self.description,
        })
    }
}
