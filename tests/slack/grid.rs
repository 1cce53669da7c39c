//! Organizations with several workspaces (Enterprise Grid), and shared channels: a person who clicks is not always a
//! member of the workspace. Their vote counts, or they get the reason why not.

use serde_json::{Value, json};

use super::fake::FakeSlack;
use super::identities::code_in;
use super::member::{DANA, button, form};
use crate::support::{Answer, Database, TestHub, on_both};

impl TestHub {
    // A click, with its workspace and user as Slack sends them.
    async fn click_from(&self, slack: &FakeSlack, button: &Value, (team, own): (&Value, &str), answer: &str) -> Answer {
        let payload = json!({
            "type": "block_actions", "team": team, "user": {"id": DANA, "username": "dana", "team_id": own},
            "enterprise": {"id": "E1", "name": "ops"}, "is_enterprise_install": false, "api_app_id": "A1",
            "channel": {"id": "C1", "name": "dba"}, "trigger_id": slack.trigger(), "response_url": slack.response_url(answer),
            "actions": [{"type": "button", "action_id": button["action_id"], "value": button["value"], "action_ts": "1.2"}],
        });
        self.slack_sends("/v1/slack/interactions", form(&[("payload", &payload.to_string())])).await
    }

    async fn typed_from(&self, slack: &FakeSlack, team: &str, text: &str) -> String {
        let trigger = slack.trigger();
        let body = form(&[
            ("command", "/countersign"),
            ("text", text),
            ("team_id", team),
            ("enterprise_id", "E1"),
            ("user_id", DANA),
            ("channel_id", "C1"),
            ("response_url", &slack.response_url(&trigger)),
        ]);
        self.slack_sends("/v1/slack/commands", body).await.expect_empty();
        slack.reply_text(&trigger).await
    }

    async fn bind_to(&self, person: &str, team: &str) -> Answer {
        let account = json!({"provider": "slack", "team": team, "user": DANA});
        self.put(&format!("/v1/people/{person}/chat-identities"), &json!({"identities": [account]})).await
    }
}

impl Answer {
    fn expect_empty(self) {
        assert_eq!((self.status, self.text.as_str()), (200, ""));
    }
}

/// The workspace as Slack sends it in a call.
fn workspace() -> Value {
    json!({"id": "T1", "domain": "ops", "enterprise_id": "E1", "enterprise_name": "Ops"})
}

async fn with_team(hub: &TestHub, slack: &FakeSlack, team: &Value) -> (String, Value) {
    let endpoint = hub.with_app(slack, &["dba"]).await;
    hub.patch_endpoint(&endpoint, &json!({"slack": {"team": team}})).await.expect(200);
    hub.ask("orders", "x").await;
    (endpoint, slack.shows("C1", &["Approval needed"]).await)
}

