//! Requests that are alike, and votes on several at once.

use serde_json::{Value, json};

use crate::support::{Browser, Database, TestHub, on_both};

const DANA: &str = "dana@example.com";

async fn ask(hub: &TestHub, resource: &str, command: &str, requester: &str) -> Value {
    let ask =
        json!({"resource": resource, "command": command, "requester": {"email": requester}, "reason": "Nightly."});
    hub.post("/v1/requests", &ask).await.expect(201)
}

/// What a tick sends.
fn tick(request: &Value) -> String {
    format!("{} {}", request["id"].as_str().unwrap(), request["digest"].as_str().unwrap())
}

async fn status(hub: &TestHub, request: &Value) -> String {
    hub.show(request).await["status"].as_str().unwrap().to_owned()
}

on_both! {
    async fn requests_that_differ_only_in_literals_are_shown_as_one(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let mut alike = Vec::new();
        for day in 16..20 {
            alike.push(ask(&hub, "orders", &format!("VACUUM events_2026_11_{day} -- 'x'"), "ci@example.com").await);
        }
        // By somebody else, or with other words.
        ask(&hub, "orders", "VACUUM events_2026_11_21 -- 'x'", "nora@example.com").await;
        ask(&hub, "orders", "DROP events_2026_11_22 -- 'x'", "ci@example.com").await;
        let mut browser = Browser::signed_in(&hub, DANA).await;
        let page = browser.open("/").await;
        let page = page.expect_page(200);
        assert!(page.contains("<b>4 of the same pattern</b> by <b><bdi>ci@example.com</bdi></b>"), "{page}");
        assert!(page.contains("VACUUM events_2026_11_<ins>16</ins> -- &#39;x&#39;"), "{page}");
        assert_eq!(page.matches("<li class=\"ask\" id").count(), 2, "{page}");
        for request in &alike {
            assert!(page.contains(&format!("value=\"{}\"", tick(request))), "each with its digest");
        }
        let ticks: Vec<String> = alike.iter().take(2).map(tick).collect();
        let fields = [("take", ticks[0].as_str()), ("take", &ticks[1]), ("decision", "approve"), ("return", "/?cursor=7")];
        assert_eq!(browser.submit("/inbox/ticked", &fields).await.location(), "/?cursor=7");
        for (request, expected) in alike.iter().zip(["approved", "approved", "pending", "pending"]) {
            assert_eq!(status(&hub, request).await, expected);
        }
        let page = browser.open("/").await;
        assert!(!page.expect_page(200).contains("of the same pattern"), "two are two");
    }

    async fn what_is_ticked_is_decided_by_its_digest_and_never_with_high_risk(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        hub.put("/v1/resources/billing", &json!({"slots": [{"group": "dba"}], "high_risk": true})).await.expect(200);
        let plain = ask(&hub, "orders", "select 1", "nora@example.com").await;
        let changed = ask(&hub, "orders", "select 2", "nora@example.com").await;
        let risky = ask(&hub, "billing", "select 3", "nora@example.com").await;
        let strict = ask(&hub, "customers", "select 4", "nora@example.com").await;
        let mut browser = Browser::signed_in(&hub, DANA).await;
        let page = browser.open("/").await;
        assert!(page.text.contains(&tick(&plain)) && !page.text.contains(&tick(&risky)), "{}", page.text);
        let revise = json!({"command": "drop table orders"});
        hub.post(&format!("/v1/requests/{}/revise", changed["id"].as_str().unwrap()), &revise).await.expect(200);
        let ticks = [&plain, &changed, &risky].map(tick);
        let mut fields: Vec<(&str, &str)> = ticks.iter().map(|tick| ("take", tick.as_str())).collect();
        fields.push(("decision", "approve"));
        let page = browser.submit("/inbox/ticked", &fields).await;
        let page = page.expect_page(409);
        assert!(page.contains("2 requests were not approved") && page.contains("1 was approved"), "{page}");
        assert!(page.contains("digest does not match") && page.contains("marked high risk"), "{page}");
        for (request, expected) in [(&plain, "approved"), (&changed, "pending"), (&risky, "pending")] {
            assert_eq!(status(&hub, request).await, expected);
        }
        browser.open("/").await;
        let (changed_now, strict_tick) = (tick(&hub.show(&changed).await), tick(&strict));
        let fields = [("take", changed_now.as_str()), ("take", &strict_tick), ("decision", "reject"), ("reason", "Not today.")];
        assert_eq!(browser.submit("/inbox/ticked", &fields).await.location(), "/");
        assert_eq!(hub.show(&strict).await["decision"]["reason"], "Not today.");
        assert_eq!(status(&hub, &changed).await, "rejected");
        browser.open("/").await;
        for wrong in [vec![("decision", "approve")], vec![("take", "x"), ("decision", "approve")], vec![("take", &strict_tick)]] {
            let answer = browser.submit("/inbox/ticked", &wrong).await;
            assert!((400..500).contains(&answer.status), "{wrong:?}: {}", answer.status);
            browser.open("/").await;
        }
    }

    async fn a_filter_first_lists_what_it_would_reject(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let nightly = [ask(&hub, "orders", "vacuum <a>", "ci@example.com").await, ask(&hub, "orders", "vacuum b", "ci@example.com").await];
        let other = ask(&hub, "orders", "select 1", "nora@example.com").await;
        let own = ask(&hub, "orders", "select 2", DANA).await;
        let mut browser = Browser::signed_in(&hub, DANA).await;
        browser.open("/inbox/reject").await.expect_page(200);
        let fields = [("requester", "nobody"), ("resource", "a b"), ("step", "list")];
        let page = browser.submit("/inbox/reject", &fields).await;
        let page = page.expect_page(422);
        for field in ["requester", "resource", "reason"] {
            assert!(page.contains(&format!("aria-describedby=\"{field}-error\"")), "{field} in {page}");
        }
        assert!(page.contains("value=\"nobody\""), "what was typed is kept");
        hub.advance(1);
        let filter = [("requester", "ci@example.com"), ("reason", "Not <tonight>.")];
        let list = [&filter[..], &[("step", "list")]].concat();
        let page = browser.submit("/inbox/reject", &list).await;
        let page = page.expect_page(200).to_owned();
        assert!(page.contains("Nothing is rejected yet") && page.contains("Reject these 2") && page.contains("vacuum &#60;a&#62;"), "{page}");
        assert_eq!(status(&hub, &nightly[0]).await, "pending");
        hub.advance(1);
        let later = ask(&hub, "orders", "vacuum c", "ci@example.com").await;
        let to = page.split("name=\"to\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let reject = [&filter[..], &[("step", "reject"), ("to", &to)]].concat();
        assert_eq!(browser.submit("/inbox/reject", &reject).await.location(), "/");
        for request in &nightly {
            assert_eq!(hub.show(request).await["decision"]["reason"], "Not <tonight>.");
        }
        for request in [&other, &own, &later] {
            assert_eq!(status(&hub, request).await, "pending", "it was not in the list");
        }
        browser.open("/inbox/reject").await;
        let none = [("resource", "customers"), ("reason", "x"), ("step", "list")];
        assert!(browser.submit("/inbox/reject", &none).await.expect_page(200).contains("Nothing matches"));
    }
}
