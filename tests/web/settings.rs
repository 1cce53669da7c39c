//! What all set-up pages have in common: who may see and change them, and what they never show.

use countersign::http::{Access, routes};
use countersign::identity::Right;
use reqwest::Method;
use serde_json::json;

use crate::support::{Browser, Database, TestHub, on_both};

impl TestHub {
    /// A browser in which a person with this role has signed in.
    pub(crate) async fn browser_of<'h>(&'h self, person: &str, roles: &[&str]) -> Browser<'h> {
        let input = json!({"name": "Olga Petrova", "roles": roles});
        self.put(&format!("/v1/people/{person}"), &input).await.expect(200);
        Browser::signed_in(self, person).await
    }

    pub(crate) async fn admin(&self) -> Browser<'_> {
        self.browser_of("olga@example.com", &["admin"]).await
    }
}

impl Browser<'_> {
    /// Sends a form of the page that is shown; returns the path that a success leads to, without what was done.
    pub(crate) async fn does(&mut self, path: &str, fields: &[(&str, &str)]) -> String {
        let answer = self.submit(path, fields).await;
        let location = answer.location();
        location.split('?').next().unwrap_or_default().to_owned()
    }
}

on_both! {
    async fn the_overview_counts_and_says_what_needs_a_look(database: Database) {
        let hub = TestHub::start(database).await;
        let mut browser = hub.admin().await;
        let page = browser.open("/settings").await;
        let text = page.expect_page(200);
        assert!(text.contains("Nothing: all endpoints are in order") && text.contains("href=\"/settings/start\""), "{text}");
        let hub = &hub;
        hub.put("/v1/groups/dba", &json!({"members": ["dana@example.com", "erik@example.com"]})).await.expect(200);
        hub.put("/v1/resources/orders", &json!({"slots": [{"group": "dba"}]})).await.expect(200);
        let (id, _) = hub.endpoint("ops", "custom", "http://127.0.0.1:9/hook", &[]).await;
        hub.act_on(&id, "pause").await.expect(200);
        hub.post("/v1/tokens", &json!({"name": "<b>soon", "scope": "requester", "expires_at": "2026-12-01T00:00:00Z"})).await.expect(201);
        hub.post("/v1/tokens", &json!({"name": "later", "scope": "requester"})).await.expect(201);
        let page = browser.open("/settings").await;
        let text = page.expect_page(200);
        assert!(text.contains(&format!("<a href=\"/settings/endpoints/{id}\"><bdi>ops</bdi></a> is paused")), "{text}");
        assert!(text.contains("orders</a>: no endpoint notifies group dba") && text.contains("&#60;b&#62;soon") && !text.contains("later"), "{text}");
        let mut auditor = hub.browser_of("ada@example.com", &["auditor"]).await;
        assert!(!auditor.open("/settings").await.expect_page(200).contains("soon"), "tokens are the admins' alone");
        // A change is seen at once, an absence within a minute.
        hub.endpoint("dba", "custom", "http://127.0.0.1:9/hook", &["dba"]).await;
        assert!(!browser.open("/settings").await.text.contains("no endpoint notifies"));
    }

    async fn what_a_file_manages_says_so(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let mut browser = hub.admin().await;
        let marks = "A file manages this";
        for path in ["/settings/groups/dba", "/settings/people/dana%40example.com", "/settings/resources/orders"] {
            assert!(browser.open(path).await.expect_page(200).contains(marks), "{path}");
        }
        let (by_hand, _) = hub.endpoint("by-hand", "custom", "http://127.0.0.1:9/hook", &[]).await;
        hub.put("/v1/groups/hand", &json!({"members": []})).await.expect(200);
        for path in [format!("/settings/endpoints/{by_hand}"), "/settings/groups/hand".to_owned()] {
            assert!(!browser.open(&path).await.expect_page(200).contains(marks), "{path}");
        }
        let manifest = json!({"endpoints": [{"name": "by-hand", "channel": "custom", "url": "http://127.0.0.1:9/hook"}], "groups": {"gone": {"members": []}}});
        hub.advance(60);
        hub.post("/v1/apply?dry_run=true", &manifest).await.expect(200);
        assert_eq!(hub.get("/v1/applied").await.expect(200)["items"].as_array().unwrap().len(), 5, "a dry run notes nothing");
        hub.post("/v1/apply", &manifest).await.expect(200);
        assert!(browser.open(&format!("/settings/endpoints/{by_hand}")).await.expect_page(200).contains(marks));
        let first = hub.get("/v1/applied?limit=4").await.expect(200);
        let rest = hub.get(&format!("/v1/applied?cursor={}", first["next_cursor"].as_str().unwrap())).await.expect(200);
        let all = [first["items"].as_array().unwrap().clone(), rest["items"].as_array().unwrap().clone()].concat();
        let names: Vec<_> = all.iter().map(|one| format!("{}/{}", one["kind"].as_str().unwrap(), one["name"].as_str().unwrap())).collect();
        assert_eq!(names, ["endpoint/by-hand", "group/dba", "group/gone", "group/security", "person/dana@example.com", "resource/customers", "resource/orders"]);
        assert_eq!((&all[0]["at"], &all[1]["at"]), (&json!("2026-11-21T12:01:00.000000Z"), &json!("2026-11-21T12:00:00.000000Z")));
        // What is deleted and made by hand again is no file's.
        browser.open("/settings/groups/gone").await.expect_page(200);
        browser.does("/settings/groups/gone/delete", &[]).await;
        hub.put("/v1/groups/gone", &json!({"members": []})).await.expect(200);
        assert!(!browser.open("/settings/groups/gone").await.expect_page(200).contains(marks));
    }
}

#[tokio::test]
async fn who_may_not_gets_a_page_that_says_so() {
    let hub = TestHub::start(Database::sqlite()).await.with_policy().await;
    let mut auditor = hub.browser_of("ada@example.com", &["auditor"]).await;
    let mut approver = Browser::signed_in(&hub, "dana@example.com").await;
    auditor.open("/account").await;
    approver.open("/account").await;
    let pages: Vec<_> = routes().into_iter().filter(|route| route.path.starts_with("/settings")).collect();
    assert!(pages.len() > 15, "the set-up pages are in the table");
    for route in pages {
        let Access::Page(right) = route.access else { panic!("{} {} is no page", route.method, route.path) };
        let parts = route.path.split('/').map(|part| if part.starts_with('{') { "nothing" } else { part });
        let path = parts.collect::<Vec<_>>().join("/");
        let is_form = route.method == Method::POST;
        let changes = is_form && !path.ends_with("/evaluate");
        assert!(!changes || right == Right::Configure || right == Right::ManageTokens, "{path} changes something");
        for (browser, may) in [
            (&mut approver, false),
            (&mut auditor, !changes && right != Right::Configure && right != Right::ManageTokens),
        ] {
            let shown = browser.page.clone();
            let answer = if is_form { browser.submit(&path, &[]).await } else { browser.open(&path).await };
            browser.page = shown;
            assert_eq!(answer.status == 403, !may, "{} {path}: {}", route.method, answer.text);
            assert!(
                answer.headers["content-type"].to_str().unwrap().starts_with("text/html"),
                "{path}: {}",
                answer.text
            );
        }
    }
    assert_eq!(hub.audited("endpoint.").await, Vec::<String>::new());
}