on_both! {
    async fn a_member_of_the_organization_votes_under_either_team_id(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        for (team, bound, own) in [("T1", "T1", "E1"), ("E1", "E1", "E1"), ("E1", "E1", "T1"), ("T1", "T1", "T1")] {
            let slack = FakeSlack::start().await;
            let (endpoint, asked) = with_team(&hub, &slack, &json!(team)).await;
            hub.bind_to("dana@example.com", bound).await.expect(200);
            hub.click_from(&slack, &button(&asked, "Approve"), (&workspace(), own), "dana").await.expect_empty();
            slack.shows("C1", &["✅ Approved", "dana@example.com"]).await;
            hub.send(hub.call(reqwest::Method::DELETE, &format!("/v1/endpoints/{endpoint}")).bearer_auth(&hub.token)).await.expect(204);
        }
        // A code from one workspace of the organization binds the account in all of them.
        let slack = FakeSlack::start().await;
        let (_, asked) = with_team(&hub, &slack, &json!("E1")).await;
        hub.put("/v1/people/dana@example.com/chat-identities", &json!({"identities": []})).await.expect(200);
        let reply = hub.typed_from(&slack, "T2", "link").await;
        let code = code_in(&reply);
        let own = hub.post("/v1/tokens", &json!({"name": "dana", "scope": "approver", "person": "dana@example.com"})).await.expect(201);
        let token = own["secret"].as_str().or_else(|| own["token"].as_str()).unwrap().to_owned();
        let confirm = hub.call(reqwest::Method::POST, "/v1/me/chat-identities").bearer_auth(&token);
        hub.send(confirm.json(&json!({"code": code}))).await.expect(200);
        hub.click_from(&slack, &button(&asked, "Approve"), (&workspace(), "E1"), "dana").await.expect_empty();
        slack.shows("C1", &["✅ Approved"]).await;
    }

    async fn people_whose_click_does_not_count_get_the_reason(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let slack = FakeSlack::start().await;
        let (_, asked) = with_team(&hub, &slack, &json!("T1")).await;
        hub.bind_to("dana@example.com", "T1").await.expect(200);
        let approve = button(&asked, "Approve");
        // A guest: the same user id in this workspace is another account.
        for (own, answer) in [("T9", "guest"), ("E9", "other-organization")] {
            hub.click_from(&slack, &approve, (&workspace(), own), answer).await.expect_empty();
            let reply = slack.reply_text(answer).await;
            assert!(reply.contains(own) && reply.contains(DANA) && reply.contains("slack.team"), "{reply}");
        }
        assert!(hub.typed_from(&slack, "T8", "pending").await.contains("does not accept members of E1 (T8)"));
        assert_eq!(hub.get("/v1/requests?status=approved").await.expect(200)["items"], json!([]));
        // Without a response URL there is no one to reply to.
        let mute = form(&[("team_id", "T8"), ("user_id", DANA), ("text", "help")]);
        assert_eq!(hub.slack_sends("/v1/slack/commands", mute).await.problem(403), "forbidden");
    }

    async fn an_account_bound_to_two_people_counts_as_neither(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let slack = FakeSlack::start().await;
        let (_, asked) = with_team(&hub, &slack, &json!("E1")).await;
        hub.bind_to("dana@example.com", "T1").await.expect(200);
        hub.bind_to("erik@example.com", "E1").await.expect(200);
        hub.click_from(&slack, &button(&asked, "Approve"), (&workspace(), "E1"), "two").await.expect_empty();
        assert!(slack.reply_text("two").await.contains("linked to two people"));
        assert_eq!(hub.get("/v1/requests?status=approved").await.expect(200)["items"], json!([]));
    }

    // `null` removes an optional field of an endpoint; for a required field it is refused, and changes nothing.
    async fn null_removes_optional_fields_of_an_endpoint(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let slack = FakeSlack::start().await;
        let id = hub.with_app(&slack, &["dba"]).await;
        let set = json!({
            "slack": {"team": "T1", "direct_messages": false}, "events": ["ping"], "resources": ["orders"], "detail": "redacted",
            "answer_control": true,
        });
        let before = hub.patch_endpoint(&id, &set).await.expect(200);
        assert_eq!(before["slack"]["team"], "T1");
        let changed = hub.patch_endpoint(&id, &json!({"slack": {"direct_messages": null}})).await.expect(200);
        assert_eq!((&changed["slack"]["team"], &changed["slack"]["direct_messages"]), (&json!("T1"), &json!(true)));
        assert_eq!((&changed["slack"]["channel"], &changed["events"]), (&json!("C1"), &json!(["ping"])), "the rest stays");
        let nulls = json!({"events": null, "resources": null, "groups": null, "detail": null, "answer_control": null});
        let changed = hub.patch_endpoint(&id, &nulls).await.expect(200);
        for name in ["events", "resources", "groups"] {
            assert_eq!(changed[name], json!([]), "{name}");
        }
        assert_eq!((&changed["detail"], &changed["answer_control"]), (&json!("full"), &json!(false)));
        let changed = hub.patch_endpoint(&id, &json!({"slack": {"api_url": null}})).await.expect(200);
        assert_eq!(changed["slack"]["api_url"], "https://slack.com/api");
        for (needed, pointer) in [
            (json!({"slack": {"bot_token": null}}), "/slack/bot_token"),
            (json!({"slack": {"signing_secret": null}}), "/slack/signing_secret"),
            (json!({"slack": {"channel": null, "team": "T2"}}), "/slack/channel"),
            (json!({"slack": {"team": null}}), "/slack/team"),
            (json!({"slack": null}), "/slack"),
            (json!({"name": null}), "/name"),
            (json!({"url": null}), "/url"),
            (json!({"state": null, "events": ["ping"]}), "/state"),
        ] {
            let refused = hub.patch_endpoint(&id, &needed).await;
            assert_eq!(refused.problem(400), "invalid_json", "{needed}");
            assert!(refused.text.contains(&format!("\"{pointer}\"")), "{}", refused.text);
        }
        assert_eq!(hub.get(&format!("/v1/endpoints/{id}")).await.expect(200)["slack"], changed["slack"]);
    }
}
