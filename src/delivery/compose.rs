//! What one delivery says: the event with the links of the slots that its endpoint serves.
//!
//! Everything is derived from what is stored, so that a retry sends the same body and the same links.

use serde_json::Value;

use crate::approval::{Digest, GroupName, Status};
use crate::channels::{Channels, Links, Notice, RenderError, SlotLinks};
use crate::ids::RequestId;
use crate::links::{Intent, KeyRing, Link};
use crate::store::endpoints::Endpoint;
use crate::store::events::ASKING;
use crate::store::queue::Claimed;
use crate::time::Timestamp;

/// Why there is nothing to send.
#[derive(Debug, thiserror::Error)]
pub(super) enum ComposeError {
    /// The event's stored request cannot be read.
    #[error("the stored event cannot be read: {0}")]
    Event(#[from] serde_json::Error),
    /// The template.
    #[error(transparent)]
    Render(#[from] RenderError),
}

/// What links are made of, as far as the stored request tells.
#[derive(serde::Deserialize)]
struct Subject {
    id: RequestId,
    revision: u32,
    status: Status,
    digest: Digest,
    expires_at: Timestamp,
    slots: Vec<SubjectSlot>,
}

#[derive(serde::Deserialize)]
struct SubjectSlot {
    group: GroupName,
    also: Vec<GroupName>,
}

impl SubjectSlot {
    fn groups(&self) -> impl Iterator<Item = &GroupName> {
        std::iter::once(&self.group).chain(&self.also)
    }
}

/// The body for one delivery.
pub(super) fn compose(
    claimed: &Claimed,
    endpoint: &Endpoint,
    channels: &Channels,
    keys: &KeyRing,
    public_url: &str,
) -> Result<String, ComposeError> {
    let request: Value = serde_json::from_str(&claimed.subject)?;
    let subject: Subject = serde_json::from_str(&claimed.subject)?;
    let links = links(&subject, claimed, endpoint, keys, public_url);
    let notice =
        Notice { id: claimed.event_id, kind: &claimed.event_type, at: claimed.event_at, request: &request, links };
    Ok(channels.render(endpoint.channel, &notice)?)
}

fn links(subject: &Subject, claimed: &Claimed, endpoint: &Endpoint, keys: &KeyRing, public_url: &str) -> Links {
    let decidable = ASKING.contains(&claimed.event_type.as_str()) && subject.status == Status::Pending;
    let serves = |slot: &&SubjectSlot| slot.groups().any(|group| endpoint.groups.contains(group));
    let served = subject.slots.iter().filter(serves).map(|slot| &slot.group);
    let of_slot = |group: &GroupName| {
        let url = |intent| {
            let link = Link {
                request: subject.id,
                revision: subject.revision,
                digest_prefix: Link::prefix_of(&subject.digest),
                group: group.clone(),
                intent,
                endpoint: endpoint.id,
                delivery: claimed.id,
                issued_at: claimed.created_at,
                expires_at: subject.expires_at,
            };
            format!("{public_url}/c/{}", link.sign(keys))
        };
        SlotLinks {
            group: group.to_string(),
            review: url(Intent::Review),
            approve: decidable.then(|| url(Intent::Approve)),
            reject: decidable.then(|| url(Intent::Reject)),
        }
    };
    Links::of(served.map(of_slot).collect())
}
