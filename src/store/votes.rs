//! Votes: they are added and voided, never edited.

use std::collections::HashMap;

use sqlx::AssertSqlSafe;

use super::arg::{args, chunks};
use super::codec::{unwire, wire};
use super::{Session, StoreError};
use crate::approval::{LinkUse, Vote};
use crate::ids::{RequestId, VoteId};
use crate::time::Timestamp;

#[derive(sqlx_macros::FromRow)]
struct Row {
    id: String,
    request_id: String,
    revision: i64,
    person: String,
    choice: String,
    groups: String,
    reason: Option<String>,
    assurance: String,
    channel: String,
    link_delivery: Option<String>,
    link_group: Option<String>,
    digest: String,
    at: i64,
    voided: i64,
    on_behalf_of: Option<String>,
    narrowing: Option<String>,
}

/// Adds a vote.
///
/// # Errors
/// When the database fails.
pub async fn insert(session: &mut Session, request: RequestId, vote: &Vote) -> Result<(), StoreError> {
    let bad = |column| move |cause: serde_json::Error| StoreError::inconsistent("votes", column, vote.id, cause);
    let sql = "INSERT INTO votes (id, request_id, revision, person, choice, groups, reason, assurance, channel,
            link_delivery, link_group, digest, at, on_behalf_of, seat, narrowing, voided)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, 0)";
    let values = args![
        &vote.id,
        &request,
        vote.revision,
        &vote.voter,
        wire(&vote.choice).map_err(bad("choice"))?,
        serde_json::to_string(&vote.groups).map_err(bad("groups"))?,
        vote.reason.clone(),
        wire(&vote.assurance).map_err(bad("assurance"))?,
        &vote.channel,
        vote.link.as_ref().map(|link| &link.delivery),
        vote.link.as_ref().map(|link| &link.group),
        &vote.digest,
        vote.at,
        vote.on_behalf_of.as_ref(),
        vote.seat(),
        vote.narrowing.as_ref().map(serde_json::to_string).transpose().map_err(bad("narrowing"))?,
    ];
    session.execute(sql, values).await.map(drop)
}

/// Marks a vote as void: it no longer counts.
///
/// # Errors
/// When the database fails.
pub async fn void(session: &mut Session, id: VoteId) -> Result<(), StoreError> {
    session.execute("UPDATE votes SET voided = 1 WHERE id = $1", args![&id]).await.map(drop)
}

/// The votes of each of the given requests, in the order they were cast.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn of_requests(
    session: &mut Session,
    requests: &[RequestId],
) -> Result<HashMap<RequestId, Vec<Vote>>, StoreError> {
    let mut found: HashMap<RequestId, Vec<Vote>> = HashMap::new();
    for (places, values) in chunks(requests) {
        let sql = format!(
            "SELECT id, request_id, revision, person, choice, groups, reason, assurance, channel, link_delivery,
                 link_group, digest, at, voided, on_behalf_of, narrowing
             FROM votes WHERE request_id IN ({}) ORDER BY request_id, id",
            places
        );
        let rows: Vec<Row> = session.fetch_all(AssertSqlSafe(sql), values).await?;
        for row in rows {
            let request = row
                .request_id
                .parse()
                .map_err(|cause| StoreError::inconsistent("votes", "request_id", &row.id, cause))?;
            found.entry(request).or_default().push(row.into_vote()?);
        }
    }
    Ok(found)
}

impl Row {
    fn into_vote(self) -> Result<Vote, StoreError> {
        let id: VoteId = self.id.parse().map_err(|cause| StoreError::inconsistent("votes", "id", &self.id, cause))?;
        let json = |column| move |cause: serde_json::Error| StoreError::inconsistent("votes", column, id, cause);
        let link = match (self.link_delivery, self.link_group) {
            (Some(delivery), Some(group)) => Some(LinkUse {
                delivery: delivery
                    .parse()
                    .map_err(|cause| StoreError::inconsistent("votes", "link_delivery", id, cause))?,
                group: group.parse().map_err(|cause| StoreError::inconsistent("votes", "link_group", id, cause))?,
            }),
            _ => None,
        };
        Ok(Vote {
            id,
            voter: self.person.parse().map_err(|cause| StoreError::inconsistent("votes", "person", id, cause))?,
            choice: unwire(self.choice).map_err(json("choice"))?,
            groups: serde_json::from_str(&self.groups).map_err(json("groups"))?,
            reason: self.reason,
            assurance: unwire(self.assurance).map_err(json("assurance"))?,
            channel: self.channel,
            link,
            at: Timestamp::from_micros(self.at),
            revision: u32::try_from(self.revision)
                .map_err(|cause| StoreError::inconsistent("votes", "revision", id, cause))?,
            digest: self.digest.parse().map_err(|cause| StoreError::inconsistent("votes", "digest", id, cause))?,
            on_behalf_of: self
                .on_behalf_of
                .map(|email| email.parse())
                .transpose()
                .map_err(|cause| StoreError::inconsistent("votes", "on_behalf_of", id, cause))?,
            narrowing: self.narrowing.as_deref().map(serde_json::from_str).transpose().map_err(json("narrowing"))?,
            voided: self.voided != 0,
        })
    }
}
