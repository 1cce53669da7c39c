//! Writes a new request with its idempotency key, audit entry and event in one transaction.

use serde_json::json;

use crate::approval::{Command, Digest, Email, Request, Roster, Status};
use crate::audit::Entry;
use crate::hub::HubError;
use crate::hub::change_context::ChangeContext;
use crate::hub::keyed_calls::{earlier_subject, remember};
use crate::hub::lifecycle::transition::{carry_out, conclude};
use crate::hub::lifecycle::{announce_shown, shown};
use crate::ids::RequestId;
use crate::store::audit::NewEntry;
use crate::store::idempotency::Key;
use crate::store::requests::NewRequest;
use crate::store::{Session, Signal, Tx, requests};

/// Returns the request that an earlier call with the same key and body created.
pub(super) async fn earlier_request(session: &mut Session, key: &(Key, Digest)) -> Result<Option<Request>, HubError> {
    let Some(id) = earlier_subject(session, Some(key)).await? else { return Ok(None) };
    let id = id.parse().map_err(|_| HubError::Missing("the request of an idempotency key"))?;
    requests::get(session, id).await?.map(Some).ok_or(HubError::Missing("the request of an idempotency key"))
}

/// A new request, serialized before the writer is entered: all operations share the writer, so it should only write.
pub(super) struct Prepared {
    row: NewRequest,
    entry: NewEntry,
    /// The JSON for the event; unused when the request is decided at once.
    shown: String,
}

impl Prepared {
    pub(super) fn new(request: &Request, context: &ChangeContext) -> Result<Self, HubError> {
        let entry = Entry {
            person: request.requester.email.clone(),
            request: Some(request.id),
            digest: Some(request.digest),
            details: json!({
                "resource": request.resource, "kind": request.kind, "expires_at": request.expires_at,
                "acting_for": request.requester.acting_for, "beneficiary": request.beneficiary,
                "supersedes": request.supersedes,
            }),
            ..Entry::new(request.created_at, "request.created", context.actor.clone())
        };
        Ok(Self {
            row: NewRequest::of(request)?,
            entry: NewEntry::of(&entry)?,
            shown: shown(context, request, &Roster::default())?,
        })
    }

    /// The request as JSON.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }
}

/// Writes a new request and returns it with `false`; with `true`, returns the request that its key created earlier.
pub(super) async fn create(
    tx: &mut Tx,
    mut request: Request,
    prepared: Prepared,
    by: Option<Email>,
    key: Option<(Key, Digest)>,
    context: &ChangeContext,
) -> Result<(Request, bool), HubError> {
    // Again inside the writer: two calls with one key may run concurrently.
    if let Some(key) = &key
        && let Some(earlier) = earlier_request(tx.session(), key).await?
    {
        return Ok((earlier, true));
    }
    let now = request.created_at;
    requests::add(tx.session(), prepared.row);
    remember(tx.session(), key, request.id.to_string(), now);
    if let Some(earlier) = request.supersedes {
        replace(tx, earlier, by, request.id, context).await?;
    }
    tx.add_entry(prepared.entry);
    if request.status == Status::Pending {
        announce_shown(tx, context, "request.created", &request, prepared.shown, now).await?;
    } else {
        conclude(tx, &mut request, None, context, now).await?;
    }
    let deadline = request.next_notice().map_or(request.expires_at, |notice| notice.min(request.expires_at));
    tx.signal(Signal::DeadlineAt(deadline));
    Ok((request, false))
}

/// Supersedes an earlier request with the new one. An overdue request is expired instead, and the call is refused.
async fn replace(
    tx: &mut Tx,
    earlier: RequestId,
    by: Option<Email>,
    successor: RequestId,
    context: &ChangeContext,
) -> Result<(), HubError> {
    let (_request, _always_ok) = carry_out(tx, earlier, Command::Expire, context).await?;
    let (request, answer) = carry_out(tx, earlier, Command::Supersede { by, successor }, context).await?;
    answer.map_err(|refusal| HubError::Refused { refusal, status: request.status, request: None })
}
