//! Google Chat, through a webhook: a card with buttons that open links.

use serde_json::Value;

use super::declaration::Budget;
use super::schema::GOOGLE_CHAT as SCHEMA;
use super::templates::built_in::built_in_chat;
use super::text::{cut, in_json, utc, visible};
use super::view::MessageLimits;
use super::{Declaration, Meaning};
use crate::store::endpoints::Channel;

pub(super) const GOOGLE_CHAT: Declaration = Declaration {
    channel: Channel::GoogleChat,
    escape,
    plain: escape,
    code,
    // A card has no function for local times.
    moment: utc,
    link: |url, text| format!("<a href=\\\"{}\\\">{}</a>", in_json(&entities(&url.replace('"', "%22"))), escape(text)),
    schema: SCHEMA,
    is_bounded_by_schema: true,
    // Google Chat's own limit.
    budget: Budget::bytes(32_000),
    // One per second and space, over all webhooks of the space.
    rate_per_second: Some(1.0),
    concurrency: 1,
    limits: Some(MessageLimits { text: 6_000, lines: 40, slots: 6, facts: 6 }),
    templates: built_in_chat!(
        "google_chat",
        ["_message", "_ask", "_outcome", "_endpoint", "_command", "_buttons", "_slots"]
    ),
    meaning,
    wait_header: None,
    // The URL already has key and token; their order and encoding do not matter to Google. Without this option it
    // ignores the message's thread and starts a new one.
    query: &[("messageReplyOption", "REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD")],
    receipt: None,
    short: None,
};

/// For a card's text, in which Google Chat reads a few HTML tags and no other markup.
fn escape(text: &str) -> String {
    in_json(&entities(&visible(text).replace('\n', " ⏎ ")))
}

/// Lines of code. A card has neither a monospace font nor a frame, so each line starts with a rule that distinguishes
/// it from the hub's own text. Spaces are kept.
fn code(text: &str) -> String {
    let line = |line: &str| format!("│\u{a0}{}", entities(&visible(line)).replace("  ", "\u{a0}\u{a0}"));
    in_json(&text.split('\n').map(line).collect::<Vec<_>>().join("<br>"))
}

fn entities(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Interprets Google's status names.
fn meaning(status: u16, answer: &str) -> Option<Meaning> {
    if !(400..500).contains(&status) || status == 429 {
        return None;
    }
    let error: Value = serde_json::from_str(answer).ok()?;
    let name = error.pointer("/error/status").and_then(Value::as_str)?;
    let text = error.pointer("/error/message").and_then(Value::as_str).unwrap_or_default();
    let text = format!("Google Chat: {}: {}", cut(name, 50).0, cut(text, 200).0);
    // The space, or the webhook in it, was deleted.
    Some(if name == "NOT_FOUND" { Meaning::Gone(text) } else { Meaning::Refused(text) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_escaped() {
        assert_eq!(
            escape("<a href='x'>y</a>\n&lt; <users/all>"),
            "&lt;a href='x'&gt;y&lt;/a&gt; ⏎ &amp;lt; &lt;users/all&gt;"
        );
        assert_eq!(code("a\n    <b>"), "│\u{a0}a<br>│\u{a0}\u{a0}\u{a0}\u{a0}\u{a0}&lt;b&gt;");
    }

    #[test]
    fn status_names_have_a_meaning() {
        let gone = meaning(404, r#"{"error": {"code": 404, "message": "No such space.", "status": "NOT_FOUND"}}"#);
        assert_eq!(gone, Some(Meaning::Gone("Google Chat: NOT_FOUND: No such space.".to_owned())));
        let refused = meaning(400, r#"{"error": {"code": 400, "message": "Bad card.", "status": "INVALID_ARGUMENT"}}"#);
        assert!(matches!(refused, Some(Meaning::Refused(_))));
        assert_eq!(meaning(429, r#"{"error": {"status": "RESOURCE_EXHAUSTED"}}"#), None);
    }
}
