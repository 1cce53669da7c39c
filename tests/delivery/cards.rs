//! Teams cards: snapshots of each event, valid, within budget, and dead to hostile text.

use countersign::channels::{Channels, Links, Notice, SlotLinks, Subject};
use countersign::ids::EventId;
use countersign::store::endpoints::Channel;
use countersign::store::events::KINDS;
use countersign::time::Timestamp;
use serde_json::{Value, json};

use crate::support::{Database, Receiver, TestHub};

fn request() -> Value {
    json!({
        "id": "req_0190aaaaaaaa7aaaaaaaaaaaaaaaaaaa", "resource": "orders-db", "language": "sql",
        "command": "update orders\n   set status = 'x'\n where id = 1;",
        "context": {"ticket": "OPS-1", "rows": 12, "nested": {"not": "shown"}},
        "digest": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "requester": {"email": "nora@example.com", "name": "Nora Lind", "groups": []},
        "reason": "Because it is needed.", "expires_at": "2026-11-21T13:00:00.25Z", "url": "https://hub.example.com/v1/requests/x",
        "slots": [{"group": "dba", "needed": 1, "approved": 0, "eligible": 2}],
        "decision": {"outcome": "approved", "method": "votes", "reason": "fine", "by": ["dana@example.com"]},
    })
}

/// Changed by an approver, and used.
fn changed() -> Value {
    let mut request = request();
    request["revision"] = json!(2);
    request["change"] = json!({
        "by": "erik@example.com", "role": "approver", "at": "2026-11-21T12:00:00Z", "from_revision": 1, "reason": "not all",
        "diff": "@@ -1,3 +1,3 @@\n update orders\n    set status = 'x'\n- where id = 1;\n+ where id = 1 and status = 'y';",
    });
    request["execution"] = json!({"status": "failed", "exit_code": 3});
    request
}

/// Access for a time, for somebody else.
fn access() -> Value {
    let mut request = request();
    request["kind"] = json!("jit");
    request["command"] = json!("");
    request["duration_seconds"] = json!(5_400);
    request["beneficiary"] = json!("olga@example.com");
    request["grant"] = json!({
        "status": "active", "requester": "olga@example.com", "starts_at": "2026-11-21T12:00:00Z", "ends_at": "2026-11-21T13:30:00Z",
    });
    request
}

fn hostile() -> Value {
    let text = "[click](http://evil.example) ![img](http://evil.example/x.png) **bold** <at>all</at> {{DATE(2017-02-14T06:08:39Z)}} \
                `code` # head \u{202e}reversed\u{200b} \u{1b}[31m \"quote\" \\ \u{0} {{{raw}}} &amp; \r\n- list";
    let mut request = request();
    request["command"] = json!(format!("{text}\n\t{}", "x".repeat(200)));
    request["reason"] = json!(text);
    request["requester"]["name"] = json!(text);
    request["language"] = json!(text);
    request["context"] = json!({ text: text });
    request["decision"]["reason"] = json!(text);
    request["revision"] = json!(2);
    request["change"] = json!({"by": "erik@example.com", "diff": format!("-{text}\n+{text}")});
    request
}

fn links(groups: &[&str]) -> Links {
    let url = |kind: &str, group: &str| format!("https://hub.example.com/c/{kind}-{group}");
    Links::of(
        groups
            .iter()
            .map(|group| SlotLinks {
                group: (*group).to_owned(),
                review: url("review", group),
                approve: Some(url("approve", group)),
                reject: Some(url("reject", group)),
            })
            .collect(),
    )
}

/// An endpoint in trouble, as the others are told of it.
fn endpoint() -> Value {
    json!({
        "id": "ep_0190aaaaaaaa7aaaaaaaaaaaaaaaaaaa", "name": "dba-teams", "channel": "teams", "state": "active",
        "url": "https://flows.example.com/…", "reason": "the target answered 500 [x](http://evil.example)",
        "failing_since": "2026-11-21T06:00:00Z", "disabled_at_latest": "2026-11-26T06:00:00Z",
    })
}

fn card(kind: &str, request: &Value, groups: &[&str]) -> Value {
    let channels = Channels::new(None).unwrap();
    let at: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
    let id: EventId = "evt_0190aaaaaaaa7aaaaaaaaaaaaaaaaaaa".parse().unwrap();
    let (text, about) = (request.to_string(), endpoint().to_string());
    let subject = match kind.split_once('.') {
        None => Subject::Nothing,
        Some(("endpoint", _)) => Subject::Endpoint(&about),
        Some(_) => Subject::Request(&text),
    };
    let notice = Notice { id, kind, at, subject, withheld: None, links: links(groups) };
    let body = channels.render(Channel::Teams, &notice).unwrap_or_else(|error| panic!("{kind}: {error}"));
    assert!(body.len() <= 20_000);
    serde_json::from_str(&body).unwrap()
}

