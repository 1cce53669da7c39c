//! What one delivery says: the event with the links of the slots that its endpoint serves.
//!
//! Everything is derived from what is stored, so that a retry sends the same body and the same links.

use crate::approval::{Digest, GroupName, Status};
use crate::channels::{Channels, Links, Notice, RenderError, SlotLinks, Subject};
use crate::ids::RequestId;
use crate::links::{Intent, KeyRing, Link};
use crate::store::endpoints::{Endpoint, Format};
use crate::store::events::{ASKING, PING};
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
struct Asked {
    id: RequestId,
    revision: u32,
    status: Status,
    digest: Digest,
    expires_at: Timestamp,
    slots: Vec<AskedSlot>,
}

#[derive(serde::Deserialize)]
struct AskedSlot {
    group: GroupName,
    also: Vec<GroupName>,
}

impl AskedSlot {
    fn groups(&self) -> impl Iterator<Item = &GroupName> {
        std::iter::once(&self.group).chain(&self.also)
    }
}

/// The revision that a stored request was told at.
pub(super) fn revision_of(subject: &str) -> Result<u32, serde_json::Error> {
    #[derive(serde::Deserialize)]
    struct Revision {
        revision: u32,
    }
    serde_json::from_str::<Revision>(subject).map(|subject| subject.revision)
}

/// The body for one delivery.
pub(super) fn compose(
    claimed: &Claimed,
    endpoint: &Endpoint,
    channels: &Channels,
    keys: &KeyRing,
    public_url: &str,
) -> Result<String, ComposeError> {
    let event = &claimed.event;
    let links = match event.request_id {
        Some(_) if !endpoint.groups.is_empty() => {
            links(&serde_json::from_str(&event.subject)?, claimed, endpoint, keys, public_url)
        }
        _ => Links::default(),
    };
    let subject = match event.request_id {
        Some(_) => Subject::Request(&event.subject),
        None if event.kind == PING => Subject::Nothing,
        None => Subject::Endpoint(&event.subject),
    };
    let notice = Notice { id: event.id, kind: &event.kind, at: event.at, subject, links };
    Ok(match endpoint.format {
        Format::Standard => channels.render(endpoint.channel, &notice)?,
        Format::Cloudevents => channels.render_cloudevent(&notice, public_url)?,
    })
}

fn links(subject: &Asked, claimed: &Claimed, endpoint: &Endpoint, keys: &KeyRing, public_url: &str) -> Links {
    let decidable = ASKING.contains(&claimed.event.kind.as_str()) && subject.status == Status::Pending;
    let serves = |slot: &&AskedSlot| slot.groups().any(|group| endpoint.groups.contains(group));
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
