//! Groups of the provider get old, and a new sign-in leads back to the very page.

use serde_json::{Value, json};

use super::{hub, sign_in, visit};
use crate::support::{Browser, Database, Issuer, Receiver, TestHub, on_both};

const HOUR: u64 = 3_600;

/// A hub whose group dba has the members that the provider says, a request for it, and the path of its link.
async fn asked(database: Database) -> (TestHub, Issuer, Value, String) {
    let (hub, issuer) = hub(database).await;
    hub.put("/v1/groups/dba", &json!({"from_claim": ["team-dba"]})).await.expect(200);
    hub.put("/v1/resources/orders", &json!({"slots": [{"group": "dba"}], "timeout_seconds": 86_400})).await.expect(200);
    issuer.conduct().claims = json!({"groups": ["team-dba", "everyone"]});
    sign_in(&mut Browser::new(&hub), "/account").await.location();
    let receiver = Receiver::start().await;
    hub.endpoint("dba", "custom", &receiver.url, &["dba"]).await;
    let request = hub.ask("orders", "delete from carts").await;
    let links = receiver.wait_for(1).await[0].json()["data"]["links"].clone();
    let path = links["approve"].as_str().unwrap().strip_prefix(&hub.url).unwrap().to_owned();
    (hub, issuer, request, path)
}

/// Dana's browser, in use until her sign-in is 12 hours old.
async fn after_half_a_day(hub: &TestHub) -> Browser<'_> {
    let mut browser = Browser::new(hub);
    sign_in(&mut browser, "/account").await.location();
    hub.advance(6 * HOUR);
    browser.open("/account").await.expect_page(200);
    hub.advance(6 * HOUR);
    browser
}

/// Goes to the provider from the page to sign in, and returns where that leads.
async fn again(browser: &mut Browser<'_>, path: &str) -> String {
    let back = visit(browser, &format!("/sign-in/oidc?return={}", path.replace('/', "%2F"))).await;
    browser.open(&back).await.location().to_owned()
}

on_both! {
    async fn an_old_membership_leads_to_the_provider_and_back_to_the_very_page(database: Database) {
        let (hub, issuer, request, path) = asked(database).await;
        let mut browser = after_half_a_day(&hub).await;
        let page = browser.open(&path).await;
        assert!(page.expect_page(200).contains("your last sign-in is too old to rely on it"), "{}", page.text);
        let typed = [("decision", "approve"), ("reason", "checked the carts")];
        let to_sign_in = browser.submit(&path, &typed).await.location().to_owned();
        assert_eq!(to_sign_in, format!("/sign-in?return={}", path.replace('/', "%2F")));
        let vote = format!("/v1/requests/{}/approve", request["id"].as_str().unwrap());
        let call = hub.call(reqwest::Method::POST, &vote).header("Sec-Fetch-Site", "same-origin").json(&json!({}));
        assert_eq!(browser.send(call).await.problem(403), "membership_stale");
        assert_eq!(hub.show(&request).await["votes"], json!([]));

        issuer.conduct().now = hub.now();
        assert_eq!(again(&mut browser, &path).await, path);
        let page = browser.open(&path).await;
        assert!(page.expect_page(200).contains("checked the carts"), "{}", page.text);
        assert_eq!(browser.submit(&path, &typed).await.location(), path);
        let shown = hub.show(&request).await;
        assert_eq!((&shown["status"], &shown["votes"][0]["assurance"]), (&json!("approved"), &json!("sso")));
    }

    async fn who_was_removed_at_the_provider_may_not_vote_after_the_next_sign_in(database: Database) {
        let (hub, issuer, request, path) = asked(database).await;
        let mut browser = after_half_a_day(&hub).await;
        issuer.conduct().now = hub.now();
        issuer.conduct().claims = json!({"groups": ["everyone"]});
        assert_eq!(again(&mut browser, &path).await, path);
        let page = browser.open(&path).await;
        assert!(page.expect_page(200).contains("who may not decide"), "{}", page.text);
        assert!(!page.text.contains("value=\"approve\""), "{}", page.text);
        assert_eq!(hub.show(&request).await["votes"], json!([]));
    }

    async fn a_decision_counts_although_the_sign_in_gets_old_afterwards(database: Database) {
        let (hub, issuer, _, _) = asked(database).await;
        // Systems may vote too.
        let policy = json!({"slots": [{"group": "dba", "needed": 2}], "timeout_seconds": 86_400, "min_assurance": "delegated"});
        hub.put("/v1/resources/orders", &policy).await.expect(200);
        issuer.conduct().claims = json!({"email": "erik@example.com", "groups": ["team-dba"]});
        sign_in(&mut Browser::new(&hub), "/account").await.location();
        let request = hub.ask("orders", "delete from carts").await;
        hub.vote(&request, "approve", "dana@example.com").await.expect(200);
        hub.advance(12 * HOUR);
        assert_eq!(hub.vote(&request, "approve", "erik@example.com").await.problem(403), "membership_stale");
        issuer.conduct().now = hub.now();
        sign_in(&mut Browser::new(&hub), "/account").await.location();
        assert_eq!(hub.vote(&request, "approve", "erik@example.com").await.expect(200)["status"], "approved");
    }
}