#[test]
fn cards_look_as_they_did() {
    for event in ["created", "voted", "approved", "rejected", "expired", "cancelled"] {
        insta::assert_json_snapshot!(format!("teams-{event}"), card(&format!("request.{event}"), &request(), &["dba"]));
    }
    for event in KINDS {
        let request = if event.starts_with("grant.") { access() } else { changed() };
        let known = ["created", "voted", "approved", "rejected", "expired", "cancelled"];
        if !known.contains(&event.trim_start_matches("request.")) {
            insta::assert_json_snapshot!(format!("teams-{event}"), card(event, &request, &["dba"]));
        }
    }
    insta::assert_json_snapshot!("teams-created-access", card("request.created", &access(), &["dba"]));
    insta::assert_json_snapshot!("teams-created-hostile", card("request.created", &hostile(), &["dba", "security"]));
}

#[test]
fn many_slots_leave_room_for_their_buttons() {
    for count in 0..12 {
        let groups: Vec<String> = (0..count).map(|number| format!("group-{number}")).collect();
        let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
        let card = card("request.created", &request(), &groups);
        let content = &card["attachments"][0]["content"];
        let rows = content["body"].as_array().unwrap().iter().filter(|element| element["type"] == "ActionSet").count();
        let at_the_end = content["actions"].as_array().unwrap().len();
        let expected = match count {
            0 => (0, 0),
            1 => (0, 3),
            more => (more.min(6), 0),
        };
        assert_eq!((rows, at_the_end), expected, "{count} slots");
    }
}

#[test]
fn whatever_is_asked_the_card_fits_and_says_what_is_cut() {
    let mut lines = request();
    lines["requester"]["name"] = json!("Nora\n\nApproved by security.");
    lines["language"] = json!("sql\nx");
    let text = card("request.created", &lines, &["dba"]).to_string();
    assert!(text.contains("Nora ⏎  ⏎ Approved by security.") && text.contains("sql ⏎ x"), "{text}");
    let mut empty = request();
    empty["reason"] = json!("");
    empty["language"] = json!("");
    empty["context"] = json!({"": "", "ticket": "", "none": null});
    empty["requester"] = json!({"email": "nora@example.com", "name": "", "groups": []});
    empty["decision"]["reason"] = json!("");
    for event in ["request.created", "request.rejected"] {
        card(event, &empty, &["dba"]);
    }
    for event in KINDS {
        card(event, &hostile(), &["dba"]);
    }
    for filler in ["x", "\u{202e}", "\"", "\\", "🙂", "\n", "*", "{{"] {
        let mut request = request();
        request["command"] = json!(filler.repeat(60_000 / filler.len()));
        request["reason"] = json!(filler.repeat(4_000 / filler.len()));
        request["requester"]["name"] = json!(filler.repeat(250 / filler.len()));
        request["context"] = json!(
            (0..30)
                .map(|n| (format!("{n}{}", filler.repeat(20)), json!(filler.repeat(500))))
                .collect::<serde_json::Map<_, _>>()
        );
        request["change"] =
            json!({"by": "erik@example.com", "diff": format!("-{filler}\n+{}", filler.repeat(16_000 / filler.len()))});
        for event in ["request.created", "request.revised"] {
            let card = card(event, &request, &["dba", "security"]);
            assert!(card.to_string().contains("cut here: "), "{filler:?}");
        }
    }
}

/// Writes the cards that `tests/peers` draws with the official renderer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cards_as_they_are_sent() {
    let hub = TestHub::start(Database::sqlite()).await.with_policy().await;
    let receiver = Receiver::start().await;
    let (endpoint, _) = hub.endpoint("dba", "teams", &receiver.url, &["dba"]).await;
    receiver.script([crate::support::Behaviour::Status(202)]);
    hub.ask("orders", "select 1").await;
    let accepted = hub.delivery(&endpoint, "request.created", "accepted").await;
    assert_eq!(accepted["attempt_log"][0]["status"], 202);
    let sent = &receiver.received()[0];
    assert!(!sent.headers.contains_key("webhook-signature"), "a Teams URL is its own secret");
    let buttons = sent.json()["attachments"][0]["content"]["actions"].clone();
    assert_eq!(buttons[0]["title"], "Approve");
    let Some(folder) = std::env::var_os("CARDS_DIR").map(std::path::PathBuf::from) else { return };
    std::fs::create_dir_all(&folder).unwrap();
    let write =
        |name: &str, card: &Value| std::fs::write(folder.join(format!("{name}.json")), card.to_string()).unwrap();
    write("sent", &sent.json());
    write("created", &card("request.created", &request(), &["dba", "security"]));
    write("revised", &card("request.revised", &changed(), &["dba"]));
    write("access", &card("grant.started", &access(), &["dba"]));
    write("hostile-revised", &card("request.revised", &hostile(), &["dba"]));
    write("approved", &card("request.approved", &request(), &["dba"]));
    write("hostile", &card("request.created", &hostile(), &["dba"]));
    write("hostile-rejected", &card("request.rejected", &hostile(), &["dba"]));
}
