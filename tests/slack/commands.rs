//! The slash command `/countersign`.

use serde_json::json;

use super::fake::FakeSlack;
use super::member::{DANA, NORA, button};
use crate::support::{Database, TestHub, eventually, on_both};

on_both! {
    async fn a_subscribed_channel_gets_the_groups_requests(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let slack = FakeSlack::start().await;
        let endpoint = hub.with_app(&slack, &["dba"]).await;
        hub.bind("dana@example.com", DANA).await;
        hub.bind("nora@example.com", NORA).await;
        assert!(hub.types(&slack, "UMALLORY", "C2", "subscribe dba").await.contains("is not linked to Countersign"));
        assert!(hub.types(&slack, NORA, "C2", "subscribe dba").await.contains("Only members of the group"));
        assert!(hub.types(&slack, DANA, "C2", "subscribe").await.contains("dba, security"), "she is in two");
        assert!(hub.types(&slack, DANA, "DX", "subscribe security").await.contains("Only channels"));
        assert!(hub.types(&slack, DANA, "C2", "subscribe security").await.contains("now receives"));
        assert!(hub.types(&slack, DANA, "C2", "subscribe security").await.contains("already"));
        let hub = hub.restart().await;
        let request = hub.ask("customers", "x").await;
        let own = slack.shows("C1", &["Approval needed"]).await;
        let other = slack.shows("C2", &["Approval needed"]).await;
        assert!(button(&own, "Review")["url"].is_string());
        assert!(!other.to_string().contains("/c/"), "a subscribed channel gets no link: {other}");
        hub.click(&slack, DANA, &button(&other, "Review"), "dana").await.expect(200);
        assert!(slack.reply_text("dana").await.contains("/c/"));
        hub.click(&slack, DANA, &button(&other, "Approve"), "dana-2").await.expect(200);
        slack.shows("C2", &["One more approval", "security: 1 of 1"]).await;
        slack.shows("C1", &["One more approval", "security: 1 of 1"]).await;
        assert_eq!(hub.show(&request).await["votes"][0]["group"], "security");
        // The subscription covers only requests for its group.
        hub.ask("orders", "y").await;
        eventually("the endpoint's channel gets the message", || async { (slack.messages("C1").len() == 2).then_some(()) }).await;
        assert_eq!(slack.messages("C2").len(), 1);
        assert!(hub.types(&slack, DANA, "C2", "unsubscribe security").await.contains("no longer"));
        hub.ask("customers", "z").await;
        eventually("the endpoint's channel gets the message", || async { (slack.messages("C1").len() == 3).then_some(()) }).await;
        assert_eq!(slack.messages("C2").len(), 1);
        let trail = hub.get("/v1/audit?limit=500").await.expect(200);
        let done: Vec<_> = trail["items"].as_array().unwrap().iter().filter(|entry| entry["action"].as_str().unwrap().starts_with("slack.")).collect();
        assert_eq!(done.len(), 2);
        assert_eq!(done[0]["details"], json!({"endpoint": endpoint, "channel": "C2", "group": "security"}));
        let lost = Database::tally(&hub.database.url, "SELECT 'lost', COUNT(*) FROM lost_deliveries".to_owned()).await;
        assert_eq!(lost["lost"], 0);
    }

    async fn an_admin_subscribes_any_group(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let slack = FakeSlack::start().await;
        hub.with_app(&slack, &["dba"]).await;
        hub.bind("root@example.com", "UROOT").await;
        assert!(hub.types(&slack, "UROOT", "C2", "subscribe dba").await.contains("Only members of the group"));
        let token = json!({"name": "root", "scope": "admin", "person": "root@example.com"});
        hub.post("/v1/tokens", &token).await.expect(201);
        assert!(hub.types(&slack, "UROOT", "C2", "subscribe nothing-like-it").await.contains("Only members of the group"));
        assert!(hub.types(&slack, "UROOT", "C2", "subscribe dba").await.contains("now receives"));
    }

    async fn people_see_only_the_requests_that_wait_for_them(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let slack = FakeSlack::start().await;
        hub.with_app(&slack, &["dba"]).await;
        hub.bind("dana@example.com", DANA).await;
        hub.bind("sam@example.com", "USAM").await;
        assert_eq!(hub.types(&slack, DANA, "C2", "pending").await, "No requests wait for your vote.");
        let hostile = "delete ``` <!channel> \u{202e}x";
        let request = hub.ask("orders", hostile).await;
        let id = request["id"].as_str().unwrap();
        let list = hub.types(&slack, DANA, "C2", "PENDING").await;
        assert!(list.contains(id) && list.contains("*orders*") && !list.contains("<!channel>"), "{list}");
        assert_eq!(hub.types(&slack, "USAM", "C2", "pending").await, "No requests wait for your vote.");
        let shown = hub.types(&slack, DANA, "C2", &format!("show {id}")).await;
        assert!(shown.contains("&lt;!channel&gt;") && shown.contains("⟨U+202E⟩") && shown.contains("nora@example.com"), "{shown}");
        assert_eq!(shown.matches("```").count(), 2, "nothing ends the block of code: {shown}");
        assert!(hub.types(&slack, "USAM", "C2", &format!("show {id}")).await.contains("There is no such request"));
        // A name is never taken for an address, and no one is omitted.
        let ask = json!({
            "resource": "orders", "command": "x", "beneficiary": "bene@example.com",
            "requester": {"name": "Dana (dana@example.com)", "email": "nora@example.com", "acting_for": "human@example.com"},
        });
        let posing = hub.post("/v1/requests", &ask).await.expect(201);
        let who = "nora@example.com, who goes by the name of Dana (dana@example.com), acting for human@example.com (unverified)";
        let list = hub.types(&slack, DANA, "C2", "pending").await;
        let shown = hub.types(&slack, DANA, "C2", &format!("show {}", posing["id"].as_str().unwrap())).await;
        assert!(list.contains(who) && shown.contains(who), "{list}\n{shown}");
        assert!(shown.contains("bene@example.com may not approve (beneficiary, according to the request)"), "{shown}");
        hub.post(&format!("/v1/requests/{}/cancel", posing["id"].as_str().unwrap()), &json!({})).await.expect(200);
        assert!(hub.types(&slack, DANA, "C2", "show").await.contains("show ID"));
        assert!(hub.types(&slack, DANA, "C2", "").await.contains("/countersign pending"));
        assert!(hub.types(&slack, DANA, "C2", "dance <@U1>").await.contains("no such command"));
        for number in 0..11 {
            hub.ask("orders", &format!("select {number}")).await;
        }
        let list = hub.types(&slack, DANA, "C2", "pending").await;
        assert_eq!(list.lines().count(), 11, "{list}");
        assert!(list.ends_with("… and more"));
    }
}
