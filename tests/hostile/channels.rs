//! Every channel with every text that a requester, an approver or an executor can write.

use std::collections::HashMap;

use countersign::channels::text::visible;
use countersign::channels::{Channels, EventNotice, Links, SlotLinks, Subject};
use countersign::ids::EventId;
use countersign::store::endpoints::Channel;
use serde_json::{Value, json};

use super::{JOINERS, assert_nothing_hides, corpus, marks, named};
use crate::channels::{is_link, live, texts};

const CHANNELS: [Channel; 5] = [Channel::Teams, Channel::Slack, Channel::Discord, Channel::GoogleChat, Channel::Custom];
const KINDS: [&str; 6] =
    ["request.created", "request.revised", "request.voted", "request.rejected", "execution.finished", "grant.revoked"];

/// A request with this text in every free-text field.
fn request(text: &str) -> Value {
    let (digest, at) = ("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "2026-11-21T12:00:00Z");
    let person = "dana@example.com";
    json!({
        "id": "req_0190aaaaaaaa7aaaaaaaaaaaaaaaaaaa", "revision": 2, "kind": "action", "resource": "orders-db", "command": text,
        "language": text, "context": {text: text, "list": [text], "deep": {"er": {text: [text]}}}, "duration_seconds": null,
        "digest": digest, "requester": {"email": null, "name": text, "groups": [], "acting_for": null}, "beneficiary": null,
        "reason": text, "labels": {text: text}, "status": "rejected", "created_at": at, "expires_at": "2026-11-21T13:00:00Z",
        "decided_at": at,
        "decision": {"outcome": "rejected", "method": "votes", "reason": text, "by": [person], "rule": null, "group": null},
        "slots": [{"group": "dba", "needed": 1, "approved": 0, "eligible": 2, "also": []}],
        "votes": [{
            "id": "vot_0190aaaaaaaa7aaaaaaaaaaaaaaaaaaa", "person": person, "decision": "reject", "group": "dba", "reason": text,
            "assurance": "link", "channel": "teams", "at": at, "revision": 2, "digest": digest, "on_behalf_of": null,
            "narrowing": null, "voided": false,
        }],
        "modified_by": null,
        "change": {
            "by": person, "role": "requester", "at": at, "from_revision": 1, "reason": text,
            "diff": format!("@@ -1 +1 @@\n-{text}\n+{text}"),
        },
        "execution": {
            "status": "failed", "use_by": at, "claimed_at": at, "lease_expires_at": at, "finished_at": at, "exit_code": 1,
            "output": text, "output_truncated": false, "output_digest": null, "reason": text, "revoked_by": null,
        },
        "grant": null, "review": null, "undecidable": false, "supersedes": null, "superseded_by": null,
        "url": "https://hub.example.com/v1/requests/req_0190aaaaaaaa7aaaaaaaaaaaaaaaaaaa",
    })
}

fn body(channels: &Channels, channel: Channel, kind: &str, subject: &str) -> Value {
    let slot = SlotLinks {
        group: "dba".to_owned(),
        review: "https://hub.example.com/c/r".to_owned(),
        approve: Some("https://hub.example.com/c/a".to_owned()),
        reject: Some("https://hub.example.com/c/j".to_owned()),
    };
    let id: EventId = "evt_0190aaaaaaaa7aaaaaaaaaaaaaaaaaaa".parse().unwrap();
    let at = "2026-11-21T12:00:00Z".parse().unwrap();
    let notice =
        EventNotice { id, kind, at, subject: Subject::Request(subject), withheld: None, links: Links::of(vec![slot]) };
    let body = channels.render(channel, &notice).unwrap_or_else(|error| panic!("{} {kind}: {error}", channel.as_str()));
    serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error} in {body}"))
}

