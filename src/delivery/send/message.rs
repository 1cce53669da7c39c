//! The message of one delivery: the event, with links for the slots that its endpoint serves.
//!
//! Everything is derived from stored data, so a retry sends the same body and the same links.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::approval::{Detail, Digest, GroupName, Status};
use crate::channels::redact::{self, Withheld};
use crate::channels::{
    EventNotice, FileTemplate, Links, MessageFormat, Occasion, Override, Posting, RenderError, RenderedMessage,
    SlotLinks, Subject, applying, needs_resource,
};
use crate::delivery::context::SendContext;
use crate::delivery::egress::Composed;
use crate::ids::RequestId;
use crate::links::{Intent, KeyRing, Link};
use crate::store::endpoints::{Endpoint, Format};
use crate::store::events::{ASKING, Event, PING};
use crate::store::queue::ClaimedDelivery;
use crate::store::templates::StoredTemplate;
use crate::time::Timestamp;

/// Why a message cannot be rendered.
#[derive(Debug, thiserror::Error)]
pub(in crate::delivery) enum ComposeError {
    #[error("the stored event cannot be read: {0}")]
    Event(#[from] serde_json::Error),
    #[error(transparent)]
    Render(#[from] RenderError),
}

/// The part of the stored request that links need.
#[derive(serde::Deserialize)]
struct StoredRequest {
    id: RequestId,
    revision: u32,
    status: Status,
    digest: Digest,
    expires_at: Timestamp,
    slots: Vec<StoredSlot>,
}

#[derive(serde::Deserialize)]
struct StoredSlot {
    group: GroupName,
    also: Vec<GroupName>,
    needed: u32,
    approved: u32,
}

impl StoredSlot {
    fn groups(&self) -> impl Iterator<Item = &GroupName> {
        std::iter::once(&self.group).chain(&self.also)
    }

    const fn is_full(&self) -> bool {
        self.approved >= self.needed
    }
}

/// Returns the revision of a stored request.
pub(in crate::delivery) fn revision_of(subject: &str) -> Result<u32, serde_json::Error> {
    #[derive(serde::Deserialize)]
    struct Revision {
        revision: u32,
    }
    serde_json::from_str::<Revision>(subject).map(|subject| subject.revision)
}

/// A rendered message.
pub(in crate::delivery) struct Made {
    pub(in crate::delivery) message: Composed,
    /// Whether the operator's templates worked, if there are any. After an error, the built-in template was used.
    pub(in crate::delivery) templates: Option<Result<(), RenderError>>,
}

/// A chat message that is edited later, as one delivery finds it.
#[derive(Clone, Copy)]
pub(in crate::delivery) struct Destination<'a> {
    /// The groups whose slots can be decided from it.
    pub(in crate::delivery) groups: &'a BTreeSet<GroupName>,
    pub(in crate::delivery) posting: &'a Posting,
}

/// Renders the message of one delivery. `destination` is the chat message to post or edit, on channels that edit
/// messages.
pub(in crate::delivery) fn compose(
    context: &SendContext,
    templates: &[StoredTemplate],
    endpoint: &Endpoint,
    claimed: &ClaimedDelivery,
    destination: Option<Destination<'_>>,
) -> Result<Made, ComposeError> {
    with_notice(context, endpoint, claimed, destination, |notice, format| {
        let overrides = overrides(templates, context.channels.files(), endpoint, &claimed.event)?;
        let RenderedMessage { method, body, is_operators, problem } =
            context.channels.render_message(endpoint.channel, format, notice, &overrides)?;
        Ok(Made { message: Composed { method, body }, templates: is_operators.then(|| problem.map_or(Ok(()), Err)) })
    })
}

/// Renders the short form, for a target that refused the form of the full message.
pub(in crate::delivery) fn compose_short(
    context: &SendContext,
    endpoint: &Endpoint,
    claimed: &ClaimedDelivery,
    destination: Option<Destination<'_>>,
) -> Result<Composed, ComposeError> {
    with_notice(context, endpoint, claimed, destination, |notice, format| {
        let (method, body) = context.channels.render_short(endpoint.channel, format, notice)?;
        Ok(Composed { method, body })
    })
}

/// Renders with the notice (the content) and the message format of one delivery.
fn with_notice<T>(
    context: &SendContext,
    endpoint: &Endpoint,
    claimed: &ClaimedDelivery,
    destination: Option<Destination<'_>>,
    with: impl FnOnce(&EventNotice<'_>, MessageFormat<'_>) -> Result<T, ComposeError>,
) -> Result<T, ComposeError> {
    let SendContext { keys, public_url, .. } = context;
    let event = &claimed.event;
    let groups = destination.map_or(&endpoint.groups, |message| message.groups);
    let links = match event.request_id {
        Some(_) if !groups.is_empty() => {
            links(&serde_json::from_str(&event.subject)?, claimed, endpoint, groups, keys, public_url)
        }
        _ => Links::default(),
    };
    let detail = event.detail.max(endpoint.detail);
    let (text, withheld) = let_through(event, detail)?;
    let subject = match event.request_id {
        Some(_) => Subject::Request(&text),
        None if event.kind == PING => Subject::Nothing,
        None => Subject::Endpoint(&text),
    };
    let notice = EventNotice { id: event.id, kind: &event.kind, at: event.at, subject, withheld, links };
    let format = match (destination, endpoint.format) {
        (None, Format::Standard) => MessageFormat::Body,
        (None, Format::Cloudevents) => MessageFormat::Cloudevent { source: public_url },
        (Some(message), _) => MessageFormat::Call(message.posting),
    };
    with(&notice, format)
}

/// The operator's templates that apply to this message.
fn overrides(
    templates: &[StoredTemplate],
    files: &[FileTemplate],
    endpoint: &Endpoint,
    event: &Event,
) -> Result<Vec<Override>, serde_json::Error> {
    #[derive(serde::Deserialize)]
    struct WithResource {
        resource: String,
    }
    let channel = endpoint.channel;
    let reads_resource = event.request_id.is_some() && needs_resource(templates, files, channel);
    let request: Option<WithResource> = reads_resource.then(|| serde_json::from_str(&event.subject)).transpose()?;
    let resource = request.as_ref().map(|request| request.resource.as_str());
    let occasion = Occasion { channel, endpoint: Some((endpoint.id, &endpoint.name)), resource };
    Ok(applying(templates, files, occasion))
}

/// The event's subject, reduced to the permitted detail, and what was withheld.
fn let_through(event: &Event, detail: Detail) -> Result<(Cow<'_, str>, Option<Withheld>), serde_json::Error> {
    if detail == Detail::Full || event.kind == PING {
        return Ok((Cow::Borrowed(&event.subject), None));
    }
    if event.request_id.is_none() {
        return Ok((redact::endpoint(&event.subject)?.into(), None));
    }
    let (text, withheld) = redact::request(&event.subject, detail)?;
    Ok((text.into(), Some(withheld)))
}

fn links(
    subject: &StoredRequest,
    claimed: &ClaimedDelivery,
    endpoint: &Endpoint,
    groups: &BTreeSet<GroupName>,
    keys: &KeyRing,
    public_url: &str,
) -> Links {
    let decidable = ASKING.contains(&claimed.event.kind.as_str()) && subject.status == Status::Pending;
    let serves = |slot: &&StoredSlot| slot.groups().any(|group| groups.contains(group));
    let of_slot = |slot: &StoredSlot| {
        let group = &slot.group;
        let url = |intent| {
            let link = Link {
                request: subject.id,
                revision: subject.revision,
                digest_prefix: Link::prefix_of(&subject.digest),
                group: group.clone(),
                recipient: endpoint.recipient.clone(),
                intent,
                endpoint: endpoint.id,
                generation: endpoint.link_generation,
                delivery: claimed.id,
                issued_at: claimed.created_at,
                expires_at: subject.expires_at,
            };
            format!("{public_url}/c/{}", link.sign(keys))
        };
        SlotLinks {
            group: group.to_string(),
            review: url(Intent::Review),
            // A full slot needs no more approvals, but can still get one from the page. A reject counts in any slot.
            approve: (decidable && !slot.is_full()).then(|| url(Intent::Approve)),
            reject: decidable.then(|| url(Intent::Reject)),
        }
    };
    Links::of(subject.slots.iter().filter(serves).map(of_slot).collect())
}
