//! Hostile text on every channel: all of it is shown, and only as text.

use std::sync::LazyLock;

use countersign::channels::samples::Sample;
use countersign::channels::{Channels, EventNotice, Links, SlotLinks, Subject};
use countersign::ids::EventId;
use countersign::store::endpoints::Channel;
use countersign::store::events::KINDS;
use countersign::time::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{chat_channels, message, texts};

static CHANNELS: LazyLock<Channels> = LazyLock::new(|| Channels::new(None).unwrap());

/// Whether the field holds a URL, which is the hub's own.
pub(crate) fn is_link(path: &str) -> bool {
    path.ends_with("/url")
}

/// Anything that the channel would interpret as more than text at that place.
pub(crate) fn live(channel: Channel, path: &str, text: &str, message: &Value) -> Option<&'static str> {
    let found = |marks: &[&'static str]| marks.iter().copied().find(|mark| text.contains(*mark));
    let calls_everybody = matches!(channel, Channel::Slack | Channel::Discord);
    let everybody = found(&["@everyone", "@here", "@channel"]).filter(|_| calls_everybody);
    if let Some(mark) = found(&["\u{202e}", "\u{1b}", "\u{0}"]).or(everybody) {
        return Some(mark);
    }
    match channel {
        Channel::Teams => {
            let is_run =
                message.pointer(path.trim_end_matches("/text")).is_some_and(|holder| holder["type"] == "TextRun");
            let own_dates = text.replace("{{DATE(2026", "").replace("{{TIME(2026", "");
            let in_block = ["[click](", "**bold**", "<at>"].into_iter().find(|mark| !is_run && text.contains(mark));
            in_block.or_else(|| own_dates.contains("{{DATE").then_some("{{DATE"))
        }
        Channel::Slack => {
            let own = text.replace("<!date^", "");
            let holder = message.pointer(path.strip_suffix("/text").unwrap_or(path));
            let is_plain = holder.is_some_and(|holder| holder["type"] == "plain_text");
            let fences = text.matches("```").count();
            if !is_plain && fences != 0 && fences != 2 {
                return Some("```");
            }
            ["<!", "<@", "<http", "<#", "<a "].into_iter().find(|mark| own.contains(mark))
        }
        Channel::Discord => {
            let is_markdown = ["/content", "/description", "/name", "/value"].iter().any(|end| path.ends_with(end));
            let outside: String = text.split("```").step_by(2).collect::<Vec<_>>().join(" ");
            let own = unescaped(&outside).replace("**", "").replace("<t:1795", "");
            let marks = ["[", "*", "_", "~", "`", "|", "<", "#", "://"];
            marks.into_iter().find(|mark| is_markdown && own.contains(mark))
        }
        _ => {
            let own =
                ["<b>", "</b>", "<i>", "</i>", "<br>"].iter().fold(text.to_owned(), |text, tag| text.replace(tag, ""));
            own.contains('<').then_some("<")
        }
    }
}

/// Markdown without the characters that a backslash escapes.
fn unescaped(markdown: &str) -> String {
    let mut kept = String::new();
    let mut characters = markdown.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => drop(characters.next()),
            plain => kept.push(plain),
        }
    }
    kept
}

#[test]
fn hostile_text_is_never_interpreted() {
    for channel in chat_channels() {
        for kind in KINDS {
            let message = message(&CHANNELS, channel, kind, Sample::Hostile);
            for (path, text) in texts(&message) {
                let mark = if is_link(&path) { None } else { live(channel, &path, &text, &message) };
                assert_eq!(mark, None, "{} {kind} at {path}: {text:?}", channel.as_str());
                if is_link(&path) {
                    assert!(text.starts_with("https://hub.example.com/c/"), "{kind} at {path}: {text}");
                }
            }
        }
    }
}

/// Text made of pieces of markup.
fn nasty() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("<!channel>".to_owned()),
        Just("@everyone".to_owned()),
        Just("```".to_owned()),
        Just("[x](http://y)".to_owned()),
        Just("<a href=x>".to_owned()),
        Just("{{x}}".to_owned()),
        Just("\\".to_owned()),
        Just("\"".to_owned()),
        Just("&".to_owned()),
        Just("\u{202e}".to_owned()),
        Just("\n".to_owned()),
        Just("🙂".repeat(9)),
        Just("*".repeat(40)),
        any::<String>(),
        (1..3_000usize).prop_map(|count| "&".repeat(count)),
        (1..3_000usize).prop_map(|count| "`_".repeat(count)),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// For any text in any field, the channel accepts the body, and the body has no live markup.
    #[test]
    fn any_text_renders(texts_in in proptest::collection::vec(nasty(), 7), kind in proptest::sample::select(&KINDS[..])) {
        let [command, reason, name, language, fact, why, diff] = texts_in.as_slice() else { unreachable!() };
        let request = json!({
            "id": "req_0190aaaaaaaa7aaaaaaaaaaaaaaaaaaa", "resource": "orders-db", "language": language, "command": command,
            "context": {fact: fact}, "digest": "ba7816bf8f01", "revision": 2, "reason": reason,
            "requester": {"email": "nora@example.com", "name": name}, "expires_at": "2026-11-21T13:00:00Z",
            "slots": [{"group": "dba", "needed": 1, "approved": 0}], "asking_rules": [{"rule": "r", "reason": why}],
            "decision": {"outcome": "approved", "reason": why, "by": ["dana@example.com"]},
            "change": {"by": "erik@example.com", "diff": diff},
        })
        .to_string();
        let endpoint = json!({"id": "ep_x", "name": "ops", "reason": why}).to_string();
        let subject = match kind.split_once('.') {
            None => Subject::Nothing,
            Some(("endpoint", _)) => Subject::Endpoint(&endpoint),
            Some(_) => Subject::Request(&request),
        };
        let url = |intent: &str| format!("https://hub.example.com/c/{intent}");
        let slot = SlotLinks {
            group: "dba".to_owned(), review: url("review"), approve: Some(url("approve")), reject: Some(url("reject")),
        };
        let at: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        for channel in chat_channels() {
            let notice = EventNotice { id: EventId::least(at), kind, at, subject, withheld: None, links: Links::of(vec![slot.clone()]) };
            let body = CHANNELS.render(channel, &notice);
            prop_assert!(body.is_ok(), "{}: {:?}", channel.as_str(), body);
            let message: Value = serde_json::from_str(&body.unwrap()).unwrap();
            for (path, text) in texts(&message) {
                let mark = if is_link(&path) { None } else { live(channel, &path, &text, &message) };
                prop_assert_eq!(mark, None, "{} {} at {}: {:?}", channel.as_str(), kind, path, text);
            }
        }
    }
}
