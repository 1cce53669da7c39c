//! A new request is written, told and remembered in one transaction.

use serde_json::json;

use crate::approval::{Command, Digest, Email, Request, Roster, Status};
use crate::audit::Entry;
use crate::codes::Code;
use crate::hub::HubError;
use crate::hub::lifecycle::transition::{carry_out, conclude};
use crate::hub::lifecycle::{announce_shown, shown};
use crate::hub::scene::Scene;
use crate::ids::RequestId;
use crate::store::audit::NewEntry;
use crate::store::idempotency::{Key, Used};
use crate::store::requests::NewRequest;
use crate::store::{Session, Signal, Tx, idempotency, requests};

/// What an earlier call with the same key made.
pub(super) async fn replayed(session: &mut Session, (key, body): &(Key, Digest)) -> Result<Option<Request>, HubError> {
    let Some(used) = idempotency::find(session, key).await? else { return Ok(None) };
    if used.body != *body {
        let detail = "this Idempotency-Key was used with another body: use a new key for a new request";
        return Err(HubError::Conflict { code: Code::IdempotencyKeyReused, detail: detail.to_owned() });
    }
    let id = used.subject.parse().map_err(|_| HubError::Missing("the request of an idempotency key"))?;
    requests::get(session, id).await?.map(Some).ok_or(HubError::Missing("the request of an idempotency key"))
}

/// A new request, written out before the writer is asked: it writes for everybody, and should not wait for one's JSON.
pub(super) struct Prepared {
    row: NewRequest,
    entry: NewEntry,
    /// As told of; of no use for one that is decided at once.
    shown: String,
}

impl Prepared {
    pub(super) fn new(request: &Request, scene: &Scene) -> Result<Self, HubError> {
        let entry = Entry {
            person: request.requester.email.clone(),
            request: Some(request.id),
            digest: Some(request.digest),
            details: json!({
                "resource": request.resource, "kind": request.kind, "expires_at": request.expires_at,
                "acting_for": request.requester.acting_for, "beneficiary": request.beneficiary,
                "supersedes": request.supersedes,
            }),
            ..Entry::new(request.created_at, "request.created", scene.actor.clone())
        };
        Ok(Self {
            row: NewRequest::of(request)?,
            entry: NewEntry::of(&entry)?,
            shown: shown(scene, request, &Roster::default())?,
        })
    }

    /// The request as JSON.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }
}

/// Writes a new request, unless its key was used before; answers also whether it was.
pub(super) async fn create(
    tx: &mut Tx,
    mut request: Request,
    prepared: Prepared,
    by: Option<Email>,
    key: Option<(Key, Digest)>,
    scene: &Scene,
) -> Result<(Request, bool), HubError> {
    // Looked at again where nobody else writes: two calls with one key may be under way.
    if let Some(key) = &key
        && let Some(earlier) = replayed(tx.session(), key).await?
    {
        return Ok((earlier, true));
    }
    let now = request.created_at;
    requests::add(tx.session(), prepared.row);
    if let Some((key, body)) = key {
        let used = Used { body, subject: request.id.to_string() };
        idempotency::remember(tx.session(), &key, &used, now);
    }
    if let Some(earlier) = request.supersedes {
        replace(tx, earlier, by, request.id, scene).await?;
    }
    tx.add_entry(prepared.entry);
    if request.status == Status::Pending {
        announce_shown(tx, scene, "request.created", &request, prepared.shown, now).await?;
    } else {
        conclude(tx, &mut request, None, scene, now).await?;
    }
    let deadline = request.next_notice().map_or(request.expires_at, |notice| notice.min(request.expires_at));
    tx.signal(Signal::DeadlineAt(deadline));
    Ok((request, false))
}

/// Lets the new request take the place of an earlier one; one that has expired stays expired.
async fn replace(
    tx: &mut Tx,
    earlier: RequestId,
    by: Option<Email>,
    successor: RequestId,
    scene: &Scene,
) -> Result<(), HubError> {
    let (_request, _always_ok) = carry_out(tx, earlier, Command::Expire, scene).await?;
    let (request, answer) = carry_out(tx, earlier, Command::Supersede { by, successor }, scene).await?;
    answer.map_err(|refusal| HubError::Refused { refusal, status: request.status, request: None })
}
