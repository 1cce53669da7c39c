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
        let hub = TestHub::start(database).await.with_policy().await;
        let mut browser = hub.admin().await;
        let page = browser.open("/settings").await;
        let text = page.expect_page(200);
        assert!(text.contains("Nothing: all endpoints are in order"), "{text}");
        let (id, _) = hub.endpoint("ops", "custom", "http://127.0.0.1:9/hook", &[]).await;
        hub.act_on(&id, "pause").await.expect(200);
        let page = browser.open("/settings").await;
        let text = page.expect_page(200);
        assert!(text.contains(&format!("<a href=\"/settings/endpoints/{id}\"><bdi>ops</bdi></a> is paused")), "{text}");
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
        assert!(!is_form || right == Right::Configure || right == Right::ManageTokens, "{path} changes something");
        for (browser, may) in [
            (&mut approver, false),
            (&mut auditor, !is_form && right != Right::Configure && right != Right::ManageTokens),
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
