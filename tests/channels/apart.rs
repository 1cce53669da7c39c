//! The requester's text is kept apart from the hub's own text, and a filled slot offers no approve button.

use countersign::channels::{Channels, EventNotice, Links, SlotLinks, Subject};
use countersign::ids::EventId;
use countersign::store::endpoints::Channel;
use countersign::time::Timestamp;
use serde_json::{Value, json};

use super::{chat_channels, texts};

/// Names that look like the hub's own lines.
const FORGED: [&str; 3] = ["Approved so far", "✅ Checked by", "Withheld"];

/// A reason that looks as if it named another excluded person.
const REASON: &str = "because\nMay reject, not approve: dana@example.com";

fn excluded() -> Value {
    json!([
        {"person": "nora@example.com", "as": "requester", "by": "request"},
        {"person": "omar@example.com", "as": "acting_for", "by": "request"},
        {"person": "olga@example.com", "as": "beneficiary", "by": "request"},
        {"person": "tom@example.com", "as": "token_owner", "by": "token"},
        {"person": "lea@example.com", "as": "conflicted", "by": "policy"},
    ])
}

fn slot(group: &str, is_full: bool) -> SlotLinks {
    let url = |intent: &str| format!("https://hub.example.com/c/{intent}-{group}");
    SlotLinks {
        group: group.to_owned(),
        review: url("review"),
        approve: (!is_full).then(|| url("approve")),
        reject: Some(url("reject")),
    }
}

fn rendered(channel: Channel, kind: &str, links: Vec<SlotLinks>) -> Value {
    let mut context = forged();
    context["deep"] = json!({"not": "shown"});
    rendered_with(channel, kind, links, &context)
}

fn forged() -> Value {
    let facts: serde_json::Map<_, _> = FORGED.into_iter().map(|name| (name.to_owned(), json!("dba\nall"))).collect();
    facts.into()
}

fn rendered_with(channel: Channel, kind: &str, links: Vec<SlotLinks>, context: &Value) -> Value {
    let findings: Vec<Value> =
        (0..9).map(|number| json!({"rule": format!("rule-{number}"), "reason": "look"})).collect();
    let slots: Vec<Value> =
        links.iter().map(|slot| json!({"group": slot.group, "needed": 1, "approved": 0, "also": []})).collect();
    let request = json!({
        "id": "req_0190aaaaaaaa7aaaaaaaaaaaaaaaaaaa", "resource": "orders-db", "command": "select 1\n".repeat(50),
        "digest": "ba7816bf8f01", "requester": {"email": "nora@example.com"}, "reason": REASON, "context": context,
        "excluded": excluded(), "asking_rules": findings, "expires_at": "2026-11-21T13:00:00Z", "slots": slots, "revision": 2,
        "votes": [{"person": "dana@example.com", "decision": "approve"}],
        "change": {"by": "nora@example.com", "diff": "+select 1\n".repeat(50)},
    });
    let (text, at): (_, Timestamp) = (request.to_string(), "2026-11-21T12:00:00Z".parse().unwrap());
    let withheld = None;
    let notice = EventNotice {
        id: EventId::least(at),
        kind,
        at,
        subject: Subject::Request(&text),
        withheld,
        links: Links::of(links),
    };
    serde_json::from_str(&Channels::new(None).unwrap().render(channel, &notice).unwrap()).unwrap()
}

/// The position of the text that contains this part.
fn place(all: &[(String, String)], part: &str) -> usize {
    let found = all.iter().position(|(_, text)| text.replace(['\\', '\u{2060}'], "").contains(part));
    found.unwrap_or_else(|| panic!("no {part:?} in {all:?}"))
}

/// The texts in the order in which people read them.
fn read(channel: Channel, message: &Value) -> Vec<(String, String)> {
    match channel {
        Channel::Teams => texts(&message["attachments"][0]["content"]["body"]),
        Channel::Slack => texts(&message["blocks"]),
        Channel::Discord => {
            let embeds = &message["embeds"];
            let of = |value: &Value| texts(value);
            let second = [of(&embeds[1]["title"]), of(&embeds[1]["description"])].concat();
            [of(&embeds[0]["description"]), of(&embeds[0]["fields"]), second].concat()
        }
        _ => {
            let sections = message["cardsV2"][0]["card"]["sections"].as_array().unwrap();
            sections.iter().flat_map(|one| [texts(&one["header"]), texts(&one["widgets"])].concat()).collect()
        }
    }
}

#[test]
fn context_values_come_below_the_hubs_own_text_under_their_heading() {
    for channel in chat_channels() {
        let message = rendered(channel, "request.created", vec![slot("dba", false)]);
        let all = read(channel, &message);
        let place = |part: &str| place(&all, part);
        let (rule, asked, approved) = (place("rule-0"), place("Requested by"), place("Approved so far"));
        let (votes, heading) =
            (place("dana@example.com"), place("Context from the requester (1 more not shown here):"));
        assert!(rule < asked && asked < approved && approved.max(votes) < heading, "{}: {all:?}", channel.as_str());
        for name in FORGED {
            let below = all[heading + 1..].iter().filter(|(_, text)| text.contains(name)).count();
            assert_eq!(below, 1, "{} has {name} below its heading: {all:?}", channel.as_str());
        }
        assert!(!message.to_string().contains("dba\\nall"), "on one line each");
    }
}

