//! What a message is called, what it says in one sentence, and its tone: the same on every channel.

use serde_json::Value;

use super::people::newest_vote;
use super::read::items;

/// How a message begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wording {
    /// In front of what it is about, as a title.
    pub(super) word: &'static str,
    /// One sentence without its full stop; may be empty. Who decided, if anybody did, follows behind it.
    pub(super) said: &'static str,
    /// `good`, `attention`, `warning`, `accent` or `emphasis`, as Adaptive Cards name the styles of a container.
    pub(super) tone: &'static str,
}

const fn wording(word: &'static str, said: &'static str, tone: &'static str) -> Wording {
    Wording { word, said, tone }
}

/// Of a kind of event, about its subject.
pub(super) fn of(kind: &str, subject: &Value) -> Wording {
    match kind {
        "request.created" => wording("✋ Approval needed", "", "accent"),
        "request.revised" => wording("✏ Changed, decide anew", "Earlier votes and links no longer count", "warning"),
        "request.voted" => wording(newest_vote(subject), "Still waiting for the others", "accent"),
        "request.reminded" => wording("⏰ Still waiting for approval", "A reminder: nothing is decided yet", "warning"),
        "request.escalated" => {
            wording("⏫ More people are asked", "Time is running out, so others may decide too", "attention")
        }
        "request.approved" => wording("✅ Approved", "Approved by", "good"),
        "request.rejected" => wording("⛔ Rejected", "Rejected by", "attention"),
        "request.expired" => wording("⌛ Expired", "Nobody decided in time, so it may not run", "warning"),
        "request.cancelled" => wording("↩ Cancelled", by_whom(subject, "Taken back by", "Taken back"), "emphasis"),
        "request.superseded" => {
            let said = by_whom(
                subject,
                "Another request took its place, sent by",
                "Another request of its requester took its place",
            );
            wording("🔁 Replaced by a newer request", said, "emphasis")
        }
        "request.undecidable" => {
            wording("⚠ Nobody can decide this any more", "Too few people are left in its groups who could", "attention")
        }
        "request.self_approved" => {
            let said = by_whom(
                subject,
                "The resource allows it, and every time is told. Approved by",
                "The resource allows it, and every time is told",
            );
            wording("⚠ Approved by its own requester", said, "warning")
        }
        "request.glass_broken" => wording("🚨 Glass broken", "Nobody was asked: an emergency, by", "attention"),
        "request.review_due" => wording(
            "⚠ A broken glass waits to be looked at",
            "Somebody who may decide such requests should look at it. Broken by",
            "warning",
        ),
        "execution.claimed" => wording("▶ Being run", "What was approved is being run now. Approved by", "accent"),
        "execution.finished" => finished(subject),
        "grant.started" => wording("🔓 Access has begun", "Approved by", "accent"),
        "grant.ended" => wording("🔒 Access has ended", "Its time was over. Approved by", "emphasis"),
        "grant.revoked" => wording("🔒 Access was revoked", "Ended early. Approved by", "warning"),
        "endpoint.failing" => {
            wording("🚧 Notices do not arrive", "Whoever is asked there does not hear of it", "warning")
        }
        "endpoint.disabled" => wording(
            "🔌 Notices are switched off",
            "Nothing is sent there any more: whoever was asked there must be told another way",
            "attention",
        ),
        "endpoint.recovered" => wording(
            "✅ Notices arrive again",
            "What is asked from now on is told there again. What was missed can be replayed",
            "good",
        ),
        _ => wording("👋 Countersign is there", "This message only checks whether messages arrive here", "emphasis"),
    }
}

/// The first where somebody has decided, whose name follows; else the second.
fn by_whom(request: &Value, somebody: &'static str, nobody: &'static str) -> &'static str {
    if items(request, "/decision/by").is_empty() { nobody } else { somebody }
}

/// How the use of what was approved ended.
fn finished(request: &Value) -> Wording {
    match request.pointer("/execution/status").and_then(Value::as_str) {
        Some("succeeded") => wording("🏁 Done", "What was approved has run, and succeeded. Approved by", "good"),
        Some("failed") => wording("💥 Failed", "What was approved has run, and failed. Approved by", "attention"),
        Some("lapsed") => wording("⌛ Not used", "What was approved was not run in time. Approved by", "emphasis"),
        Some("revoked") => wording("🔒 Taken back", "What was approved may not run any more. Approved by", "warning"),
        _ => wording("❓ Nobody knows how it ended", "No result was reported in time. Approved by", "warning"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::of;
    use crate::store::events::{KINDS, PING};

    #[test]
    fn every_kind_of_event_has_words_of_its_own() {
        let mut words: Vec<_> = KINDS.iter().map(|kind| of(kind, &Value::Null).word).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), KINDS.len());
        assert!(
            KINDS.iter().filter(|kind| **kind != PING).all(|kind| of(kind, &Value::Null) != of(PING, &Value::Null))
        );
    }
}
