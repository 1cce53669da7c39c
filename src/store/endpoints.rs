//! Endpoints: where notifications go.

use std::collections::BTreeSet;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::arg::args;
use super::codec::{unwire, wire};
use super::readable::{self, Listing};
use super::secrets::{open, seal};
use super::transport::{Secret, Transport};
use super::{Session, StoreError};
use crate::approval::{Detail, Email, EndpointName, GroupName, ResourceName};
use crate::ids::EndpointId;
use crate::sealing::SealingKeys;
use crate::time::Timestamp;

/// The kind of target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// A Microsoft Teams workflow ("when a webhook request is received").
    Teams,
    /// A Slack incoming webhook.
    Slack,
    /// A Slack app, which posts with its token and receives clicks.
    SlackApp,
    /// A Discord webhook.
    Discord,
    /// A Google Chat webhook.
    GoogleChat,
    /// Any program that speaks Standard Webhooks.
    Custom,
}

impl Channel {
    /// All channels.
    pub const ALL: [Self; 6] =
        [Self::Teams, Self::Slack, Self::SlackApp, Self::Discord, Self::GoogleChat, Self::Custom];

    /// The name in JSON and in the database; also the folder of its templates.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Teams => "teams",
            Self::Slack => "slack",
            Self::SlackApp => "slack_app",
            Self::Discord => "discord",
            Self::GoogleChat => "google_chat",
            Self::Custom => "custom",
        }
    }
}

/// The format of a custom endpoint's messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Standard Webhooks 1.0.
    #[default]
    Standard,
    /// CloudEvents 1.0, in structured mode.
    Cloudevents,
}

/// The state of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndpointState {
    Active,
    /// Nothing is sent: the target answered that it is gone, or failed for too long.
    Disabled,
    /// Deleted; the row stays for the deliveries that refer to it.
    Deleted,
}

/// An endpoint as stored.
#[derive(Debug, Clone)]
pub struct Endpoint {
    pub id: EndpointId,
    pub name: EndpointName,
    pub channel: Channel,
    /// A secret for chat channels: with it, anyone can post there.
    pub url: SecretString,
    /// The Standard Webhooks signing secret, `whsec_…`; custom endpoints only.
    pub secret: Option<SecretString>,
    /// The event types that are sent; empty for all.
    pub events: BTreeSet<String>,
    /// The resources whose requests are sent; empty for all.
    pub resources: BTreeSet<ResourceName>,
    /// The deciding groups that it serves. When empty, it gets every request, without links to decide.
    pub groups: BTreeSet<GroupName>,
    /// The only person who reads it, if so: its links are bound to them.
    pub recipient: Option<Email>,
    pub detail: Detail,
    pub state: EndpointState,
    pub disabled_reason: Option<String>,
    pub transport: Transport,
    /// Signing secrets that were replaced and still sign for a while.
    pub retiring: Vec<RetiringSecret>,
    /// When it was paused: its deliveries wait.
    pub paused_at: Option<Timestamp>,
    /// Custom endpoints only.
    pub format: Format,
    /// After this time without a message it is sent a `ping`.
    pub heartbeat_seconds: Option<u32>,
    /// How often its links were revoked: only links of the current generation are valid.
    pub link_generation: u32,
    pub created_at: Timestamp,
}

impl Endpoint {
    /// Whether messages are sent to it. (While it is paused, they wait.)
    pub fn is_active(&self) -> bool {
        self.state == EndpointState::Active
    }

    /// An active endpoint for all events, with the default transport and no signing secret.
    pub fn new(name: EndpointName, channel: Channel, url: SecretString, now: Timestamp) -> Self {
        Self {
            id: EndpointId::mint(now),
            name,
            channel,
            url,
            secret: None,
            events: BTreeSet::new(),
            resources: BTreeSet::new(),
            groups: BTreeSet::new(),
            recipient: None,
            detail: Detail::Full,
            state: EndpointState::Active,
            disabled_reason: None,
            transport: Transport::default(),
            retiring: Vec::new(),
            paused_at: None,
            format: Format::Standard,
            heartbeat_seconds: None,
            link_generation: 0,
            created_at: now,
        }
    }
}