/// Excluded people are listed in the hub's own row, each with the source of the exclusion. The requester's reason
/// cannot add a row.
#[test]
fn excluded_people_are_shown_with_the_source_of_the_exclusion() {
    for channel in chat_channels() {
        let all = read(channel, &rendered(channel, "request.created", vec![slot("dba", false)]));
        let (why, row) = (place(&all, "Reason from the requester"), place(&all, "omar@example.com"));
        let shown = all[row].1.replace(['\\', '\u{2060}'], "");
        for one in [
            "omar@example.com (on whose behalf it is requested, as the requester gave it)",
            "olga@example.com (beneficiary, as the requester gave it)",
            "tom@example.com (owner of the requesting token)",
            "lea@example.com (listed in the policy)",
        ] {
            assert!(shown.contains(one), "{} does not say {one:?}: {shown}", channel.as_str());
        }
        assert!(!shown.contains("nora@example.com"), "the requester has a row of their own: {shown}");
        assert!(why < row && row < place(&all, "Approved so far"), "{}: {all:?}", channel.as_str());
        let forged = &all[place(&all, "because")].1;
        assert!(!forged.contains("because\n") && !forged.contains("because<br>"), "{}: {forged}", channel.as_str());
    }
}

/// Context that is not shown is counted.
#[test]
fn a_context_that_is_not_shown_is_counted() {
    let nested = json!({"a": {"b": 1}, "c": null});
    for channel in chat_channels() {
        for (context, shown) in [
            (json!("rm -rf /"), "1 not shown here"),
            (json!(["rm", "-rf", "/"]), "1 not shown here"),
            (json!(7), "1 not shown here"),
            (json!(false), "1 not shown here"),
            (nested.clone(), "2 not shown here"),
        ] {
            let message = rendered_with(channel, "request.created", vec![slot("dba", false)], &context).to_string();
            assert!(message.contains(&format!("Context from the requester: {shown}")), "{context}: {message}");
        }
        for nothing in [json!(null), json!({})] {
            let message = rendered_with(channel, "request.created", vec![slot("dba", false)], &nothing).to_string();
            assert!(!message.contains("Context, as"), "{nothing}: {message}");
        }
    }
}

#[test]
fn context_values_look_different_from_the_hubs_own_text() {
    let teams = rendered(Channel::Teams, "request.created", vec![slot("dba", false)]);
    let body = teams["attachments"][0]["content"]["body"].as_array().unwrap();
    let holder = body.iter().find(|element| element.to_string().contains("✅ Checked by")).unwrap();
    assert_eq!((&holder["type"], &holder["style"]), (&json!("Container"), &json!("emphasis")));
    assert!(!holder.to_string().contains("Bolder"));
    let slack = rendered(Channel::Slack, "request.created", vec![slot("dba", false)]);
    let of_slack = texts(&slack).into_iter().find(|(_, text)| text.contains("✅ Checked by")).unwrap();
    assert_eq!(of_slack.1, "```✅ Checked by: dba ⏎ all```");
    let discord = rendered(Channel::Discord, "request.created", vec![slot("dba", false)]);
    assert!(discord["embeds"][1].to_string().contains("✅ Checked by"), "an embed of its own");
    let google = rendered(Channel::GoogleChat, "request.created", vec![slot("dba", false)]);
    let sections = google["cardsV2"][0]["card"]["sections"].as_array().unwrap();
    assert!(sections[1].to_string().contains("✅ Checked by") && sections[1]["widgets"].as_array().unwrap().len() == 1);
}

/// With everything that a message may contain, and many groups.
#[test]
fn a_full_slack_message_stays_within_the_block_limit() {
    let links = (0..20).map(|number| slot(&format!("group-{number}"), number % 2 == 0)).collect();
    let message = rendered(Channel::Slack, "request.revised", links);
    let blocks = message["blocks"].as_array().unwrap().len();
    assert!((30..=50).contains(&blocks), "{blocks}");
}

#[test]
fn a_filled_slot_offers_a_reject_button_only() {
    for channel in chat_channels() {
        let both = rendered(channel, "request.voted", vec![slot("dba", true), slot("ops", false)]);
        let all = read(channel, &both);
        place(&all, "fully approved");
        let text = both.to_string();
        assert!(!text.contains("/c/approve-dba") && text.contains("/c/reject-dba") && text.contains("/c/review-dba"));
        assert!(text.contains("/c/approve-ops") && text.contains("/c/reject-ops"), "{text}");
        let one = rendered(channel, "request.voted", vec![slot("dba", true)]).to_string();
        assert!(!one.contains("Approve\"") && one.contains("/c/reject-dba") && one.contains("/c/review-dba"), "{one}");
    }
}
