//! From a click to a decision.

use std::time::Duration;

use serde_json::{Value, json};

use super::fake::{FakeSlack, Fault};
use super::member::{DANA, NORA, button, form};
use crate::support::{Database, TestHub, eventually, on_both};

/// The form, once it was opened.
async fn opened(slack: &FakeSlack) -> Value {
    eventually("a form is opened", || async {
        slack.calls("views.open").iter().find(|call| call.ok).map(|call| call.body["view"].clone())
    })
    .await
}

on_both! {
    async fn a_click_approves_in_place_and_the_message_shows_it(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let slack = FakeSlack::start().await;
        hub.with_app(&slack, &["dba"]).await;
        hub.bind("dana@example.com", DANA).await;
        hub.bind("nora@example.com", NORA).await;
        let request = hub.ask("orders", "delete from carts").await;
        let asked = slack.shows("C1", &["Approval needed"]).await;
        // The message and its buttons stay valid after a restart.
        let hub = hub.restart().await;
        let answer = hub.click(&slack, DANA, &button(&asked, "Approve"), "dana").await;
        assert_eq!((answer.status, answer.text.as_str()), (200, ""));
        slack.shows("C1", &["✅ Approved", "dana@example.com"]).await;
        let decided = hub.show(&request).await;
        let vote = &decided["votes"][0];
        assert_eq!((&decided["status"], &vote["assurance"], &vote["channel"]), (&json!("approved"), &json!("chat"), &json!("slack_app")));
        let trail = hub.get(&format!("/v1/requests/{}/audit", request["id"].as_str().unwrap())).await.expect(200);
        let actor = json!({"kind": "chat", "endpoint": "dba-slack", "account": "T1/UDANA"});
        assert!(trail["items"].as_array().unwrap().iter().any(|entry| entry["actor"] == actor), "{trail}");
        // Only the requester gets a direct message.
        let direct = slack.shows("DNORA", &["✅ Approved"]).await;
        assert!(!direct.to_string().contains("/c/"), "no links go there");
        assert_eq!(slack.calls("conversations.open")[0].body["users"], NORA);
        assert!(slack.replies("dana").is_empty(), "the message shows it");
    }

    async fn a_member_by_an_old_sign_in_is_told_where_to_sign_in(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let slack = FakeSlack::start().await;
        hub.with_app(&slack, &["dba"]).await;
        hub.bind("dana@example.com", DANA).await;
        hub.put("/v1/groups/dba", &json!({"from_claim": ["db-admins"]})).await.expect(200);
        let signs_in = async || {
            let values = ["db-admins".to_owned()].into();
            hub.server.hub().record_claims("dana@example.com".parse().unwrap(), values).await.unwrap();
        };
        signs_in().await;
        hub.advance(12 * 3_600);
        let request = hub.ask("orders", "x").await;
        let asked = slack.shows("C1", &["Approval needed"]).await;
        hub.click(&slack, DANA, &button(&asked, "Approve"), "old").await.expect(200);
        let told = eventually("dana is told", async || slack.replies("old").first().cloned()).await.to_string();
        assert!(told.contains("must sign in again") && told.contains(&format!("<{}/sign-in|Sign in>", hub.url)), "{told}");
        assert_eq!(hub.show(&request).await["votes"], json!([]));
        signs_in().await;
        hub.click(&slack, DANA, &button(&asked, "Approve"), "fresh").await.expect(200);
        slack.shows("C1", &["✅ Approved", "dana@example.com"]).await;
    }

    async fn a_reject_button_asks_for_a_reason_first(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let slack = FakeSlack::start().await;
        hub.with_app(&slack, &["dba", "security"]).await;
        hub.bind("dana@example.com", DANA).await;
        let request = hub.ask("customers", "drop table x; -- <!here>").await;
        let asked = slack.shows("C1", &["Approval needed"]).await;
        hub.click(&slack, DANA, &button(&asked, "Reject"), "dana").await.expect(200);
        let view = opened(&slack).await;
        assert!(view.to_string().contains("&lt;!here&gt;") && !view.to_string().contains("<!here>"), "{view}");
        assert_eq!(view["blocks"][1]["optional"], false, "the policy wants a reason");
        assert_eq!(hub.show(&request).await["status"], "pending");
        let refused = hub.submit(DANA, &view, " ").await.expect(200);
        assert_eq!(refused["response_action"], "errors");
        let submitted = hub.submit(DANA, &view, "not on a Friday").await;
        assert_eq!((submitted.status, submitted.text.as_str()), (200, ""), "the form closes");
        slack.shows("C1", &["⛔ Rejected", "not on a Friday"]).await;
        assert_eq!(hub.show(&request).await["decision"]["reason"], "not on a Friday");
    }

    async fn if_the_form_cannot_be_opened_the_reply_links_to_the_page(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let slack = FakeSlack::start().await;
        hub.with_app(&slack, &["dba"]).await;
        hub.bind("dana@example.com", DANA).await;
        hub.ask("orders", "x").await;
        let asked = slack.shows("C1", &["Approval needed"]).await;
        slack.fail("views.open", [Fault::Refused("expired_trigger_id")]);
        hub.click(&slack, DANA, &button(&asked, "Reject"), "dana").await.expect(200);
        let reply = slack.reply_text("dana").await;
        let link = reply.split_once('<').unwrap().1.split_once('|').unwrap().0.to_owned();
        assert_eq!(hub.get(&link).await.status, 200);
    }

    async fn a_truncated_or_high_risk_request_opens_the_page_instead(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let risky = json!({"slots": [{"group": "dba"}], "high_risk": true});
        hub.put("/v1/resources/vault", &risky).await.expect(200);
        let slack = FakeSlack::start().await;
        let endpoint = hub.with_app(&slack, &["dba"]).await;
        hub.bind("dana@example.com", DANA).await;
        let mut last = Value::Null;
        for (resource, command) in [("orders", "x".repeat(9_000)), ("vault", "x".to_owned())] {
            let request = hub.ask(resource, &command).await;
            let id = request["id"].as_str().unwrap().to_owned();
            last = eventually("it is asked", || async {
                slack.messages("C1").into_iter().find(|message| message.to_string().contains(&id))
            })
            .await;
            let approve = button(&last, "Approve");
            assert!(approve["url"].as_str().unwrap().contains("/c/") && approve["value"].is_null(), "{approve}");
            assert!(button(&last, "Reject")["url"].is_null(), "a rejection does not need the whole command");
        }
        // Slack also reports clicks on a button that opens a link.
        assert_eq!(hub.click(&slack, DANA, &button(&last, "Approve"), "none").await.status, 200);
        // An approve button that was sent before the resource became high-risk decides nothing either.
        let token = button(&last, "Approve")["url"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        hub.click(&slack, DANA, &json!({"action_id": "approve:0", "value": token}), "dana").await.expect(200);
        assert!(slack.reply_text("dana").await.contains("/c/"));
        hub.delivery(&endpoint, "request.created", "delivered").await;
        assert_eq!(hub.get("/v1/requests?status=pending").await.expect(200)["items"].as_array().unwrap().len(), 2);
    }

    async fn refusals_are_shown_to_the_person_who_clicked(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let slack = FakeSlack::start().await;
        let endpoint = hub.with_app(&slack, &["dba", "security"]).await;
        let request = hub.ask("customers", "x").await;
        let asked = slack.shows("C1", &["Approval needed"]).await;
        let approve = button(&asked, "Approve");
        // The account belongs to no known person.
        hub.click(&slack, "UMALLORY", &approve, "mallory").await.expect(200);
        assert!(slack.reply_text("mallory").await.contains("/countersign link"));
        // The person is known, and may not decide.
        hub.bind("nora@example.com", NORA).await;
        hub.click(&slack, NORA, &approve, "nora").await.expect(200);
        assert!(slack.reply_text("nora").await.contains("it is their own"));
        hub.bind("eve@example.com", "UEVE").await;
        hub.click(&slack, "UEVE", &approve, "eve").await.expect(200);
        assert!(slack.reply_text("eve").await.contains("not in a group"));
        hub.click(&slack, "UEVE", &button(&asked, "Reject"), "eve-2").await.expect(200);
        assert!(slack.reply_text("eve-2").await.contains("not in a group"));
        // The request was revised since they saw it.
        let id = request["id"].as_str().unwrap();
        hub.post(&format!("/v1/requests/{id}/revise"), &json!({"command": "y"})).await.expect(200);
        hub.bind("dana@example.com", DANA).await;
        hub.click(&slack, DANA, &approve, "dana").await.expect(200);
        assert!(slack.reply_text("dana").await.contains("was changed"));
        assert_eq!(hub.show(&request).await["votes"], json!([]));
        // The button belongs to another endpoint's app, or has no valid link.
        let nonsense = json!({"action_id": "approve:0", "value": "AQAA"});
        assert_eq!(hub.click(&slack, DANA, &nonsense, "none").await.problem(403), "forbidden");
        hub.delivery(&endpoint, "request.revised", "delivered").await;
        slack.shows("C1", &["Changed: decide again"]).await;
    }

    async fn an_acknowledged_click_is_carried_out_after_a_restart(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let slack = FakeSlack::start().await;
        hub.with_app(&slack, &["dba"]).await;
        let request = hub.ask("orders", "x").await;
        let asked = slack.shows("C1", &["Approval needed"]).await;
        hub.bind("dana@example.com", DANA).await;
        let url = hub.database.url.clone();
        // As if the hub had died after its answer and before the work.
        hub.click(&slack, "UNOBODY", &button(&asked, "Approve"), "nobody").await.expect(200);
        slack.reply_text("nobody").await;
        eventually("the job is over", || async {
            let sql = "SELECT 'open', COUNT(*) FROM slack_jobs WHERE run_at IS NOT NULL".to_owned();
            (Database::tally(&url, sql).await["open"] == 0).then_some(())
        })
        .await;
        let work = json!({
            "member": {
                "account": {"provider": "slack", "team": "T1", "user": DANA}, "name": "dana", "channel": "C1",
                "response_url": slack.response_url("dana"),
            },
            "deed": "approve", "token": button(&asked, "Approve")["value"],
        });
        let later = hub.now().as_micros() + 60_000_000;
        let sql = format!(
            "UPDATE slack_jobs SET work = '{work}', reply = NULL, ended_at = NULL, end_reason = NULL, run_at = {later}"
        );
        let (database, clock) = hub.stop().await;
        Database::run(&url, sql).await;
        let hub = TestHub::start_at(database, crate::support::Options::default(), clock).await;
        hub.advance(61);
        slack.shows("C1", &["✅ Approved"]).await;
        assert_eq!(hub.show(&request).await["votes"].as_array().unwrap().len(), 1);
        let left = Database::tally(&url, "SELECT work, COUNT(*) FROM slack_jobs GROUP BY work".to_owned()).await;
        eventually("the job is removed", || async {
            let left = Database::tally(&url, "SELECT work, COUNT(*) FROM slack_jobs GROUP BY work".to_owned()).await;
            left.keys().all(String::is_empty).then_some(())
        })
        .await;
        assert!(left.len() <= 1);
    }

    async fn a_failed_reply_is_repeated_and_the_vote_counts_once(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let slack = FakeSlack::start().await;
        hub.with_app(&slack, &["dba"]).await;
        hub.bind("nora@example.com", NORA).await;
        hub.ask("orders", "x").await;
        let asked = slack.shows("C1", &["Approval needed"]).await;
        slack.fail("respond", [Fault::Status(500), Fault::Status(429)]);
        hub.click(&slack, NORA, &button(&asked, "Approve"), "nora").await.expect(200);
        let reply = eventually("a reply arrives", || async {
            hub.advance(5);
            tokio::time::sleep(Duration::from_millis(10)).await;
            slack.replies("nora").first().cloned()
        })
        .await;
        assert!(reply["text"].as_str().unwrap().contains("may not approve"), "{reply}");
    }

    async fn a_slow_slack_delays_no_other_call(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let slack = FakeSlack::start().await;
        hub.with_app(&slack, &["dba"]).await;
        hub.bind("dana@example.com", DANA).await;
        hub.ask("orders", "x").await;
        let asked = slack.shows("C1", &["Approval needed"]).await;
        slack.fail("views.open", [Fault::Slow(Duration::from_secs(4))]);
        slack.fail("chat.update", [Fault::Slow(Duration::from_secs(4))]);
        let began = std::time::Instant::now();
        hub.click(&slack, DANA, &button(&asked, "Reject"), "one").await.expect(200);
        hub.click(&slack, DANA, &button(&asked, "Approve"), "two").await.expect(200);
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
        slack.shows("C1", &["✅ Approved"]).await;
    }

    async fn direct_messages_can_be_switched_off(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let slack = FakeSlack::start().await;
        let endpoint = hub.with_app(&slack, &["dba"]).await;
        hub.bind("nora@example.com", NORA).await;
        hub.patch_endpoint(&endpoint, &json!({"slack": {"direct_messages": false}})).await.expect(200);
        let request = hub.ask("orders", "x").await;
        hub.vote(&request, "approve", "dana@example.com").await.expect(200);
        slack.shows("C1", &["✅ Approved"]).await;
        assert!(slack.calls("conversations.open").is_empty());
        let other = json!({"slack": {"direct_messages": true, "team": "T9"}});
        hub.patch_endpoint(&endpoint, &other).await.expect(200);
        let request = hub.ask("orders", "y").await;
        hub.vote(&request, "approve", "dana@example.com").await.expect(200);
        eventually("the outcome is posted", || async { (slack.messages("C1").len() == 2).then_some(()) }).await;
        assert!(slack.calls("conversations.open").is_empty(), "their workspace is another");
        let body = form(&[("team_id", "T1"), ("user_id", DANA), ("text", "help")]);
        assert_eq!(hub.slack_sends("/v1/slack/commands", body).await.problem(403), "forbidden");
    }
}
