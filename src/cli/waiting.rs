//! Creating a request, and waiting for its decision, across restarts of the hub.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::connection::{Call, CallError, Connection, Outage};
use super::progress::Progress;
use super::shown::{RequestStatus, Shown};
use crate::channels::text::{indented, one_line};
use crate::ids::RequestId;

/// Seconds of a long poll while several approvals are missing. The hub answers early only when the request is decided,
/// so votes before that are seen at the end of a poll.
const POLL_BETWEEN_VOTES: u64 = 10;

/// An answer `pending` within this time did not wait: the hub is stopping, or a proxy answered. The next poll is
/// delayed.
const TOO_SOON: Duration = Duration::from_millis(500);

/// Upper bound of a deadline, so that adding it to the clock cannot overflow; requests have 30 days at most.
const FAR: Duration = Duration::from_secs(400 * 86_400);

/// Creates a request. The call has an idempotency key, so retries create it once.
pub(super) async fn ask(hub: &Connection, body: Value, progress: &Progress) -> Result<Shown, CallError> {
    let call = Call::post("/v1/requests", body).with_idempotency_key();
    Shown::read(hub.send_with_retries(&call, hub.pace.asking, progress).await?, None)
}

/// Waits until a request is decided, and reports votes and revisions meanwhile.
///
/// # Errors
/// The hub refuses, returns an invalid answer, or is still unreachable some time after the deadline.
pub(super) async fn until_decided(hub: &Connection, seen: Shown, progress: &Progress) -> Result<Shown, CallError> {
    let mut watch = Watch::starting_with(seen);
    let mut outage = Outage::new(hub.pace);
    while watch.request.status == RequestStatus::Pending {
        let longest = hub.pace.long_poll;
        let seconds = if watch.request.missing() > 1 { longest.min(POLL_BETWEEN_VOTES) } else { longest };
        let call = Call::get(path(watch.request.id, "")).long_poll(seconds);
        let sent = Instant::now();
        match hub.send(&call).await {
            Ok(answer) => {
                outage.end(progress);
                watch.update(Shown::read(answer, Some(watch.request.id))?, progress);
                if watch.request.status == RequestStatus::Pending && sent.elapsed() < TOO_SOON {
                    tokio::time::sleep(hub.pace.first * 2).await;
                }
            }
            Err(error) => {
                let until = watch.deadline + hub.pace.grace;
                outage.back_off(error, Some(until), progress).await?;
            }
        }
    }
    Ok(watch.request)
}

/// A request that is being waited for.
struct Watch {
    request: Shown,
    /// Ids of the votes reported so far.
    votes: BTreeSet<String>,
    /// By this machine's monotonic clock, so that a wrong clock on either side makes no difference.
    deadline: Instant,
}

impl Watch {
    fn starting_with(request: Shown) -> Self {
        let deadline = Instant::now() + request.expires_at.since(request.created_at).min(FAR);
        Self { votes: request.votes.iter().map(|vote| vote.id.clone()).collect(), request, deadline }
    }

    fn update(&mut self, now: Shown, progress: &Progress) {
        let (before, after) = (self.request.expires_at, now.expires_at);
        self.deadline += after.since(before).min(FAR);
        if now.revision != self.request.revision && now.status == RequestStatus::Pending {
            let facts = json!({"revision": now.revision, "digest": now.digest, "command": now.command});
            let text = format!("the request was changed: revision {}{}", now.revision, indented(&now.command));
            progress.emit("revised", facts, &text);
        }
        for vote in &now.votes {
            if self.votes.insert(vote.id.clone()) {
                progress.emit("voted", vote.facts(), &vote.describe());
            }
        }
        self.request = now;
    }
}

/// The path of a request, or of an action on it.
pub(super) fn path(id: RequestId, action: &str) -> String {
    format!("/v1/requests/{id}{action}")
}

/// Reports that a request was created, its page, and who can decide it. `explained` is the hub's explanation, which
/// names the people; without it, only the groups are shown.
pub(super) fn report_asked(request: &Shown, explained: Option<&Value>, progress: &Progress) {
    let facts = json!({
        "request": request.id, "resource": request.resource, "status": request.status.as_str(), "digest": request.digest,
        "expires_at": request.expires_at, "url": request.url,
        "slots": request.slots.iter().map(|slot| json!({
            "group": slot.group, "needed": slot.needed, "approved": slot.approved, "people": people(explained, &slot.group),
        })).collect::<Vec<_>>(),
    });
    let mut text = format!("{} asks for approval on {}{}", request.id, request.resource, indented(&request.command));
    if let Some(argv) = request.argv() {
        text.push_str(&format!("\n  read by    {}", one_line(&argv)));
    }
    text.push_str(&format!("\n  digest     {}\n  waits at   {}", request.digest, one_line(&request.url)));
    if request.status == RequestStatus::Pending {
        text.push_str(&format!("\n  decide by  {}", request.expires_at));
        for slot in &request.slots {
            let people = named(&people(explained, &slot.group));
            text.push_str(&format!("\n  needs      {} of {}{people}", slot.needed, slot.groups()));
        }
    }
    progress.emit("asked", facts, &text);
}

/// The people who can decide for a group.
fn people(explained: Option<&Value>, group: &str) -> Vec<String> {
    let array = |value: Option<&Value>, name: &str| {
        value.and_then(|value| value.get(name)).and_then(Value::as_array).cloned().unwrap_or_default()
    };
    let slots = array(explained, "slots");
    let slot = slots.iter().find(|slot| slot.get("group").and_then(Value::as_str) == Some(group));
    let text = |person: &Value, name: &str| person.get(name).and_then(Value::as_str).map(str::to_owned);
    array(slot, "people")
        .iter()
        .filter(|person| person.get("can_decide").and_then(Value::as_bool) == Some(true))
        .filter_map(|person| match (text(person, "name"), text(person, "email")) {
            (Some(name), Some(email)) if name != email => Some(one_line(&format!("{name} <{email}>"))),
            (name, email) => email.or(name),
        })
        .collect()
}

/// The first ten people, as a suffix.
fn named(people: &[String]) -> String {
    let first: Vec<&str> = people.iter().take(10).map(String::as_str).collect();
    match people.len() {
        0 => String::new(),
        few if few <= first.len() => format!(": {}", first.join(", ")),
        many => format!(": {} and {} more", first.join(", "), many - first.len()),
    }
}