/// A signing secret that was replaced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RetiringSecret {
    /// `whsec_…`.
    pub secret: Secret,
    /// When it stops signing.
    pub until: Timestamp,
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    id: String,
    name: String,
    channel: String,
    url: String,
    secret: Option<String>,
    events: String,
    resources: String,
    groups: String,
    recipient: Option<String>,
    detail: String,
    state: String,
    disabled_reason: Option<String>,
    transport: String,
    retiring: String,
    paused_at: Option<i64>,
    format: String,
    heartbeat_seconds: Option<i64>,
    link_generation: i64,
    created_at: i64,
}

/// The columns of a [`Row`], once.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, name, channel, url, secret, events, resources, groups, recipient, detail, state, disabled_reason, transport, ",
            "retiring, paused_at, format, heartbeat_seconds, link_generation, created_at FROM endpoints ",
            $rest
        )
    };
}

/// Adds an endpoint, or updates all fields except id and creation time.
///
/// # Errors
/// When the database fails.
pub async fn put(session: &mut Session, endpoint: &Endpoint, now: Timestamp) -> Result<(), StoreError> {
    let bad =
        |column| move |cause: serde_json::Error| StoreError::inconsistent("endpoints", column, endpoint.id, cause);
    let id = endpoint.id.to_string();
    let seal = |column, text: &str| seal(session.secrets(), "endpoints", &id, column, text);
    let secret = endpoint.secret.as_ref().map(|secret| seal("secret", secret.expose_secret())).transpose()?;
    let sql = "INSERT INTO endpoints (id, name, channel, url, secret, events, resources, groups, recipient, detail,
            state, disabled_reason, transport, retiring, paused_at, format, heartbeat_seconds,
            link_generation, created_at, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
        ON CONFLICT (id) DO UPDATE SET name = excluded.name, channel = excluded.channel, url = excluded.url,
            secret = excluded.secret, events = excluded.events, resources = excluded.resources,
            groups = excluded.groups, recipient = excluded.recipient, detail = excluded.detail,
            state = excluded.state, disabled_reason = excluded.disabled_reason,
            transport = excluded.transport, retiring = excluded.retiring, paused_at = excluded.paused_at,
            format = excluded.format, heartbeat_seconds = excluded.heartbeat_seconds,
            link_generation = excluded.link_generation, updated_at = excluded.updated_at";
    let values = args![
        &endpoint.id,
        &endpoint.name,
        endpoint.channel.as_str(),
        seal("url", endpoint.url.expose_secret())?,
        secret,
        serde_json::to_string(&endpoint.events).map_err(bad("events"))?,
        serde_json::to_string(&endpoint.resources).map_err(bad("resources"))?,
        serde_json::to_string(&endpoint.groups).map_err(bad("groups"))?,
        endpoint.recipient.as_ref(),
        endpoint.detail.as_str(),
        wire(&endpoint.state).map_err(bad("state"))?,
        endpoint.disabled_reason.clone(),
        seal("transport", &serde_json::to_string(&endpoint.transport).map_err(bad("transport"))?)?,
        seal("retiring", &serde_json::to_string(&endpoint.retiring).map_err(bad("retiring"))?)?,
        endpoint.paused_at,
        wire(&endpoint.format).map_err(bad("format"))?,
        endpoint.heartbeat_seconds.map(i64::from),
        endpoint.link_generation,
        endpoint.created_at,
        now,
    ];
    session.touch_configuration();
    session.execute(sql, values).await.map(drop)
}

/// One endpoint that was not deleted.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn get(session: &mut Session, id: EndpointId) -> Result<Option<Endpoint>, StoreError> {
    let row = session.fetch_optional(select!("WHERE id = $1 AND state <> 'deleted'"), args![&id]).await?;
    one(session, row)
}

/// The endpoint with this name.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn by_name(session: &mut Session, name: &EndpointName) -> Result<Option<Endpoint>, StoreError> {
    let row = session.fetch_optional(select!("WHERE name = $1 AND state <> 'deleted'"), args![name]).await?;
    one(session, row)
}

/// Deletes an endpoint whose row cannot be read, as after the loss of the key of its secrets. Returns whether there is
/// one.
///
/// # Errors
/// When the database fails.
pub async fn delete_unread(session: &mut Session, id: EndpointId, now: Timestamp) -> Result<bool, StoreError> {
    let sql = "UPDATE endpoints SET state = 'deleted', disabled_reason = NULL, updated_at = $2
        WHERE id = $1 AND state <> 'deleted'";
    session.touch_configuration();
    Ok(session.execute(sql, args![&id, now]).await? == 1)
}

