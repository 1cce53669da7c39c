//! Messages: posted once, and changed in the order of the events in spite of faults.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::fake::{FakeSlack, Fault};
use super::member::{SIGNING_SECRET, button};
use crate::support::{Database, Options, TestHub, eventually, on_both};

/// The delivery of this event, once it has ended in any state.
async fn ended(hub: &TestHub, endpoint: &str, event: &str) -> Value {
    eventually(&format!("{event} ends"), || async {
        hub.advance(1);
        tokio::time::sleep(Duration::from_millis(20)).await;
        let page = hub.get(&format!("/v1/endpoints/{endpoint}/deliveries")).await.expect(200);
        let items = page["items"].as_array().unwrap().clone();
        items.into_iter().find(|item| item["event"] == event && !item["ended_at"].is_null())
    })
    .await
}

on_both! {
    async fn one_message_shows_the_status_of_a_request(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let slack = FakeSlack::start().await;
        let endpoint = hub.with_app(&slack, &["dba", "security"]).await;
        let request = hub.ask("customers", "select 1 < 2 & '<!channel>'").await;
        let asked = slack.shows("C1", &["select 1 &lt; 2 &amp; '&lt;!channel&gt;'", "Approval needed"]).await;
        assert_eq!((&asked["unfurl_links"], &asked["unfurl_media"]), (&json!(false), &json!(false)));
        let approve = button(&asked, "Approve");
        assert!(approve["url"].is_null() && approve["value"].as_str().unwrap().len() < 2_000);
        assert!(button(&asked, "Review")["url"].as_str().unwrap().starts_with(&hub.url));
        hub.delivery(&endpoint, "request.created", "delivered").await;

        hub.vote(&request, "approve", "dana@example.com").await.expect(200);
        slack.shows("C1", &["One more approval", "dba: 1 of 1"]).await;
        let hub = hub.restart().await;
        hub.vote(&request, "approve", "sam@example.com").await.expect(200);
        let decided = slack.shows("C1", &["✅ Approved"]).await;
        assert!(!decided.to_string().contains("approve:"), "there is nothing left to decide");
        assert_eq!(slack.calls("chat.postMessage").len(), 1);
        assert_eq!(slack.calls("chat.update").len(), 2);
        let shown = hub.delivery(&endpoint, "request.approved", "delivered").await;
        assert!(!shown.to_string().contains("SECRET"), "{shown}");
    }

    async fn no_secret_is_shown(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let slack = FakeSlack::start().await;
        let id = hub.with_app(&slack, &[]).await;
        let shown = hub.get(&format!("/v1/endpoints/{id}")).await;
        let changed = hub.patch_endpoint(&id, &json!({"slack": {"channel": "C2", "direct_messages": false}})).await;
        for answer in [&shown, &changed, &hub.get("/v1/endpoints").await, &hub.get("/v1/audit").await] {
            assert!(!answer.text.contains("SECRET") && !answer.text.contains(SIGNING_SECRET), "{}", answer.text);
        }
        let app = &changed.expect(200)["slack"];
        assert_eq!((&app["channel"], &app["bot_token"], &app["direct_messages"]), (&json!("C2"), &json!("…"), &json!(false)));
        let tried = hub.post(&format!("/v1/endpoints/{id}/test"), &json!({})).await;
        let trial = tried.expect(200);
        assert_eq!(trial["delivered"], true, "{trial}");
        assert!(!tried.text.contains("SECRET"), "{}", tried.text);
        assert_eq!(slack.messages("C2").len(), 1);
    }

    async fn invalid_app_settings_are_refused_with_their_json_pointer(database: Database) {
        let hub = TestHub::start(database).await;
        let app = json!({"bot_token": "xoxb-1", "signing_secret": SIGNING_SECRET, "channel": "C1", "team": "T1"});
        let with = |name: &str, value: Value| {
            let mut app = app.clone();
            app[name] = value;
            json!({"name": "x", "channel": "slack_app", "slack": app})
        };
        for (input, code, pointer) in [
            (json!({"name": "x", "channel": "slack_app"}), "invalid_transport", "/slack"),
            (json!({"name": "x", "channel": "slack_app", "slack": app, "url": "https://x.example"}), "invalid_url", "/url"),
            (json!({"name": "x", "channel": "slack", "slack": app, "url": "https://x.example"}), "invalid_transport", "/slack"),
            (json!({"name": "x", "channel": "slack"}), "invalid_url", "/url"),
            (with("channel", json!("general")), "invalid_transport", "/slack/channel"),
            (with("bot_token", json!("a b")), "invalid_transport", "/slack/bot_token"),
            (with("signing_secret", json!("short")), "invalid_transport", "/slack/signing_secret"),
            (with("team", json!("x")), "invalid_transport", "/slack/team"),
            (with("team", json!(null)), "invalid_transport", "/slack/team"),
            (with("api_url", json!("http://10.0.0.1/api")), "invalid_url", "/url"),
        ] {
            let refused = hub.post("/v1/endpoints", &input).await;
            let what = (refused.problem(422), refused.json()["pointer"].as_str().unwrap().to_owned());
            assert_eq!(what, (code.to_owned(), pointer.to_owned()), "{input}");
        }
    }

    async fn a_late_change_never_overwrites_a_newer_one(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let slack = FakeSlack::start().await;
        let endpoint = hub.with_app(&slack, &["dba", "security"]).await;
        let request = hub.ask("customers", "x").await;
        hub.delivery(&endpoint, "request.created", "delivered").await;
        // The first change is refused at first, and the second one overtakes it.
        slack.fail("chat.update", [Fault::Limited(60)]);
        hub.vote(&request, "approve", "dana@example.com").await.expect(200);
        eventually("the change was refused", || async { (slack.calls("chat.update").len() == 1).then_some(()) }).await;
        hub.vote(&request, "reject", "sam@example.com").await.problem(422);
        let path = format!("/v1/requests/{}/reject", request["id"].as_str().unwrap());
        let why = json!({"on_behalf_of": "sam@example.com", "reason": "no"});
        hub.post(&path, &why).await.expect(200);
        hub.advance(61);
        slack.shows("C1", &["⛔ Rejected"]).await;
        assert_eq!(ended(&hub, &endpoint, "request.voted").await["state"], "superseded");
        slack.shows("C1", &["⛔ Rejected"]).await;
    }

    async fn a_shown_status_is_not_replaced_by_an_earlier_one(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let slack = FakeSlack::start().await;
        let endpoint = hub.with_app(&slack, &["dba"]).await;
        let request = hub.ask("orders", "x").await;
        hub.delivery(&endpoint, "request.created", "delivered").await;
        slack.fail("chat.update", [Fault::Limited(60)]);
        hub.vote(&request, "approve", "dana@example.com").await.expect(200);
        eventually("the outcome was refused", || async { (slack.calls("chat.update").len() == 1).then_some(()) }).await;
        let path = format!("/v1/requests/{}/claim", request["id"].as_str().unwrap());
        hub.post(&path, &json!({"digest": request["digest"]})).await.expect(200);
        // A delivery that was never tried goes first.
        let late = ended(&hub, &endpoint, "request.approved").await;
        assert_eq!((&late["state"], late["end_reason"].as_str()), (&json!("superseded"), Some("the message shows something newer already")));
        slack.shows("C1", &["Running"]).await;
    }

    async fn one_change_at_a_time_and_an_older_one_is_superseded(database: Database) {
        let options = Options { delivery_timeout_sec: 30, ..Options::default() };
        let hub = TestHub::start_with(database, options).await.with_policy().await;
        let slack = FakeSlack::start().await;
        let endpoint = hub.with_app(&slack, &["dba", "security"]).await;
        hub.patch_endpoint(&endpoint, &json!({"concurrency": 8})).await.expect(200);
        let request = hub.ask("customers", "x").await;
        hub.delivery(&endpoint, "request.created", "delivered").await;
        let gate = Arc::new(Semaphore::new(0));
        slack.fail("chat.update", [Fault::Held(Arc::clone(&gate))]);
        hub.vote(&request, "approve", "dana@example.com").await.expect(200);
        eventually("the first change is under way", || async { (slack.calls("chat.update").len() == 1).then_some(()) }).await;
        hub.vote(&request, "approve", "sam@example.com").await.expect(200);
        for _ in 0..5 {
            hub.advance(1);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(slack.calls("chat.update").len(), 1, "the second one waits for the first");
        gate.add_permits(1);
        hub.delivery(&endpoint, "request.voted", "delivered").await;
        // Without waiting a second: the message lock is passed on at once.
        slack.shows("C1", &["✅ Approved"]).await;
    }

    async fn a_missing_answer_delays_later_changes_until_it_can_no_longer_take_effect(database: Database) {
        let options = Options { delivery_timeout_sec: 1, ..Options::default() };
        let hub = TestHub::start_with(database, options).await.with_policy().await;
        let slack = FakeSlack::start().await;
        let endpoint = hub.with_app(&slack, &["dba", "security"]).await;
        let request = hub.ask("customers", "x").await;
        hub.delivery(&endpoint, "request.created", "delivered").await;
        let gate = Arc::new(Semaphore::new(0));
        slack.fail("chat.update", [Fault::Held(Arc::clone(&gate))]);
        hub.vote(&request, "approve", "dana@example.com").await.expect(200);
        eventually("the attempt is over", || async {
            let page = hub.get(&format!("/v1/endpoints/{endpoint}/deliveries?event=request.voted")).await.expect(200);
            (page["items"][0]["attempts"] == 1).then_some(())
        })
        .await;
        hub.vote(&request, "approve", "sam@example.com").await.expect(200);
        hub.advance(1);
        tokio::time::sleep(Duration::from_millis(50)).await;
        // Now the call is carried out after all, late.
        gate.add_permits(1);
        slack.shows("C1", &["One more approval"]).await;
        for _ in 0..8 {
            hub.advance(1);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        slack.shows("C1", &["✅ Approved"]).await;
    }

    async fn a_deleted_message_is_posted_again(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let slack = FakeSlack::start().await;
        let endpoint = hub.with_app(&slack, &["dba"]).await;
        let request = hub.ask("orders", "x").await;
        let asked = slack.shows("C1", &["Approval needed"]).await;
        hub.delivery(&endpoint, "request.created", "delivered").await;
        slack.delete("C1", asked["ts"].as_str().unwrap());
        hub.vote(&request, "approve", "dana@example.com").await.expect(200);
        eventually("the message is not found", || async { (!slack.calls("chat.update").is_empty()).then_some(()) }).await;
        eventually("it is posted again", || async {
            hub.advance(5);
            (slack.messages("C1").len() == 1).then_some(())
        })
        .await;
        slack.shows("C1", &["✅ Approved"]).await;
    }

    async fn reminders_are_posted_in_the_thread(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let policy = json!({"slots": [{"group": "dba"}], "reminders": [60]});
        hub.put("/v1/resources/orders", &policy).await.expect(200);
        let slack = FakeSlack::start().await;
        let endpoint = hub.with_app(&slack, &["dba"]).await;
        hub.ask("orders", "x").await;
        let asked = slack.shows("C1", &["Approval needed"]).await;
        hub.delivery(&endpoint, "request.created", "delivered").await;
        hub.advance(60);
        hub.delivery(&endpoint, "request.reminded", "delivered").await;
        let reminder = slack.messages("C1").pop().unwrap();
        assert_eq!((&reminder["thread_ts"], &reminder["reply_broadcast"]), (&asked["ts"], &json!(true)));
        assert!(reminder["text"].as_str().unwrap().contains("Still waiting") && reminder["blocks"].is_null(), "{reminder}");
    }

    async fn slacks_error_codes_decide_the_outcome_of_a_delivery(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let slack = FakeSlack::start().await;
        let endpoint = hub.with_app(&slack, &["dba"]).await;
        for (fault, class, state) in [
            (Fault::Refused("not_in_channel"), "permanent", "failed"),
            (Fault::Refused("no_text"), "setup", "failed"),
            (Fault::Refused("token_revoked"), "credentials", "pending"),
            (Fault::Refused("fatal_error"), "transient", "pending"),
            (Fault::Limited(30), "throttled", "pending"),
            (Fault::Status(502), "transient", "pending"),
        ] {
            slack.fail("chat.postMessage", [fault]);
            let request = hub.ask("orders", "x").await;
            let delivery = eventually("an attempt is on record", || async {
                let page = hub.get(&format!("/v1/endpoints/{endpoint}/deliveries")).await.expect(200);
                let items = page["items"].as_array().unwrap().clone();
                items.into_iter().find(|item| item["request_id"] == request["id"] && item["attempts"] == 1)
            })
            .await;
            let path = format!("/v1/deliveries/{}", delivery["id"].as_str().unwrap());
            let attempt = hub.get(&path).await.expect(200)["attempt_log"][0].clone();
            assert_eq!((&attempt["class"], &delivery["state"]), (&json!(class), &json!(state)), "{attempt}");
            // The next one is not affected.
            hub.post(&format!("/v1/requests/{}/cancel", request["id"].as_str().unwrap()), &json!({})).await.expect(200);
            eventually("the outcome is posted", || async {
                hub.advance(1);
                tokio::time::sleep(Duration::from_millis(20)).await;
                slack.messages("C1").last().is_some_and(|message| message.to_string().contains(request["id"].as_str().unwrap())).then_some(())
            })
            .await;
        }
        slack.archive("C1");
        hub.ask("orders", "x").await;
        hub.delivery(&endpoint, "request.created", "failed").await;
    }
}
