//! The page with access for a limited time: whose it is, how long it lasts, who may end it.

use reqwest::Method;
use serde_json::{Value, json};

use crate::store::statements;
use crate::support::{Browser, Database, TestHub, on_both};

const SCRIPT: &str = "</p><script>marker</script>\u{202e}";

async fn hub_of(database: Database) -> TestHub {
    let hub = TestHub::start(database).await.with_policy().await;
    hub.put("/v1/people/olga@example.com", &json!({"name": "Olga Petrova", "roles": ["auditor"]})).await.expect(200);
    hub.put("/v1/people/nora@example.com", &json!({"name": "Nora Lindqvist"})).await.expect(200);
    hub
}

/// Access of that person that erik has approved; its id.
async fn grant(hub: &TestHub, person: &str, seconds: u32) -> String {
    let ask = json!({
        "resource": "orders", "kind": "jit", "duration_seconds": seconds, "command": SCRIPT, "reason": SCRIPT,
        "requester": {"email": person, "name": SCRIPT},
    });
    let made = hub.post("/v1/requests", &ask).await.expect(201);
    let shown = hub.vote(&made, "approve", "erik@example.com").await.expect(200);
    shown["grant"]["id"].as_str().unwrap().to_owned()
}

/// The part of the page under a heading.
fn part<'p>(page: &'p str, id: &str) -> &'p str {
    let rest = page.split(&format!("aria-labelledby=\"{id}\"")).nth(1).unwrap_or_default();
    rest.split("</section>").next().unwrap_or_default()
}

