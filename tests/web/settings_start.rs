//! The first run: an empty hub leads to the first decision.

use serde_json::json;

use crate::support::{Browser, Database, TestHub, on_both};

const START: &str = "/settings/start";

on_both! {
    async fn an_empty_hub_leads_to_the_first_decision(database: Database) {
        let hub = TestHub::start(database).await;
        let mut admin = hub.admin().await;
        let inbox = admin.open("/").await;
        assert!(inbox.expect_page(200).contains("href=\"/settings/start\""), "{}", inbox.text);
        let mut other = Browser::signed_in(&hub, "nora@example.com").await;
        assert!(!other.open("/").await.expect_page(200).contains(START), "only to who may set up");

        admin.open(START).await.expect_page(200);
        assert!(admin.page.contains("olga@example.com") && admin.page.contains("First a group"), "{}", admin.page);
        let wrong = admin.submit("/settings/start/group", &[("group", "no name"), ("members", "olga@example.com")]).await;
        assert!(wrong.status >= 400 && wrong.text.contains("id=\"group-e\"") && wrong.text.contains("value=\"no name\""), "{}", wrong.text);
        let fields = [("group", "dba"), ("members", "olga@example.com\ndana@example.com")];
        assert_eq!(admin.does("/settings/start/group", &fields).await, START);
        assert_eq!(hub.get("/v1/groups/dba").await.expect(200)["members"], json!(["dana@example.com", "olga@example.com"]));

        for (recipe, name) in [("database", "production-db"), ("deploys", "deploys"), ("shell", "production-shell")] {
            admin.open(START).await.expect_page(200);
            assert_eq!(admin.does("/settings/start/resource", &[("recipe", recipe), ("for", "dba")]).await, START);
            let made = hub.get(&format!("/v1/resources/{name}")).await.expect(200);
            assert_eq!((&made["slots"][0]["group"], &made["allow_self_approval"]), (&json!("dba"), &json!(false)), "{recipe}");
        }
        assert!(!admin.open("/").await.text.contains(START), "nothing is left to begin");
        for (command, outcome) in [("select 1", "direct"), ("drop table x", "denied"), ("update x set y = 1", "needs_approval")] {
            let ask = json!({"resource": "production-db", "command": command, "language": "sql", "requester": {"email": "nora@example.com"}});
            assert_eq!(hub.post("/v1/evaluate", &ask).await.expect(200)["outcome"], outcome, "{command}");
        }

        admin.open(START).await.expect_page(200);
        let asked = admin.submit("/settings/start/sample", &[("about", "production-db")]).await;
        let path = asked.location().to_owned();
        let page = admin.open(&path).await;
        let text = page.expect_page(200);
        assert!(text.contains("<svg class=\"qr\"") && text.contains("It waits.") && text.contains("data-live"), "{text}");
        let id = path.split("sample=").nth(1).unwrap().split('&').next().unwrap();
        let request = hub.get(&format!("/v1/requests/{id}")).await.expect(200);
        assert_eq!(request["requester"]["email"], "olga@example.com");
        hub.vote(&request, "approve", "dana@example.com").await.expect(200);
        let page = admin.open(&path).await;
        assert!(page.expect_page(200).contains("It was approved.") && !page.text.contains("data-live"), "{}", page.text);
    }

    async fn who_tries_it_alone_says_so(database: Database) {
        let hub = TestHub::start(database).await;
        let mut admin = hub.admin().await;
        admin.open(START).await.expect_page(200);
        admin.does("/settings/start/group", &[("group", "me"), ("members", "olga@example.com")]).await;
        for (name, alone) in [("strict", ""), ("loose", "on")] {
            admin.open(START).await.expect_page(200);
            admin.does("/settings/start/resource", &[("recipe", "deploys"), ("for", "me"), ("resource", name), ("alone", alone)]).await;
        }
        admin.open(START).await.expect_page(200);
        let refused = admin.submit("/settings/start/sample", &[("about", "strict")]).await;
        assert!(refused.status >= 400 && refused.text.contains("id=\"about-e\"") && refused.text.contains("not enough people"), "{}", refused.text);
        let asked = admin.submit("/settings/start/sample", &[("about", "loose")]).await;
        assert!(asked.location().contains("sample=req_"));
    }
}
