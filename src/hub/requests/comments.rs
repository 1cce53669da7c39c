//! Comments, which decide nothing, and reminders of those who are still missing.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::approval::{Request, Status};
use crate::audit::{Actor, Entry};
use crate::codes::Code;
use crate::hub::access::is_own;
use crate::hub::change_context::ChangeContext;
use crate::hub::lifecycle::{announce, announce_shown};
use crate::hub::{Hub, HubError, Page, RequestView, input};
use crate::identity::Principal;
use crate::ids::{CommentId, RequestId};
use crate::store::comments::{self, Comment};
use crate::store::{Tx, groups, requests};
use crate::time::Timestamp;

/// Most comments of a request.
const MAX_COMMENTS: u32 = 200;
/// Longest comment, in bytes of UTF-8.
const MAX_TEXT: usize = 1_000;
/// Pause between two reminders about one request.
pub const REMINDER_PAUSE: Duration = Duration::from_secs(600);

/// The body of a comment.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommentInput {
    pub text: String,
}

/// When the next reminder may follow.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Reminded {
    pub reminded_at: Timestamp,
    pub again_from: Timestamp,
}

impl Hub {
    /// Says something about a request, without deciding it.
    ///
    /// # Errors
    /// When there is no such request for the caller, they may only read it, the text is blank or too long, or there are too
    /// many comments.
    pub async fn comment(&self, caller: &Principal, id: RequestId, comment: CommentInput) -> Result<Comment, HubError> {
        input::text("/text", &comment.text, MAX_TEXT)?;
        if comment.text.trim().is_empty() {
            return Err(HubError::invalid(Code::InvalidPayload, "/text", "write something"));
        }
        let request = self.visible(caller, id).await?;
        self.require_part(caller, &request).await?;
        let (context, now) = (self.change_context(caller.actor()), self.clock.now());
        let comment = Comment {
            id: CommentId::mint(now),
            person: caller.person().cloned(),
            token: caller.person().is_none().then(|| name_of(&context.actor)),
            text: comment.text,
            at: now,
        };
        self.store.write(move |tx| Box::pin(async move { add(tx, id, comment, &context).await })).await
    }

    /// The comments of a request, oldest first.
    ///
    /// # Errors
    /// When there is no such request for the caller.
    pub async fn comments(&self, caller: &Principal, id: RequestId) -> Result<Page<Comment>, HubError> {
        self.visible(caller, id).await?;
        let items = comments::of_request(&mut self.store.read().await?, id, MAX_COMMENTS).await?;
        Ok(Page { items, next_cursor: None })
    }

    /// Reminds those who have not decided yet: sends the event of a reminder, at most once in ten minutes.
    ///
    /// # Errors
    /// When there is no such request for the caller, they may only read it, it is decided, or the last reminder was too short
    /// ago.
    pub async fn remind(&self, caller: &Principal, id: RequestId) -> Result<Reminded, HubError> {
        let request = self.visible(caller, id).await?;
        self.require_part(caller, &request).await?;
        let context = self.change_context(caller.actor());
        let person = caller.person().cloned();
        self.store.write(move |tx| Box::pin(async move { remind(tx, id, person, &context).await })).await
    }

    /// Rejects a caller who sees the request only to read it.
    async fn require_part(&self, caller: &Principal, request: &Request) -> Result<(), HubError> {
        let takes_part = is_own(caller, request)
            || match caller.person() {
                Some(person) => self.person_sees(person, request).await?,
                None => false,
            };
        let detail = "only its requester, and people who may decide it, take part in a request";
        if takes_part { Ok(()) } else { Err(HubError::Forbidden(detail.to_owned())) }
    }
}

async fn add(tx: &mut Tx, id: RequestId, comment: Comment, context: &ChangeContext) -> Result<Comment, HubError> {
    if comments::count(tx.session(), id).await? >= i64::from(MAX_COMMENTS) {
        let detail = format!("a request has at most {MAX_COMMENTS} comments: talk elsewhere, and vote with a reason");
        return Err(HubError::conflict(Code::TooMany, detail));
    }
    let request = requests::get(tx.session(), id).await?.ok_or(HubError::NotFound("request"))?;
    comments::insert(tx.session(), id, &comment).await?;
    tx.record(&Entry {
        person: comment.person.clone(),
        request: Some(id),
        details: json!({"comment": comment.id, "text": comment.text}),
        ..Entry::new(comment.at, "request.commented", context.actor.clone())
    })?;
    let roster = groups::roster(tx.session(), request.terms.groups()).await?;
    let mut view = RequestView::new(&request, &context.public_url, Some(&roster));
    view.comment = Some(comment.clone());
    announce_shown(tx, context, "request.commented", &request, view.to_json()?, comment.at).await?;
    Ok(comment)
}

async fn remind(
    tx: &mut Tx,
    id: RequestId,
    person: Option<crate::approval::Email>,
    context: &ChangeContext,
) -> Result<Reminded, HubError> {
    let request = requests::get(tx.session(), id).await?.ok_or(HubError::NotFound("request"))?;
    let now = context.clock.now();
    if request.status != Status::Pending || request.is_overdue(now) {
        let refusal = crate::approval::Refusal::of_ended(if request.status == Status::Pending {
            Status::Expired
        } else {
            request.status
        });
        let view = RequestView::new(&request, &context.public_url, None);
        return Err(HubError::Refused { refusal, status: request.status, request: Some(Box::new(view)) });
    }
    if !requests::remind(tx.session(), id, now, now - REMINDER_PAUSE).await? {
        let last = requests::reminded_at(tx.session(), id).await?.unwrap_or(now);
        let detail = format!("there was a reminder at {last}: the next one may follow at {}", last + REMINDER_PAUSE);
        return Err(HubError::conflict(Code::RemindedLately, detail));
    }
    tx.record(&Entry { person, request: Some(id), ..Entry::new(now, "request.reminded", context.actor.clone()) })?;
    let roster = groups::roster(tx.session(), request.terms.groups()).await?;
    announce(tx, context, "request.reminded", &request, &roster, now).await?;
    Ok(Reminded { reminded_at: now, again_from: now + REMINDER_PAUSE })
}

/// How the audit trail calls who acts.
fn name_of(actor: &Actor) -> String {
    match actor {
        Actor::Token { name, .. } => name.clone(),
        _ => "a system".to_owned(),
    }
}
