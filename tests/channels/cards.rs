//! Teams cards: buttons for each slot, texts that fit, and the files that `tests/peers` draws.

use countersign::channels::samples::Sample;
use countersign::channels::{Channels, EventNotice, Links, SlotLinks, Subject};
use countersign::ids::EventId;
use countersign::store::endpoints::Channel;
use countersign::time::Timestamp;
use serde_json::{Value, json};

use super::{chat_channels, message};
use crate::support::{Behaviour, Database, Receiver, TestHub};

fn request() -> Value {
    json!({
        "id": "req_0190aaaaaaaa7aaaaaaaaaaaaaaaaaaa", "resource": "orders-db", "language": "sql", "command": "select 1",
        "digest": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "requester": {"email": "nora@example.com", "name": "Nora Lind"}, "expires_at": "2026-11-21T13:00:00.25Z",
        "slots": [{"group": "dba", "needed": 1, "approved": 0, "eligible": 2}],
    })
}

/// The size of a text as JSON in JSON with only ASCII: the largest form that a serialiser may produce.
pub(super) fn re_encoded(body: &str) -> usize {
    let ascii = |text: &str| -> String {
        let escape = |unit: u16| match char::from_u32(unit.into()) {
            Some(plain @ ' '..='~') => plain.to_string(),
            _ => format!("\\u{unit:04x}"),
        };
        text.encode_utf16().map(escape).collect()
    };
    ascii(&json!(ascii(body)).to_string()).len()
}

fn card(kind: &str, request: &Value, groups: &[String]) -> Value {
    let url = |intent: &str, group: &str| format!("https://hub.example.com/c/{intent}-{group}");
    let slot = |group: &String| SlotLinks {
        group: group.clone(),
        review: url("review", group),
        approve: Some(url("approve", group)),
        reject: Some(url("reject", group)),
    };
    let at: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
    let text = request.to_string();
    let links = Links::of(groups.iter().map(slot).collect());
    let notice =
        EventNotice { id: EventId::least(at), kind, at, subject: Subject::Request(&text), withheld: None, links };
    let body = Channels::new(None).unwrap().render(Channel::Teams, &notice).unwrap();
    assert!(re_encoded(&body) <= 28_672, "{}", re_encoded(&body));
    serde_json::from_str(&body).unwrap()
}

#[test]
fn many_slots_leave_room_for_their_buttons() {
    for count in 0..12 {
        let groups: Vec<String> = (0..count).map(|number| format!("group-{number}")).collect();
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
        assert_eq!(card.to_string().contains("more groups are asked"), count > 6, "{count} slots");
    }
}

#[test]
fn a_multi_line_text_stays_whole_and_any_text_is_cut_to_fit() {
    let mut lines = request();
    lines["requester"]["name"] = json!("Nora\n\nApproved by security.");
    lines["language"] = json!("sql\nx");
    let text = card("request.created", &lines, &["dba".to_owned()]).to_string();
    assert!(
        text.contains("Nora ⏎  ⏎ Approved by security.") && text.contains("Run (language: see the request):"),
        "{text}"
    );
    for filler in ["x", "\u{202e}", "\"", "\\", "🙂", "\n", "*", "{{", "中", "<", "&"] {
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
            let card = card(event, &request, &["dba".to_owned(), "security".to_owned()]);
            assert!(card.to_string().contains("cut here: "), "{filler:?}");
        }
    }
}

/// Writes the messages that `tests/peers` draws with the official renderer, or checks with the official library.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_are_written_for_the_peers() {
    let hub = TestHub::start(Database::sqlite()).await.with_policy().await;
    let receiver = Receiver::start().await;
    let (endpoint, _) = hub.endpoint("dba", "teams", &receiver.url, &["dba"]).await;
    receiver.script([Behaviour::Status(202)]);
    hub.ask("orders", "select 1").await;
    let accepted = hub.delivery(&endpoint, "request.created", "accepted").await;
    assert_eq!(accepted["attempt_log"][0]["status"], 202);
    let sent = &receiver.received()[0];
    assert!(!sent.headers.contains_key("webhook-signature"), "a Teams URL is its own secret");
    assert_eq!(sent.headers["content-type"], "application/json; charset=utf-8");
    let buttons = sent.json()["attachments"][0]["content"]["actions"].clone();
    assert_eq!(buttons[0]["title"], "Approve");
    let Some(folder) = std::env::var_os("CARDS_DIR").map(std::path::PathBuf::from) else { return };
    let channels = Channels::new(None).unwrap();
    let write = |channel: &str, name: &str, message: &Value| {
        let folder = if channel == "teams" { folder.clone() } else { folder.join(channel) };
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{name}.json")), message.to_string()).unwrap();
    };
    write("teams", "sent", &sent.json());
    for channel in chat_channels() {
        for kind in countersign::store::events::KINDS {
            for sample in Sample::ALL {
                // A browser draws each Teams card, which is slow: one sample of each event, and all of one event.
                if channel == Channel::Teams && sample != Sample::Plain && kind != "request.created" {
                    continue;
                }
                let message = message(&channels, channel, kind, sample);
                write(channel.as_str(), &format!("{kind}-{}", sample.as_str()), &message);
            }
        }
    }
}