on_both! {
    async fn people_see_their_own_access_and_end_it(database: Database) {
        let hub = hub_of(database).await;
        let own = grant(&hub, "nora@example.com", 3_600).await;
        let other = grant(&hub, "mary@example.com", 3_600).await;
        hub.advance(3_120);
        let mut nora = Browser::signed_in(&hub, "nora@example.com").await;
        let page = nora.open("/access").await.expect_page(200).to_owned();
        let yours = part(&page, "yours");
        assert!(yours.contains("8 min</time></b> left") && yours.contains("class=\"left soon\""), "{yours}");
        assert!(yours.contains(&format!("/ask?extends={own}")) && yours.contains("Approved by <b><bdi>erik@example.com"), "{yours}");
        assert!(!page.contains(&other) && part(&page, "others").is_empty(), "{page}");
        assert!(!page.contains("<script>marker") && !page.contains('\u{202e}'), "{page}");
        // Somebody else's is not theirs to end.
        nora.submit(&format!("/access/{other}/end"), &[]).await.expect_page(404);
        nora.open("/access").await;
        assert_eq!(nora.submit(&format!("/access/{own}/end"), &[("reason", SCRIPT)]).await.location(), "/access");
        let shown = hub.get(&format!("/v1/grants/{own}")).await.expect(200);
        assert_eq!((&shown["status"], &shown["ended_by"], &shown["reason"]), (&json!("revoked"), &json!("nora@example.com"), &json!(SCRIPT)));
        let page = nora.open("/access").await.expect_page(200).to_owned();
        assert!(part(&page, "yours").contains("You have no access"), "{page}");
        assert!(part(&page, "past").contains("ended by you") && !page.contains("<script>marker"), "{page}");
        // Sent again, the form changes nothing.
        nora.open("/requests?status=approved").await;
        assert_eq!(nora.submit(&format!("/access/{own}/end"), &[]).await.location(), "/access");
    }

    async fn who_may_read_all_access_sees_and_ends_that_of_others(database: Database) {
        let hub = hub_of(database).await;
        let mary = grant(&hub, "mary@example.com", 3_600).await;
        grant(&hub, "nora@example.com", 60).await;
        hub.after(90).await;
        let mut olga = Browser::signed_in(&hub, "olga@example.com").await;
        let page = olga.open("/access").await.expect_page(200).to_owned();
        assert!(part(&page, "others").contains("<bdi>mary@example.com</bdi>"), "{page}");
        assert!(part(&page, "past").contains("nora@example.com") && part(&page, "past").contains("its time was over"), "{page}");
        assert_eq!(olga.submit(&format!("/access/{mary}/end"), &[("reason", "Wrong customer")]).await.location(), "/access");
        let page = olga.open("/access").await.expect_page(200).to_owned();
        assert!(part(&page, "past").contains("revoked by you") && part(&page, "past").contains("Wrong customer"), "{page}");
        assert!(part(&page, "others").contains("Nobody else"), "{page}");
        // The same lists through the API.
        let listed = async |query: &str| hub.get(&format!("/v1/grants?{query}")).await.expect(200)["items"].as_array().unwrap().len();
        assert_eq!((listed("open=true").await, listed("open=false").await, listed("").await), (0, 2, 2));
        assert_eq!(hub.get("/v1/grants?open=yes").await.problem(400), "invalid_parameter");
    }

    async fn what_has_ended_has_pages(database: Database) {
        statements::listen();
        let hub = hub_of(database).await;
        for _ in 0..55 {
            grant(&hub, "nora@example.com", 60).await;
        }
        hub.after(90).await;
        for _ in 0..3 {
            grant(&hub, "nora@example.com", 3_600).await;
        }
        let url = hub.database.url.clone();
        statements::report_plans(&url).await;
        let hub = hub.restart().await;
        for person in ["nora@example.com", "olga@example.com"] {
            let mut browser = Browser::signed_in(&hub, person).await;
            let page = browser.open("/access").await.expect_page(200).to_owned();
            assert_eq!(part(&page, "past").matches("<tr><th scope=\"row\">").count(), 50);
            let older = page.split("href=\"/access?cursor=").nth(1).unwrap().split('"').next().unwrap();
            let older = format!("/access?cursor={older}");
            let ran = statements::during(&url, async { browser.open(&older).await.expect_page(200); }).await;
            assert_eq!(part(&browser.page, "past").matches("<tr><th scope=\"row\">").count(), 5);
            let texts: Vec<&str> = ran.iter().map(|one| one.sql.as_str()).collect();
            assert!(texts.len() <= 6, "{person}: {texts:#?}");
        }
        let mut nora = Browser::signed_in(&hub, "nora@example.com").await;
        assert_eq!(nora.open("/access?cursor=nothing").await.status, 422);
    }

    async fn figures_are_those_of_the_api_and_the_file_is_for_people_too(database: Database) {
        let hub = hub_of(database).await;
        for number in 0..12 {
            let made = hub.ask("orders", &format!("select {number};")).await;
            hub.advance(60);
            hub.vote(&made, if number < 9 { "approve" } else { "reject" }, "erik@example.com").await.expect(200);
        }
        hub.ask("orders", "select 'waits';").await;
        let mut olga = Browser::signed_in(&hub, "olga@example.com").await;
        let page = olga.open("/analytics").await.expect_page(200).to_owned();
        let summary: Value = hub.get("/v1/analytics/summary").await.expect(200);
        assert_eq!((&summary["ended"]["total"], &summary["pending"]["count"]), (&json!(12), &json!(1)));
        for part in ["<p class=\"value\">12</p>", "75.0 %", "9 of 12 that ended", "median of 12", "<a href=\"/requests?status=pending\">1</a>"] {
            assert!(page.contains(part), "{part}: {page}");
        }
        let file = page.split("href=\"/v1/analytics/export").nth(1).unwrap().split('"').next().unwrap().replace("&#38;", "&");
        let call = hub.call(Method::GET, &format!("/v1/analytics/export{file}")).header("Sec-Fetch-Site", "same-origin");
        let file = olga.send(call).await;
        assert_eq!((file.status, file.text.lines().count()), (200, 14), "{}", file.text);
        let none = olga.open("/analytics?period=7d&resource=customers").await;
        assert!(none.expect_page(200).contains("<p class=\"value\">–</p>"), "{}", none.text);
        for (query, field) in [("from=x", "f-from"), ("from=2026-11-02&to=2026-11-01", "f-to"), ("resource=%3Cscript%3E", "f-resource")] {
            let page = olga.open(&format!("/analytics?{query}")).await;
            assert!(page.expect_page(400).contains(&format!("{field}-error")) && !page.text.contains("<script>"), "{query}");
        }
        let mut nora = Browser::signed_in(&hub, "nora@example.com").await;
        let refused = nora.open("/analytics").await;
        assert!(refused.expect_page(403).contains("You may not do this") && refused.text.contains("<span class=\"id\">forbidden</span>"));
        assert!(!nora.open("/access").await.text.contains("href=\"/analytics\""));
    }
}
