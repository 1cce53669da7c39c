//! Subscriptions: further channels that receive a group's requests.

use crate::approval::{Email, GroupName};
use crate::ids::EndpointId;
use crate::store::arg::args;
use crate::store::{Session, StoreError};
use crate::time::Timestamp;

/// A subscription.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subscription {
    pub endpoint: EndpointId,
    pub channel: String,
    pub group: GroupName,
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    endpoint_id: String,
    channel: String,
    group_name: String,
}

/// All subscriptions.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn all(session: &mut Session) -> Result<Vec<Subscription>, StoreError> {
    let sql =
        "SELECT endpoint_id, channel, group_name FROM slack_subscriptions ORDER BY endpoint_id, channel, group_name";
    let rows: Vec<Row> = session.fetch_all(sql, args![]).await?;
    Ok(session.unreadable().convert_all("slack_subscriptions", rows, Row::into_subscription))
}

/// Adds a subscription; returns whether it is new.
///
/// # Errors
/// When the database fails.
pub async fn add(
    session: &mut Session,
    subscription: &Subscription,
    person: &Email,
    now: Timestamp,
) -> Result<bool, StoreError> {
    session.touch_configuration();
    let sql = "INSERT INTO slack_subscriptions (endpoint_id, channel, group_name, person, created_at)
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT (endpoint_id, channel, group_name) DO NOTHING";
    let Subscription { endpoint, channel, group } = subscription;
    Ok(session.execute(sql, args![endpoint, channel, group, person, now]).await? == 1)
}

/// Deletes a subscription; returns whether it existed.
///
/// # Errors
/// When the database fails.
pub async fn remove(session: &mut Session, subscription: &Subscription) -> Result<bool, StoreError> {
    session.touch_configuration();
    let sql = "DELETE FROM slack_subscriptions WHERE endpoint_id = $1 AND channel = $2 AND group_name = $3";
    let Subscription { endpoint, channel, group } = subscription;
    Ok(session.execute(sql, args![endpoint, channel, group]).await? == 1)
}

impl Row {
    fn into_subscription(self) -> Result<Subscription, StoreError> {
        let row = format!("{} {}", self.endpoint_id, self.channel);
        let endpoint = self
            .endpoint_id
            .parse()
            .map_err(|cause| StoreError::inconsistent("slack_subscriptions", "endpoint_id", &row, cause))?;
        let group = self
            .group_name
            .parse()
            .map_err(|cause| StoreError::inconsistent("slack_subscriptions", "group_name", &row, cause))?;
        Ok(Subscription { endpoint, channel: self.channel, group })
    }
}