/// Up to `limit` endpoints behind `after`, oldest first.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn page(session: &mut Session, after: Option<EndpointId>, limit: u32) -> Result<Vec<Endpoint>, StoreError> {
    let after = after.map(|id| id.to_string()).unwrap_or_default();
    let sql = select!("WHERE id > $1 AND state <> 'deleted' ORDER BY id LIMIT $2");
    let values = |after: &String, left| args![after, left];
    let secrets = Arc::clone(session.secrets());
    let read = |row: Row| row.into_endpoint(&secrets);
    let listing = Listing { values, position: |row: &Row| row.id.clone(), read };
    readable::page(session, sql, listing, after, limit).await
}

/// All endpoints that were not deleted. Rows that cannot be read are left out, so that the others still get their
/// messages.
///
/// # Errors
/// When the database fails.
pub async fn all(session: &mut Session) -> Result<Vec<Endpoint>, StoreError> {
    let rows = session.fetch_all::<Row>(select!("WHERE state <> 'deleted' ORDER BY id"), args![]).await?;
    Ok(session.unreadable().convert_all("endpoints", rows, |row| row.into_endpoint(session.secrets())))
}

/// The endpoint in any state: a delivery under way needs it.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn any_state(session: &mut Session, id: EndpointId) -> Result<Option<Endpoint>, StoreError> {
    let row = session.fetch_optional(select!("WHERE id = $1"), args![&id]).await?;
    one(session, row)
}

fn one(session: &Session, row: Option<Row>) -> Result<Option<Endpoint>, StoreError> {
    row.map(|row| row.into_endpoint(session.secrets())).transpose()
}

impl Row {
    fn into_endpoint(self, secrets: &SealingKeys) -> Result<Endpoint, StoreError> {
        let id: EndpointId =
            self.id.parse().map_err(|cause| StoreError::inconsistent("endpoints", "id", &self.id, cause))?;
        let bad = |column| move |cause: serde_json::Error| StoreError::inconsistent("endpoints", column, id, cause);
        let open = |column, stored| open(secrets, "endpoints", &self.id, column, stored);
        // A parser's error may quote the text, so it is not passed on.
        let unread =
            |column| move |_: serde_json::Error| StoreError::inconsistent("endpoints", column, id, "unknown JSON");
        let transport = open("transport", self.transport)?;
        let retiring = open("retiring", self.retiring)?;
        Ok(Endpoint {
            id,
            name: self.name.parse().map_err(|cause| StoreError::inconsistent("endpoints", "name", id, cause))?,
            channel: unwire(self.channel).map_err(bad("channel"))?,
            url: open("url", self.url)?.into(),
            secret: self.secret.map(|secret| open("secret", secret)).transpose()?.map(Into::into),
            events: serde_json::from_str(&self.events).map_err(bad("events"))?,
            resources: serde_json::from_str(&self.resources).map_err(bad("resources"))?,
            groups: serde_json::from_str(&self.groups).map_err(bad("groups"))?,
            recipient: self
                .recipient
                .map(|text| text.parse())
                .transpose()
                .map_err(|cause| StoreError::inconsistent("endpoints", "recipient", id, cause))?,
            detail: unwire(self.detail).map_err(bad("detail"))?,
            state: unwire(self.state).map_err(bad("state"))?,
            disabled_reason: self.disabled_reason,
            transport: serde_json::from_str(&transport).map_err(unread("transport"))?,
            retiring: serde_json::from_str(&retiring).map_err(unread("retiring"))?,
            paused_at: self.paused_at.map(Timestamp::from_micros),
            format: unwire(self.format).map_err(bad("format"))?,
            heartbeat_seconds: self
                .heartbeat_seconds
                .map(u32::try_from)
                .transpose()
                .map_err(|cause| StoreError::inconsistent("endpoints", "heartbeat_seconds", id, cause))?,
            link_generation: self
                .link_generation
                .try_into()
                .map_err(|cause| StoreError::inconsistent("endpoints", "link_generation", id, cause))?,
            created_at: Timestamp::from_micros(self.created_at),
        })
    }
}
