//! The title, the first sentence and the tone of a message, the same on every channel.

use serde_json::Value;

use super::people::newest_vote;
use super::read::items;

/// The wording of one kind of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wording {
    /// The title's first part; `: ` and the subject follow.
    pub(super) word: &'static str,
    /// One sentence without its full stop; may be empty. The names of those who decided follow it, if there are any.
    pub(super) said: &'static str,
    /// A container style of Adaptive Cards: `good`, `attention`, `warning`, `accent` or `emphasis`.
    pub(super) tone: &'static str,
}

const fn wording(word: &'static str, said: &'static str, tone: &'static str) -> Wording {
    Wording { word, said, tone }
}

/// Returns the wording of an event; `subject` is its request or endpoint.
pub(super) fn of(kind: &str, subject: &Value) -> Wording {
    match kind {
        "request.created" => wording("✋ Approval needed", "", "accent"),
        "request.revised" => wording("✏ Changed: decide again", "Earlier votes and links no longer count", "warning"),
        "request.voted" => wording(newest_vote(subject), "Still waiting for the others", "accent"),
        "request.reminded" => wording("⏰ Still waiting for approval", "A reminder: nothing is decided yet", "warning"),
        "request.escalated" => {
            wording("⏫ More people are asked", "Time is running out, so others may decide too", "attention")
        }
        "request.approved" => wording("✅ Approved", "Approved by", "good"),
        "request.rejected" => wording("⛔ Rejected", "Rejected by", "attention"),
        "request.expired" => wording("⌛ Expired", "Nobody decided in time, so it may not run", "warning"),
        "request.cancelled" => wording("↩ Cancelled", by_whom(subject, "Cancelled by", "Cancelled"), "emphasis"),
        "request.superseded" => {
            let said = by_whom(
                subject,
                "Replaced by another request, sent by",
                "Replaced by another request of the same requester",
            );
            wording("🔁 Replaced by a newer request", said, "emphasis")
        }
        "request.undecidable" => wording(
            "⚠ Too few people are left to approve this",
            "Too few people in its groups may still approve it",
            "attention",
        ),
        "request.self_approved" => {
            let said = by_whom(
                subject,
                "The resource allows this, and announces every self-approval. Approved by",
                "The resource allows this, and announces every self-approval",
            );
            wording("⚠ Approved by its own requester", said, "warning")
        }
        "request.glass_broken" => {
            wording("🚨 Break-glass used", "An emergency: approved without votes, by", "attention")
        }
        "request.commented" => wording("💬 Comment", "A comment, which decides nothing", "emphasis"),
        "request.review_due" => wording(
            "⚠ A break-glass use needs review",
            "A person who may decide such requests must review it. Used by",
            "warning",
        ),
        _ => of_use_or_endpoint(kind, subject),
    }
}

/// The wording of events of executions, grants and endpoints, and of a ping.
fn of_use_or_endpoint(kind: &str, subject: &Value) -> Wording {
    match kind {
        "execution.claimed" => wording("▶ Running", "The approved command is running now. Approved by", "accent"),
        "execution.finished" => finished(subject),
        "grant.started" => wording("🔓 Access has started", "Approved by", "accent"),
        "grant.ended" => wording("🔒 Access has ended", "The granted time is over. Approved by", "emphasis"),
        "grant.revoked" => wording("🔒 Access was revoked", "Ended early. Approved by", "warning"),
        "endpoint.failing" => {
            wording("🚧 Notifications do not arrive", "People who are asked there are not notified", "warning")
        }
        "endpoint.disabled" => wording(
            "🔌 Notifications are switched off",
            "Nothing is sent there any more: notify the people who were asked there in another way",
            "attention",
        ),
        "endpoint.recovered" => wording(
            "✅ Notifications arrive again",
            "New requests are sent there again. Missed messages can be replayed",
            "good",
        ),
        _ => wording("👋 Countersign is connected", "This message only checks that messages arrive here", "emphasis"),
    }
}

/// Returns `named` when the decision names people, whose names then follow; otherwise `unnamed`.
fn by_whom(request: &Value, named: &'static str, unnamed: &'static str) -> &'static str {
    if items(request, "/decision/by").is_empty() { unnamed } else { named }
}

/// The wording of a finished execution, by its result.
fn finished(request: &Value) -> Wording {
    match request.pointer("/execution/status").and_then(Value::as_str) {
        Some("succeeded") => wording("🏁 Done", "The approved command ran and succeeded. Approved by", "good"),
        Some("failed") => wording("💥 Failed", "The approved command ran and failed. Approved by", "attention"),
        Some("lapsed") => wording("⌛ Not used", "The approved command was not run in time. Approved by", "emphasis"),
        Some("revoked") => wording("🔒 Revoked", "The approved command may no longer run. Approved by", "warning"),
        _ => wording("❓ Result unknown", "No result was reported in time. Approved by", "warning"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::of;
    use crate::store::events::{KINDS, PING};

    #[test]
    fn every_kind_of_event_has_its_own_title() {
        let mut words: Vec<_> = KINDS.iter().map(|kind| of(kind, &Value::Null).word).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), KINDS.len());
        assert!(
            KINDS.iter().filter(|kind| **kind != PING).all(|kind| of(kind, &Value::Null) != of(PING, &Value::Null))
        );
    }
}
