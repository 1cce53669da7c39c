//! Where a recent sign-in is demanded, only what the provider states about its time counts.

use reqwest::Method;
use serde_json::{Value, json};
use url::Url;

use super::{SESSION, hub, sign_in};
use crate::support::{Answer, Browser, Database, Issuer, Receiver, TestHub, on_both};

/// A hub whose orders demand a sign-in within five minutes, and a request.
async fn guarded(database: Database) -> (TestHub, Issuer, Value) {
    let (hub, issuer) = hub(database).await;
    let hub = hub.with_policy().await;
    let orders = json!({"slots": [{"group": "dba"}], "fresh_sign_in_seconds": 300});
    hub.put("/v1/resources/orders", &orders).await.expect(200);
    let request = hub.ask("orders", "delete from carts").await;
    (hub, issuer, request)
}

async fn approve(browser: &mut Browser<'_>, hub: &TestHub, request: &Value) -> Answer {
    let path = format!("/v1/requests/{}/approve", request["id"].as_str().unwrap());
    browser.send(hub.call(Method::POST, &path).header("Sec-Fetch-Site", "same-origin").json(&json!({}))).await
}

/// Signs in as who changes the provider's URL on the way: without what makes it ask, and say when.
async fn sign_in_unasked(browser: &mut Browser<'_>) -> Answer {
    let mut url = Url::parse(browser.open("/sign-in/oidc?return=/account").await.location()).unwrap();
    let kept: Vec<_> =
        url.query_pairs().into_owned().filter(|(name, _)| name != "prompt" && name != "max_age").collect();
    url.query_pairs_mut().clear().extend_pairs(kept);
    let answer = browser.outside().get(url).send().await.unwrap();
    let back = answer.headers()["location"].to_str().unwrap().to_owned();
    browser.open(&back).await
}

on_both! {
    async fn a_sign_in_of_unknown_age_is_recent_nowhere(database: Database) {
        let (hub, issuer, request) = guarded(database).await;
        let receiver = Receiver::start().await;
        hub.endpoint("dba", "custom", &receiver.url, &["dba"]).await;
        let (later, message) = (hub.ask("orders", "another").await, receiver.wait_for(1).await[0].json());
        issuer.conduct().claims = json!({"auth_time": null});
        let mut browser = Browser::new(&hub);
        sign_in(&mut browser, "/account").await.location();
        for request in [&request, &later] {
            assert_eq!(approve(&mut browser, &hub, request).await.problem(403), "sign_in_stale");
            assert_eq!(hub.show(request).await["votes"], json!([]));
        }
        let account = browser.open("/account").await;
        assert!(account.expect_page(200).contains("does not say when you proved who you are"), "{}", account.text);
        assert!(!account.text.contains("1970"), "{}", account.text);
        let me = browser.send(hub.call(Method::GET, "/v1/me").header("Sec-Fetch-Site", "same-origin")).await.expect(200);
        assert_eq!((&me["method"], &me["signed_in_at"]), (&json!("sso"), &Value::Null));
        let link = message["data"]["links"]["approve"].as_str().unwrap();
        let page = browser.open(link).await;
        assert!(page.expect_page(200).contains("does not say when you proved who you are"), "{}", page.text);
        browser.submit(link, &[("decision", "approve")]).await.location();
        assert_eq!(hub.show(&later).await["votes"], json!([]));
        // It is a sign-in like any other elsewhere.
        hub.put("/v1/resources/orders", &json!({"slots": [{"group": "dba"}]})).await.expect(200);
        let other = hub.ask("orders", "insert").await;
        assert_eq!(approve(&mut browser, &hub, &other).await.expect(200)["votes"][0]["assurance"], "sso");
    }

    async fn who_keeps_the_provider_from_asking_again_has_no_recent_sign_in(database: Database) {
        let (hub, issuer, request) = guarded(database).await;
        let mut browser = Browser::new(&hub);
        sign_in(&mut browser, "/account").await.location();
        let session = browser.cookie(SESSION).unwrap().to_owned();
        hub.advance(600);
        issuer.conduct().now = hub.now();
        assert_eq!(approve(&mut browser, &hub, &request).await.problem(403), "sign_in_stale");
        // Providers state the time of a sign-in only to who asks for it.
        issuer.conduct().claims = json!({"auth_time": null});
        sign_in_unasked(&mut browser).await.location();
        assert_ne!(browser.cookie(SESSION), Some(session.as_str()));
        assert_eq!(approve(&mut browser, &hub, &request).await.problem(403), "sign_in_stale");
        // Nor does it help to sign out first.
        let mut other = Browser::new(&hub);
        sign_in_unasked(&mut other).await.location();
        assert_eq!(approve(&mut other, &hub, &request).await.problem(403), "sign_in_stale");
        issuer.conduct().claims = Value::Null;
        sign_in(&mut browser, "/account").await.location();
        approve(&mut browser, &hub, &request).await.expect(200);
    }
}
