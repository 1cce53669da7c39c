//! What the templates of chat channels see: the same facts on every channel, cut to what a message of it has room for.
//!
//! Nothing here is escaped: that is the templates' own matter, by the channel's escape function.

mod payload;
mod people;
mod state;

use serde_json::{Value, json};

use self::payload::{asks, diff_line, facts, lines, or_dash};
use self::people::{decided_by, newest_vote, or_system, requester};
use self::state::{note, slots};
use super::text::{cut, shortened};
use super::{Notice, SlotLinks};

/// How much of a request a message has room for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    /// Bytes of the command; other texts get a part of that.
    pub(super) text: usize,
    /// Lines of the command.
    pub(super) lines: usize,
    /// Slots whose buttons are shown; the review page of any shows the whole request.
    pub(super) slots: usize,
    /// Facts of the context.
    pub(super) facts: usize,
}

impl Room {
    /// With half as much text for each `halving`.
    pub(super) const fn halved(self, halvings: u32) -> Self {
        Self { text: self.text >> halvings, ..self }
    }
}

/// A request.
pub(super) fn of_request(notice: &Notice<'_>, request: &Value, room: Room) -> Value {
    let text = |pointer: &str| request.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (command, command_cut) = lines(text("/command"), room.text, room.lines);
    let (reason, reason_cut) = cut(text("/reason"), room.text / 4);
    let decision_reason = shortened(text("/decision/reason"), room.text / 4);
    let withheld = notice.withheld.map(|withheld| withheld.told()).unwrap_or_default();
    // A change is told once: afterwards it is what is asked for.
    let diff = if notice.kind == "request.revised" { text("/change/diff") } else { "" };
    let (diff, diff_cut) = lines(diff, room.text / 2, room.lines);
    json!({
        "event": {"id": notice.id, "type": notice.kind, "at": notice.at},
        "resource": text("/resource"),
        "id": text("/id"),
        "digest": cut(text("/digest"), 12).0,
        "expires_at": text("/expires_at"),
        "url": text("/url"),
        "requester": requester(request),
        "asks": asks(request, notice.withheld),
        "note": note(request, &withheld),
        "withheld": withheld,
        "newest_vote": newest_vote(request),
        "revision": request.pointer("/revision").map(Value::to_string).unwrap_or_default(),
        "changed_by": if diff.is_empty() { "" } else { or_system(text("/change/by")) },
        "diff": diff.iter().map(|line| diff_line(line)).collect::<Vec<_>>(),
        "diff_cut": diff_cut,
        "command": command,
        "command_cut": command_cut,
        "reason": reason,
        "reason_cut": reason_cut,
        "facts": facts(request, &withheld, room.text / 8, room.facts),
        "slots": slots(request),
        "decision_reason": decision_reason,
        "decided_by": decided_by(request),
        "several": notice.links.slots.len() > 1,
        "links": notice.links.slots.iter().take(room.slots).map(buttons).collect::<Vec<_>>(),
    })
}

/// An endpoint that is in trouble, or no longer.
pub(super) fn of_endpoint(notice: &Notice<'_>, endpoint: &Value) -> Value {
    let text = |pointer: &str| endpoint.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    json!({
        "event": {"id": notice.id, "type": notice.kind, "at": notice.at},
        "name": or_dash(text("/name")),
        "id": or_dash(text("/id")),
        "reason": shortened(text("/reason"), 1_000),
        "since": text("/failing_since"),
        "off_at": text("/disabled_at_latest"),
    })
}

/// The links of a slot; what is absent is empty text.
fn buttons(slot: &SlotLinks) -> Value {
    json!({
        "group": slot.group,
        "review": slot.review,
        "approve": slot.approve.as_deref().unwrap_or_default(),
        "reject": slot.reject.as_deref().unwrap_or_default(),
    })
}
