//! Asking, and waiting for the decision, through restarts of the hub.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::connection::{Call, CallError, Connection, Outage};
use super::progress::Progress;
use super::shown::{Shown, Standing};
use crate::channels::text::{indented, one_line};
use crate::ids::RequestId;

/// A long poll for a request that still lacks several approvals is shorter, since the hub answers it only at the end, and the
/// votes in between are told too.
const HOLD_BETWEEN_VOTES: u64 = 10;

/// A pending answer that comes sooner was not held back: the hub is stopping, or something in between does not wait.
const TOO_SOON: Duration = Duration::from_millis(500);

/// The longest a deadline may lie ahead for the clock's sake; requests have 30 days at most.
const FAR: Duration = Duration::from_secs(400 * 86_400);

/// Makes a request; once, however often the call has to be repeated.
pub(super) async fn ask(hub: &Connection, body: Value, progress: &Progress) -> Result<Shown, CallError> {
    let call = Call::post("/v1/requests", body).once();
    Shown::read(hub.insist(&call, hub.pace.asking, progress).await?, None)
}

/// Waits until a request is decided, and tells the votes as they come. Gives up when the hub refuses, answers nonsense, or is
/// still away some time behind the deadline.
pub(super) async fn until_decided(hub: &Connection, seen: Shown, progress: &Progress) -> Result<Shown, CallError> {
    let mut watch = Watch::starting_with(seen);
    let mut outage = Outage::new(hub.pace);
    while watch.request.status == Standing::Pending {
        let hold = if watch.request.missing() > 1 { hub.pace.hold.min(HOLD_BETWEEN_VOTES) } else { hub.pace.hold };
        let call = Call::get(path(watch.request.id, "")).held(hold);
        let asked = Instant::now();
        match hub.send(&call).await {
            Ok(answer) => {
                outage.over(progress);
                watch.take(Shown::read(answer, Some(watch.request.id))?, progress);
                if watch.request.status == Standing::Pending && asked.elapsed() < TOO_SOON {
                    tokio::time::sleep(hub.pace.first * 2).await;
                }
            }
            Err(error) => {
                let until = watch.deadline + hub.pace.grace;
                outage.sit_out(error, Some(until), progress).await?;
            }
        }
    }
    Ok(watch.request)
}

/// A request that is waited for.
struct Watch {
    request: Shown,
    votes: BTreeSet<String>,
    /// By this machine's clock: the hub's may go wrong against it, but not faster.
    deadline: Instant,
}

impl Watch {
    fn starting_with(request: Shown) -> Self {
        let deadline = Instant::now() + request.expires_at.since(request.created_at).min(FAR);
        Self { votes: request.votes.iter().map(|vote| vote.id.clone()).collect(), request, deadline }
    }

    fn take(&mut self, now: Shown, progress: &Progress) {
        let (before, after) = (self.request.expires_at, now.expires_at);
        self.deadline += after.since(before).min(FAR);
        if now.revision != self.request.revision && now.status == Standing::Pending {
            let facts = json!({"revision": now.revision, "digest": now.digest, "command": now.command});
            let text = format!("what is asked for was changed: revision {}{}", now.revision, indented(&now.command));
            progress.tell("revised", facts, &text);
        }
        for vote in &now.votes {
            if self.votes.insert(vote.id.clone()) {
                progress.tell("voted", vote.facts(), &vote.describe());
            }
        }
        self.request = now;
    }
}

/// The path of a request, and of what can be done with it.
pub(super) fn path(id: RequestId, action: &str) -> String {
    format!("/v1/requests/{id}{action}")
}

/// Tells that a request was made, where it waits and who can decide. `explained` is what the hub says about the people; without
/// it, the groups must do.
pub(super) fn tell_asked(request: &Shown, explained: Option<&Value>, progress: &Progress) {
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
    if request.status == Standing::Pending {
        text.push_str(&format!("\n  decide by  {}", request.expires_at));
        for slot in &request.slots {
            let people = named(&people(explained, &slot.group));
            text.push_str(&format!("\n  needs      {} of {}{people}", slot.needed, slot.groups()));
        }
    }
    progress.tell("asked", facts, &text);
}

/// Who can decide for a group.
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

/// Ten of them are enough to know whom to call.
fn named(people: &[String]) -> String {
    let first: Vec<&str> = people.iter().take(10).map(String::as_str).collect();
    match people.len() {
        0 => String::new(),
        few if few <= first.len() => format!(": {}", first.join(", ")),
        many => format!(": {} and {} more", first.join(", "), many - first.len()),
    }
}
