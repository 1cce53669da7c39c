//! What the templates of chat channels see: the same facts on every channel, cut to what what fits into a message of
//! the channel.
//!
//! Nothing here is escaped: templates escape with the channel's functions.

mod payload;
mod people;
mod read;
mod state;
mod wording;

use serde_json::{Value, json};

pub(crate) use self::payload::is_language;
use self::payload::{asks, diff_line, facts, lines, or_dash, what};
pub(super) use self::payload::{command_lines, shown_context, shown_language};
use self::people::{changed_by, decided_by, excluded, requester, votes};
use self::read::text;
use self::state::{approvals, findings, note, slots, time_left};
use super::text::{cut, shortened};
use super::{EventNotice, SlotLinks};

/// How much of a request fits into a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct MessageLimits {
    /// Bytes of the command; other texts get a fraction of it.
    pub(super) text: usize,
    /// Lines of the command.
    pub(super) lines: usize,
    /// Slots with buttons; every review page shows the complete request.
    pub(super) slots: usize,
    /// Values of the context.
    pub(super) facts: usize,
}

impl MessageLimits {
    /// Halves the text limit `halvings` times.
    pub(super) const fn halved(self, halvings: u32) -> Self {
        Self { text: self.text >> halvings, ..self }
    }
}

/// Template input for an event of a request.
pub(super) fn of_request(notice: &EventNotice<'_>, request: &Value, limits: MessageLimits) -> Value {
    let text = |pointer: &str| text(request, pointer);
    let (command, command_cut) = lines(text("/command"), limits.text, limits.lines);
    let (reason, reason_cut) = cut(text("/reason"), limits.text / 4);
    let withheld = notice.withheld.map(|withheld| withheld.summary()).unwrap_or_default();
    // Only `request.revised` shows the difference; later events show the new payload alone.
    let diff = if notice.kind == "request.revised" { text("/change/diff") } else { "" };
    let (diff, diff_cut) = lines(diff, limits.text / 2, limits.lines);
    let wording = wording::of(notice.kind, request);
    let is_comment = notice.kind == "request.commented";
    let comment = if is_comment { people::commented(request) } else { String::new() };
    let (comment, comment_cut) = cut(&comment, limits.text / 2);
    let (facts, facts_cut) = facts(request, limits.text / 8, limits.facts);
    let (approvals, approvals_cut) = approvals(request, limits.text / 8);
    let links = &notice.links.slots;
    json!({
        "event": {"id": notice.id, "type": notice.kind, "at": notice.at},
        "word": wording.word,
        "said": wording.said,
        "tone": wording.tone,
        "about": text("/resource"),
        "resource": text("/resource"),
        "id": text("/id"),
        "digest": cut(text("/digest"), 12).0,
        "created_at": text("/created_at"),
        "expires_at": text("/expires_at"),
        "time_left": time_left(request, notice.at),
        "url": text("/url"),
        "requester": requester(request, limits.text / 24),
        "excluded": excluded(request, limits.text / 8),
        "what": what(request, notice.withheld),
        "asks": asks(request, notice.withheld),
        "note": note(request, &withheld, limits.text / 8),
        "withheld": withheld,
        "revision": request.pointer("/revision").map(Value::to_string).unwrap_or_default(),
        "changed_by": if diff.is_empty() { String::new() } else { changed_by(request) },
        "diff": diff.iter().map(|line| diff_line(line)).collect::<Vec<_>>(),
        "diff_cut": diff_cut,
        "command": command,
        "command_cut": command_cut,
        "reason": reason,
        "reason_cut": reason_cut,
        "facts": facts,
        "facts_cut": facts_cut,
        "findings": findings(request, limits.text / 8),
        "slots": slots(&approvals, approvals_cut),
        "approvals": approvals,
        "approvals_cut": approvals_cut,
        "votes": votes(request, limits.text / 8),
        "comment": comment,
        "comment_cut": comment_cut,
        // A comment may follow a decision, which was announced by itself.
        "decision_reason": if is_comment { String::new() } else { shortened(text("/decision/reason"), limits.text / 4) },
        "decided_by": if is_comment { String::new() } else { decided_by(request, limits.text / 8) },
        "several": links.len() > 1,
        "links": links.iter().take(limits.slots).map(buttons).collect::<Vec<_>>(),
        "links_cut": links.len().saturating_sub(limits.slots),
    })
}

/// Template input for an event of an endpoint, or a ping.
pub(super) fn of_endpoint(notice: &EventNotice<'_>, endpoint: &Value) -> Value {
    let text = |pointer: &str| text(endpoint, pointer);
    let wording = wording::of(notice.kind, endpoint);
    json!({
        "event": {"id": notice.id, "type": notice.kind, "at": notice.at},
        "word": wording.word,
        "said": wording.said,
        "tone": wording.tone,
        "about": text("/name"),
        "name": or_dash(text("/name")),
        // A ping has no subject: the event's own id.
        "id": if text("/id").is_empty() { notice.id.to_string() } else { text("/id").to_owned() },
        "reason": shortened(text("/reason"), 400),
        "since": text("/failing_since"),
        "off_at": text("/disabled_at_latest"),
        "several": false,
        "links": [],
        "links_cut": 0,
    })
}

/// The links of a slot; an absent link is empty text.
fn buttons(slot: &SlotLinks) -> Value {
    json!({
        "group": slot.group,
        "review": slot.review,
        "approve": slot.approve.as_deref().unwrap_or_default(),
        "reject": slot.reject.as_deref().unwrap_or_default(),
        // The request is pending, but this slot has all its approvals.
        "full": slot.reject.is_some() && slot.approve.is_none(),
    })
}
