//! Signing out: at the hub, at the provider, and by the provider.

use reqwest::Method;
use serde_json::{Value, json};

use super::{SESSION, hub, sign_in};
use crate::support::{Answer, Browser, Database, Issuer, OIDC_CLIENT, TestHub, on_both};

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// A logout token with changes.
fn token(issuer: &Issuer, id: &str, changes: &Value) -> String {
    let mut claims = json!({"aud": OIDC_CLIENT, "sub": "dana-1", "sid": "session-1", "jti": id, "events": {EVENT: {}}});
    for (name, value) in changes.as_object().into_iter().flatten() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    issuer.sign(&claims)
}

async fn log_out(hub: &TestHub, token: &str) -> Answer {
    let call = hub.call(Method::POST, "/sign-in/backchannel-logout");
    let call = call.header("content-type", "application/x-www-form-urlencoded");
    hub.send(call.body(format!("logout_token={token}"))).await
}

async fn is_signed_in(browser: &mut Browser<'_>) -> bool {
    browser.open("/account").await.status == 200
}

on_both! {
    async fn the_provider_ends_a_session_or_all_of_a_person(database: Database) {
        let (hub, issuer) = hub(database).await;
        let mut browsers = Vec::new();
        for sid in ["one", "two", "three"] {
            issuer.conduct().claims = json!({"sid": sid});
            let mut browser = Browser::new(&hub);
            sign_in(&mut browser, "/account").await.location();
            browsers.push(browser);
        }
        issuer.conduct().claims = json!({"sub": "erik-1", "email": "erik@example.com", "sid": "four"});
        let mut erik = Browser::new(&hub);
        sign_in(&mut erik, "/account").await.location();

        let answer = log_out(&hub, &token(&issuer, "a", &json!({"sid": "two"}))).await;
        assert_eq!((answer.status, answer.headers["cache-control"].to_str().unwrap()), (200, "no-store"));
        let mut left = Vec::new();
        for browser in &mut browsers {
            left.push(is_signed_in(browser).await);
        }
        assert_eq!(left, [true, false, true]);
        // A session of another person with the same name there is not meant.
        assert_eq!(log_out(&hub, &token(&issuer, "b", &json!({"sub": "erik-1", "sid": "one"}))).await.status, 200);
        assert!(is_signed_in(&mut browsers[0]).await && is_signed_in(&mut erik).await);
        assert_eq!(log_out(&hub, &token(&issuer, "c", &json!({"sid": null}))).await.status, 200);
        assert!(!is_signed_in(&mut browsers[0]).await && !is_signed_in(&mut browsers[2]).await);
        assert!(is_signed_in(&mut erik).await);
        assert_eq!(log_out(&hub, &token(&issuer, "d", &json!({"sub": null, "sid": "four"}))).await.status, 200);
        assert!(!is_signed_in(&mut erik).await);
        let trail = hub.get("/v1/audit?limit=200").await.expect(200).to_string();
        assert_eq!(trail.matches("signed out at the identity provider").count(), 4);
    }

    async fn only_a_genuine_logout_token_ends_a_session_and_once(database: Database) {
        let (hub, issuer) = hub(database).await;
        let mut browser = Browser::new(&hub);
        sign_in(&mut browser, "/account").await.location();
        let now = hub.now().as_seconds();
        for (what, changes) in [
            ("issuer", json!({"iss": "https://elsewhere.example"})),
            ("audience", json!({"aud": "another"})),
            ("expired", json!({"exp": now - 60})),
            ("future", json!({"iat": now + 61})),
            ("no events", json!({"events": null})),
            ("other event", json!({"events": {"other": {}}})),
            ("nonce", json!({"nonce": "n"})),
            ("nobody", json!({"sub": null, "sid": null})),
            ("no id", json!({"jti": null})),
            ("long life", json!({"exp": now + 86_401})),
        ] {
            let answer = log_out(&hub, &token(&issuer, what, &changes)).await;
            assert_eq!(answer.expect(400)["error"], "invalid_request", "{what}");
        }
        issuer.conduct().signature = Some("AAAA");
        assert_eq!(log_out(&hub, &token(&issuer, "signature", &Value::Null)).await.status, 400);
        issuer.conduct().signature = None;
        for body in ["", "logout_token=", "logout_token=a.b.c", "other=1"] {
            let call = hub.call(Method::POST, "/sign-in/backchannel-logout");
            let call = call.header("content-type", "application/x-www-form-urlencoded").body(body);
            assert_eq!(hub.send(call).await.status, 400, "{body}");
        }
        assert!(is_signed_in(&mut browser).await, "nothing of that signs anybody out");

        let once = token(&issuer, "once", &Value::Null);
        assert_eq!(log_out(&hub, &once).await.status, 200);
        assert!(!is_signed_in(&mut browser).await);
        let mut later = Browser::new(&hub);
        sign_in(&mut later, "/account").await.location();
        assert_eq!(log_out(&hub, &once).await.status, 400, "it was used");
        assert!(is_signed_in(&mut later).await);
    }

    async fn who_signs_out_is_shown_the_way_to_sign_out_there(database: Database) {
        let (hub, issuer) = hub(database).await;
        let mut browser = Browser::new(&hub);
        sign_in(&mut browser, "/account").await.location();
        browser.open("/account").await.expect_page(200);
        let page = browser.submit("/sign-out", &[]).await;
        assert!(page.expect_page(200).contains("/sign-out/provider") && page.text.contains("Example ID"), "{}", page.text);
        assert_eq!(browser.cookie(SESSION), None);
        let url = browser.open("/sign-out/provider").await.location().to_owned();
        let asked: std::collections::BTreeMap<_, _> = url::Url::parse(&url).unwrap().query_pairs().into_owned().collect();
        assert!(url.starts_with(&format!("{}/end?", issuer.url)), "{url}");
        assert_eq!(asked["post_logout_redirect_uri"], format!("{}/sign-in", hub.url));
        assert_eq!(asked["client_id"], OIDC_CLIENT);
    }
}
