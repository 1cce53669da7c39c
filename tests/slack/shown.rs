//! Only a message that shows everything can be approved in place.

use serde_json::{Value, json};

use super::fake::FakeSlack;
use super::member::{DANA, button};
use crate::support::{Database, TestHub, eventually, on_both};

impl TestHub {
    // The message for a request with these fields.
    async fn asked_with(&self, slack: &FakeSlack, more: &Value) -> Value {
        let mut ask = json!({"resource": "orders", "command": "select 1", "requester": {"email": "nora@example.com"}});
        ask.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let request = self.post("/v1/requests", &ask).await.expect(201);
        let id = request["id"].as_str().unwrap().to_owned();
        eventually("it is asked", || async {
            slack.messages("C1").into_iter().find(|message| message.to_string().contains(&id))
        })
        .await
    }
}

fn opens_page(message: &Value) -> bool {
    let approve = button(message, "Approve");
    assert_eq!(approve["url"].is_null(), approve["value"].is_string(), "{approve}");
    assert!(button(message, "Reject")["url"].is_null(), "a rejection does not need the whole command");
    approve["url"].is_string()
}

on_both! {
    async fn a_request_not_fully_shown_is_approved_on_the_page(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let slack = FakeSlack::start().await;
        hub.with_app(&slack, &["dba"]).await;
        hub.bind("dana@example.com", DANA).await;
        let many: Value = (0..7).map(|number| (format!("k{number}"), json!(number))).collect::<serde_json::Map<_, _>>().into();
        let hidden = [
            json!({"context": {"ticket": "OPS-1", "nested": {"rm": "-rf /"}}}),
            json!({"context": {"deep": [["rm", "-rf"]]}}),
            json!({"context": {"nothing": null}}),
            json!({"context": {"words": ["rm -rf", "/"]}}),
            json!({"context": {"long": "x".repeat(201)}}),
            json!({"context": {"n".repeat(41): "a long name"}}),
            json!({"context": many}),
            json!({"language": "sql). Approved ("}),
            json!({"language": "sql\nx"}),
            json!({"context": "rm -rf /"}),
            json!({"context": ["rm", "-rf"]}),
            json!({"context": 7}),
            json!({"command": "line\n".repeat(41)}),
            json!({"command": "x".repeat(2_801)}),
        ];
        for more in &hidden {
            assert!(opens_page(&hub.asked_with(&slack, more).await), "{more}");
        }
        let shown = [
            json!({}),
            json!({"context": {}}),
            json!({"language": "PL/pgSQL", "command": "a <b> & 'c' *d* `e` ```f```\n\n  @here \u{202e}x\t|"}),
            json!({"context": {"ticket": "OPS-1", "rows": 3, "dry": false, "words": ["rm", "-rf", "/"], "text": "a\nb ```", "e": ""}}),
        ];
        for more in &shown {
            let message = hub.asked_with(&slack, more).await;
            assert!(!opens_page(&message), "{more}: {message:#}");
        }
        let message = hub.asked_with(&slack, &shown[3]).await;
        hub.click(&slack, DANA, &button(&message, "Approve"), "dana").await.expect(200);
        eventually("it is approved", || async {
            slack.messages("C1").iter().any(|message| message.to_string().contains("✅ Approved")).then_some(())
        })
        .await;
    }

    // An operator's template may omit what is approved.
    async fn a_template_that_shows_less_opens_the_page(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let slack = FakeSlack::start().await;
        hub.with_app(&slack, &["dba"]).await;
        let context = json!({"context": {"ticket": "OPS-1"}});
        assert!(!opens_page(&hub.asked_with(&slack, &context).await));
        let without_command = r#"{{#> _message}}{"type": "section", "text": {"type": "plain_text", "text": "Look", "emoji": false}}{{> _buttons}}{{/_message}}"#;
        let without_context = r#"{{#> _message}}{{> _command}}{"type": "section", "text": {"type": "plain_text", "text": "Look", "emoji": false}}{{> _buttons}}{{/_message}}"#;
        for (template, shows) in [(without_command, [false, false]), (without_context, [true, false])] {
            hub.put("/v1/templates/slack_app/_ask", &json!({"template": template})).await.expect(200);
            for (more, shows) in [json!({"command": "a"}), context.clone()].iter().zip(shows) {
                let request = hub.asked_with_text(&slack, more, "Look").await;
                assert_eq!(!opens_page(&request), shows, "{more}: {request:#}");
            }
        }
    }
}

impl TestHub {
    // The newest message with this text, once there is one more.
    async fn asked_with_text(&self, slack: &FakeSlack, more: &Value, text: &str) -> Value {
        let before = slack.messages("C1").len();
        let mut ask = json!({"resource": "orders", "command": "select 1", "requester": {"email": "nora@example.com"}});
        ask.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.post("/v1/requests", &ask).await.expect(201);
        eventually("it is asked", || async {
            let messages = slack.messages("C1");
            let last = messages.last().filter(|message| messages.len() > before && message.to_string().contains(text));
            last.cloned()
        })
        .await
    }
}
