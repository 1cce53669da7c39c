//! Members of the workspace: their clicks and commands, signed as Slack does.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::fake::{BOT_TOKEN, FakeSlack};
use crate::support::{Answer, TestHub};

pub(super) const SIGNING_SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
pub(super) const DANA: &str = "UDANA";
pub(super) const NORA: &str = "UNORA";

/// Slack's signature of a body.
pub(super) fn sign(secret: &str, timestamp: i64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("v0:{timestamp}:{body}").as_bytes());
    let tag = mac.finalize().into_bytes();
    format!("v0={}", tag.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

/// A form with these fields.
pub(super) fn form(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

impl TestHub {
    /// Creates an endpoint of the app in channel C1 for the given groups, and binds the accounts.
    pub(super) async fn with_app(&self, slack: &FakeSlack, groups: &[&str]) -> String {
        let app = json!({
            "bot_token": BOT_TOKEN, "signing_secret": SIGNING_SECRET, "channel": "C1", "team": "T1", "api_url": slack.api_url(),
        });
        let input = json!({
            "name": "dba-slack", "channel": "slack_app", "slack": app, "groups": groups, "rate_per_second": 1000,
        });
        let made = self.post("/v1/endpoints", &input).await.expect(201);
        made["id"].as_str().unwrap().to_owned()
    }

    /// Binds an account to a person, as an admin.
    pub(super) async fn bind(&self, person: &str, user: &str) {
        let account = json!({"provider": "slack", "team": "T1", "user": user});
        let path = format!("/v1/people/{person}/chat-identities");
        self.put(&path, &json!({"identities": [account]})).await.expect(200);
    }

    /// Sends a call as Slack does, signed now.
    pub(super) async fn slack_sends(&self, path: &str, body: String) -> Answer {
        let timestamp = self.now().as_seconds();
        let signature = sign(SIGNING_SECRET, timestamp, &body);
        self.somebody_sends(path, body, timestamp, &signature).await
    }

    pub(super) async fn somebody_sends(&self, path: &str, body: String, timestamp: i64, signature: &str) -> Answer {
        let call = self
            .call(reqwest::Method::POST, path)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("x-slack-request-timestamp", timestamp)
            .header("x-slack-signature", signature)
            .body(body);
        self.send(call).await
    }

    /// Clicks on a button of a message; replies go to the response URL named `answer`.
    pub(super) async fn click(&self, slack: &FakeSlack, user: &str, button: &Value, answer: &str) -> Answer {
        self.slack_sends("/v1/slack/interactions", clicked(slack, user, button, answer)).await
    }

    /// Submits the form that a call opened.
    pub(super) async fn submit(&self, user: &str, view: &Value, reason: &str) -> Answer {
        let payload = json!({
            "type": "view_submission", "team": {"id": "T1"}, "user": {"id": user, "username": "somebody"},
            "view": {
                "callback_id": view["callback_id"], "private_metadata": view["private_metadata"],
                "state": {"values": {"reason": {"reason": {"type": "plain_text_input", "value": reason}}}},
            },
        });
        self.slack_sends("/v1/slack/interactions", form(&[("payload", &payload.to_string())])).await
    }

    /// Types `/countersign …` in a channel; returns the reply.
    pub(super) async fn types(&self, slack: &FakeSlack, user: &str, channel: &str, text: &str) -> String {
        // Makes two equal commands different calls.
        let trigger = slack.trigger();
        let body = form(&[
            ("command", "/countersign"),
            ("text", text),
            ("team_id", "T1"),
            ("user_id", user),
            ("user_name", "somebody"),
            ("channel_id", channel),
            ("response_url", &slack.response_url(&trigger)),
            ("trigger_id", &trigger),
        ]);
        let answer = self.slack_sends("/v1/slack/commands", body).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, ""));
        slack.reply_text(&trigger).await
    }
}

/// The body of a click.
pub(super) fn clicked(slack: &FakeSlack, user: &str, button: &Value, answer: &str) -> String {
    let payload = json!({
        "type": "block_actions", "team": {"id": "T1", "domain": "ops"}, "user": {"id": user, "username": "somebody"},
        "api_app_id": "A1", "channel": {"id": "C1", "name": "dba"}, "trigger_id": slack.trigger(),
        "response_url": slack.response_url(answer),
        "actions": [{
            "type": "button", "action_id": button["action_id"].as_str().unwrap_or("aB1+"), "value": button["value"], "action_ts": "1.2",
            "block_id": "b",
        }],
    });
    form(&[("payload", &payload.to_string())])
}

/// The button with this label, in the first row that has it.
pub(super) fn button(message: &Value, name: &str) -> Value {
    let blocks = message["blocks"].as_array().expect("blocks");
    let buttons = blocks.iter().filter_map(|block| block["elements"].as_array()).flatten();
    let found = buttons.into_iter().find(|button| button["text"]["text"] == name);
    found.unwrap_or_else(|| panic!("no button {name} in {message:#}")).clone()
}
