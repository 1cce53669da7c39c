//! Operators' templates. The newest versions of each are kept; its deletion is a version too.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::arg::args;
use super::codec::unwire;
use super::{Session, StoreError};
use crate::approval::ResourceName;
use crate::ids::{EndpointId, TemplateId};
use crate::store::endpoints::Channel;
use crate::time::Timestamp;

/// How many versions of a template are kept.
const KEPT_VERSIONS: i64 = 50;

/// The scope of a template within its channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    All,
    /// Messages about one resource.
    Resource(ResourceName),
    Endpoint(EndpointId),
}

/// Identifies a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateKey {
    pub channel: Channel,
    /// An event type, `default`, or the name of a part.
    pub name: String,
    pub reach: Reach,
}

/// A version of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTemplate {
    /// The id of this version.
    pub id: TemplateId,
    pub key: TemplateKey,
    /// Counts from 1.
    pub version: u32,
    /// None when this version is a deletion.
    pub text: Option<Arc<str>>,
    pub author: String,
    pub created_at: Timestamp,
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    id: String,
    channel: String,
    name: String,
    scope: String,
    version: i64,
    body: Option<String>,
    author: String,
    created_at: i64,
}

/// The columns of a [`Row`], once.
macro_rules! columns {
    ($after:literal) => {
        concat!("SELECT id, channel, name, scope, version, body, author, created_at FROM templates ", $after)
    };
}

/// The current versions of all templates.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn current(session: &mut Session) -> Result<Vec<StoredTemplate>, StoreError> {
    let sql = columns!("WHERE is_current = 1 AND body IS NOT NULL ORDER BY channel, name, scope");
    let rows: Vec<Row> = session.fetch_all(sql, args![]).await?;
    Ok(session.unreadable().convert_all("templates", rows, Row::into_template))
}

/// The current version of a template.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn get(session: &mut Session, key: &TemplateKey) -> Result<Option<StoredTemplate>, StoreError> {
    let sql = columns!("WHERE channel = $1 AND name = $2 AND scope = $3 AND is_current = 1 AND body IS NOT NULL");
    let row: Option<Row> =
        session.fetch_optional(sql, args![key.channel.as_str(), &key.name, key.reach.to_string()]).await?;
    row.map(Row::into_template).transpose()
}

/// How many templates there are.
///
/// # Errors
/// When the database fails.
pub async fn count(session: &mut Session) -> Result<u64, StoreError> {
    #[derive(sqlx_macros::FromRow)]
    struct Count {
        count: i64,
    }
    let sql = "SELECT COUNT(*) AS count FROM templates WHERE is_current = 1 AND body IS NOT NULL";
    let row: Count = session.fetch_one(sql, args![]).await?;
    Ok(u64::try_from(row.count).unwrap_or(0))
}

/// The stored versions of a template, newest first.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn versions(session: &mut Session, key: &TemplateKey) -> Result<Vec<StoredTemplate>, StoreError> {
    let sql = columns!("WHERE channel = $1 AND name = $2 AND scope = $3 ORDER BY version DESC");
    let rows: Vec<Row> = session.fetch_all(sql, args![key.channel.as_str(), &key.name, key.reach.to_string()]).await?;
    Ok(session.unreadable().convert_some(rows, Row::into_template))
}

/// Adds a version of a template; without a text, the template is deleted. The oldest versions beyond the limit are
/// deleted.
///
/// # Errors
/// When the database fails.
pub async fn put(
    session: &mut Session,
    key: TemplateKey,
    text: Option<Arc<str>>,
    author: &str,
    now: Timestamp,
) -> Result<StoredTemplate, StoreError> {
    #[derive(sqlx_macros::FromRow)]
    struct Newest {
        version: Option<i64>,
    }
    session.touch_configuration();
    let key_values = || args![key.channel.as_str(), &key.name, key.reach.to_string()];
    let sql = "SELECT MAX(version) AS version FROM templates WHERE channel = $1 AND name = $2 AND scope = $3";
    let newest: Newest = session.fetch_one(sql, key_values()).await?;
    let version = newest.version.unwrap_or(0) + 1;
    let sql = "UPDATE templates SET is_current = 0 WHERE channel = $1 AND name = $2 AND scope = $3 AND is_current = 1";
    session.execute(sql, key_values()).await?;
    let sql = "DELETE FROM templates WHERE channel = $1 AND name = $2 AND scope = $3 AND version <= $4";
    session.execute(sql, [key_values(), args![version - KEPT_VERSIONS]].concat()).await?;
    let id = TemplateId::mint(now);
    let sql = "INSERT INTO templates (channel, name, scope, id, version, is_current, body, author, created_at)
        VALUES ($1, $2, $3, $4, $5, 1, $6, $7, $8)";
    let rest = args![&id, version, text.as_deref().map(str::to_owned), author, now];
    session.execute(sql, [key_values(), rest].concat()).await?;
    let version = u32::try_from(version).unwrap_or(u32::MAX);
    Ok(StoredTemplate { id, key, version, text, author: author.to_owned(), created_at: now })
}

/// Deletes all templates of an endpoint that was deleted.
///
/// # Errors
/// When the database fails.
pub async fn forget_endpoint(session: &mut Session, endpoint: EndpointId) -> Result<(), StoreError> {
    session.touch_configuration();
    let sql = "DELETE FROM templates WHERE scope = $1";
    session.execute(sql, args![Reach::Endpoint(endpoint).to_string()]).await.map(drop)
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => Ok(()),
            Self::Resource(name) => write!(f, "resource:{name}"),
            Self::Endpoint(id) => write!(f, "endpoint:{id}"),
        }
    }
}

/// The text is not the scope of a template.
#[derive(Debug, thiserror::Error)]
#[error("unknown scope of a template")]
pub struct UnknownReach;

impl FromStr for Reach {
    type Err = UnknownReach;

    fn from_str(text: &str) -> Result<Self, UnknownReach> {
        match text.split_once(':') {
            None if text.is_empty() => Ok(Self::All),
            Some(("resource", name)) => name.parse().map(Self::Resource).map_err(|_| UnknownReach),
            Some(("endpoint", id)) => id.parse().map(Self::Endpoint).map_err(|_| UnknownReach),
            _ => Err(UnknownReach),
        }
    }
}

impl Row {
    fn into_template(self) -> Result<StoredTemplate, StoreError> {
        let id = self.id.clone();
        let wrong = |column| move |cause| StoreError::inconsistent("templates", column, &id, cause);
        let channel: Channel = unwire(self.channel.clone())
            .map_err(|cause| StoreError::inconsistent("templates", "channel", &self.id, cause))?;
        let reach = self
            .scope
            .parse()
            .map_err(|cause: UnknownReach| StoreError::inconsistent("templates", "scope", &self.id, cause))?;
        let key = TemplateKey { channel, name: self.name, reach };
        Ok(StoredTemplate {
            id: self.id.parse().map_err(wrong("id"))?,
            key,
            version: u32::try_from(self.version).unwrap_or(u32::MAX),
            text: self.body.map(Into::into),
            author: self.author,
            created_at: Timestamp::from_micros(self.created_at),
        })
    }
}