/// Every string of a JSON value, with the object that contains it.
fn each_text<'v>(value: &'v Value, holder: &'v Value, see: &mut impl FnMut(&'v Value, &'v str)) {
    match value {
        Value::String(text) => see(holder, text),
        Value::Array(items) => items.iter().for_each(|item| each_text(item, holder, see)),
        Value::Object(members) => members.values().for_each(|member| each_text(member, value, see)),
        _ => {}
    }
}

/// The number of the channel's date functions in a message; a requester's text must not add any.
fn dates(channel: Channel, message: &Value) -> usize {
    match channel {
        Channel::Teams => message.to_string().matches("{{").count(),
        Channel::Slack => message.to_string().matches("<!date").count(),
        // Discord's would be markup, which is checked as such; Google Chat has none.
        _ => 0,
    }
}

/// The markup of the channel's own texts.
fn bold(card: &Value) -> Vec<String> {
    let mut marked = Vec::new();
    each_text(card, card, &mut |holder, text| {
        if holder["type"] == "TextBlock" && text == holder["text"] {
            marked.extend(marks(text));
        }
    });
    marked
}

/// A text as people read it: without the separators between characters, and with entities decoded.
fn as_read(channel: Channel, text: &str) -> String {
    let solid: String = text
        .chars()
        .filter(|c| !"\u{200b}\u{2060}".contains(*c))
        .map(|c| if c == '\u{a0}' { ' ' } else { c })
        .collect();
    match channel {
        Channel::Slack | Channel::GoogleChat => {
            solid.replace("<br>", "\n").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
        }
        _ => solid,
    }
}

#[test]
fn no_channel_lets_active_markup_through() {
    let channels = Channels::new(None).unwrap();
    let tame = request("x").to_string();
    let of_tame = |kind, channel| {
        let message = body(&channels, channel, kind, &tame);
        (dates(channel, &message), bold(&message))
    };
    let own: HashMap<(&str, Channel), _> =
        KINDS.into_iter().flat_map(|kind| CHANNELS.map(|channel| ((kind, channel), of_tame(kind, channel)))).collect();
    for (place, text) in corpus().into_iter().enumerate() {
        let subject = request(&text);
        let stored = subject.to_string();
        // A megabyte is as hostile in one event as in six.
        let kinds = if text.len() > 100_000 { &KINDS[..1] } else { &KINDS[..] };
        for (kind, channel) in kinds.iter().flat_map(|kind| CHANNELS.map(|channel| (*kind, channel))) {
            // These channels render alike: each text goes into the request event, and into one other event in turn.
            let is_alike = matches!(channel, Channel::Slack | Channel::Discord | Channel::GoogleChat);
            if is_alike && kind != KINDS[0] && kind != KINDS[1 + place % 5] {
                continue;
            }
            let about = format!("{} {kind}: {}", channel.as_str(), named(&text));
            if channel == Channel::Custom && text.len() > 100_000 {
                // Beyond its budget: refused by name, never cut. No request is that long.
                continue;
            }
            let sent = body(&channels, channel, kind, &stored);
            if channel == Channel::Custom {
                assert_eq!(sent["data"]["request"], subject, "{about}: exact, for a program");
                continue;
            }
            let (mut shown, mut marked) = (String::new(), Vec::new());
            each_text(&sent, &sent, &mut |holder, text| {
                assert_nothing_hides(text, &JOINERS, &about);
                if holder["type"] == "TextBlock" && text == holder["text"] {
                    marked.extend(marks(text));
                }
                shown.push_str(&as_read(channel, text));
                shown.push('\n');
            });
            for (path, text) in texts(&sent).into_iter().filter(|(path, _)| !is_link(path)) {
                assert_eq!(live(channel, &path, &text, &sent), None, "{about} at {path}");
            }
            assert_eq!((dates(channel, &sent), marked), own[&(kind, channel)], "{about}: dates or markup of its own");
            let is_whole = visible(&text).lines().all(|line| shown.contains(line));
            assert!(is_whole || shown.contains("bytes more"), "{about}: left out without a mark");
        }
    }
}
