//! A message that Slack refuses for its form is sent once more, in short form.

use serde_json::{Value, json};

use super::fake::{Call, FakeSlack, Fault};
use crate::support::{Behaviour, Database, Receiver, TestHub, eventually, on_both};

/// The delivery of this event, once it has ended.
async fn ended(hub: &TestHub, endpoint: &str, event: &str) -> Value {
    let path = format!("/v1/endpoints/{endpoint}/deliveries");
    let found = eventually(&format!("{event} ends"), || async {
        let page = hub.get(&path).await.expect(200);
        page["items"]
            .as_array()
            .unwrap()
            .iter()
            .find(|item| item["event"] == event && !item["ended_at"].is_null())
            .cloned()
    })
    .await;
    hub.get(&format!("/v1/deliveries/{}", found["id"].as_str().unwrap())).await.expect(200)
}

fn is_short(call: &Call) -> bool {
    let text = call.body["text"].as_str().unwrap();
    text.contains("Slack rejected the full message") && call.body["unfurl_links"] == false
}

on_both! {
    async fn a_message_that_slack_finds_too_long_arrives_in_short_form(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let slack = FakeSlack::start().await;
        let endpoint = hub.with_app(&slack, &["dba"]).await;
        slack.fail("chat.postMessage", [Fault::Refused("msg_blocks_too_long")]);
        let request = hub.ask("orders", "select '<!here>'").await;
        let delivery = ended(&hub, &endpoint, "request.created").await;
        assert_eq!((&delivery["state"], &delivery["attempts"]), (&json!("delivered"), &json!(1)), "{delivery}");
        assert!(delivery.to_string().contains("in short form") && delivery.to_string().contains("msg_blocks_too_long"), "{delivery}");
        let [message] = slack.messages("C1").try_into().expect("one message");
        let text = message["text"].as_str().unwrap();
        assert!(message.get("blocks").is_none() && text.contains("Approval needed: orders*"), "{message}");
        assert!(text.contains("nora@example.com asks to run") && text.contains(request["id"].as_str().unwrap()), "{text}");
        let link = text.split_once('<').unwrap().1.split_once('|').unwrap().0.to_owned();
        assert_eq!(hub.get(&link).await.status, 200, "{link}");

        // This message is changed later; where a change is refused, its old blocks are removed.
        slack.fail("chat.update", [Fault::Refused("invalid_blocks")]);
        hub.vote(&request, "approve", "dana@example.com").await.expect(200);
        let delivery = ended(&hub, &endpoint, "request.approved").await;
        assert_eq!(delivery["state"], "delivered", "{delivery}");
        let [changed] = slack.messages("C1").try_into().expect("one message");
        assert_eq!(changed["blocks"], json!([]));
        assert!(changed["text"].as_str().unwrap().contains("✅ Approved"), "{changed}");
        assert_eq!((slack.calls("chat.postMessage").len(), slack.calls("chat.update").len()), (2, 2));
        assert!(is_short(&slack.calls("chat.postMessage")[1]) && is_short(&slack.calls("chat.update")[1]));
    }

    async fn a_message_refused_in_short_form_too_is_not_retried(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let slack = FakeSlack::start().await;
        let endpoint = hub.with_app(&slack, &["dba"]).await;
        slack.fail("chat.postMessage", [Fault::Refused("invalid_blocks"), Fault::Refused("invalid_blocks")]);
        hub.ask("orders", "x").await;
        let delivery = ended(&hub, &endpoint, "request.created").await;
        assert_eq!((&delivery["state"], &delivery["attempts"]), (&json!("failed"), &json!(1)), "{delivery}");
        hub.advance(3_600);
        assert_eq!(slack.calls("chat.postMessage").len(), 2);
    }

    // The next attempt begins with the full message again: no short form was stored.
    async fn a_short_form_that_fails_is_retried_and_shown_once(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let slack = FakeSlack::start().await;
        let endpoint = hub.with_app(&slack, &["dba"]).await;
        slack.fail("chat.postMessage", [
            Fault::Refused("invalid_blocks"),
            Fault::Limited(2),
            Fault::Refused("invalid_blocks"),
        ]);
        hub.ask("orders", "x").await;
        eventually("it arrives", || async {
            hub.advance(1);
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            (slack.messages("C1").len() == 1).then_some(())
        })
        .await;
        let delivery = ended(&hub, &endpoint, "request.created").await;
        assert_eq!((&delivery["state"], &delivery["attempts"]), (&json!("delivered"), &json!(2)), "{delivery}");
        let shorts: Vec<bool> = slack.calls("chat.postMessage").iter().map(is_short).collect();
        assert_eq!(shorts, [false, true, false, true]);
        assert_eq!(slack.messages("C1").len(), 1);
    }

    async fn an_incoming_webhook_gets_the_short_form_too(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        let refused = "HTTP/1.1 400 X\r\ncontent-length: 14\r\n\r\ninvalid_blocks";
        receiver.script([Behaviour::Raw(refused.to_owned()), Behaviour::Raw("HTTP/1.1 200 X\r\ncontent-length: 2\r\n\r\nok".to_owned())]);
        let (endpoint, _) = hub.endpoint("ops", "slack", &receiver.url, &["dba"]).await;
        hub.ask("orders", "x").await;
        let delivery = ended(&hub, &endpoint, "request.created").await;
        assert_eq!((&delivery["state"], &delivery["attempts"]), (&json!("delivered"), &json!(1)), "{delivery}");
        let sent = receiver.received();
        assert_eq!(sent.len(), 2);
        let short = sent[1].json();
        assert!(short.get("blocks").is_none() && short["text"].as_str().unwrap().contains("/c/"), "{short}");
        assert_eq!(sent[1].headers["content-type"], "application/json; charset=utf-8");
    }
}
