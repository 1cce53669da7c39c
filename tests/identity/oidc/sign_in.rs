//! Signing in: what the provider is asked, and what follows from its answer.

use std::collections::BTreeMap;

use countersign::config::OidcSettings;
use countersign::oidc::{ClientAuth, EmailRule};
use countersign::time::ManualClock;
use serde_json::json;
use url::Url;

use super::{SESSION, hub, hub_of, settings, sign_in, visit};
use crate::serve::free_port;
use crate::support::{Browser, Database, Issuer, Options, SigningKey, TestHub, on_both};

fn query(url: &str) -> BTreeMap<String, String> {
    Url::parse(url).unwrap().query_pairs().into_owned().collect()
}

/// Signs in on a hub with these settings and returns who is signed in.
async fn person(hub: &TestHub) -> String {
    let mut browser = Browser::new(hub);
    sign_in(&mut browser, "/account").await.location();
    let page = browser.open("/account").await;
    let text = page.expect_page(200);
    text.split("<h1>").nth(1).and_then(|rest| rest.split('<').next()).unwrap().to_owned()
}

on_both! {
    async fn a_person_signs_in_and_comes_back_to_the_very_page(database: Database) {
        let (hub, issuer) = hub(database).await;
        let mut browser = Browser::new(&hub);
        let page = browser.open("/sign-in?return=/account?x=1").await;
        let text = page.expect_page(200);
        assert!(text.contains("Sign in with Example ID") && text.contains("/sign-in/oidc?return=%2Faccount%3Fx%3D1"), "{text}");

        let going = browser.open("/sign-in/oidc?return=%2Faccount%3Fx%3D1").await;
        assert_eq!(going.headers["cache-control"], "no-store");
        let asked = query(going.location());
        assert_eq!(asked["response_type"], "code");
        assert_eq!(asked["scope"], "openid email");
        assert_eq!(asked["code_challenge_method"], "S256");
        assert_eq!(asked["redirect_uri"], format!("{}/sign-in/callback", hub.url));
        assert!(asked["state"].len() >= 43 && asked["nonce"].len() >= 43 && asked["state"] != asked["nonce"]);
        assert!(!asked.contains_key("prompt"));
        assert_eq!(asked["max_age"], "604800", "so that the provider states auth_time");
        assert_eq!(browser.cookie(SESSION), None);

        let back = visit(&mut browser, "/sign-in/oidc?return=%2Faccount%3Fx%3D1").await;
        assert_eq!(browser.open(&back).await.location(), "/account?x=1");
        let account = browser.open("/account?x=1").await;
        let text = account.expect_page(200);
        assert!(text.contains("<h1>dana@example.com</h1>") && text.contains("with your company account"), "{text}");
        assert_eq!(issuer.calls("/userinfo"), 0, "the ID token says it all");
        assert_eq!(issuer.calls("/keys"), 1);
    }

    async fn a_vote_after_the_sign_in_has_the_assurance_sso(database: Database) {
        let (hub, _issuer) = hub(database).await;
        let hub = hub.with_policy().await;
        let request = hub.ask("orders", "delete from carts").await;
        let mut browser = Browser::new(&hub);
        sign_in(&mut browser, "/account").await.location();
        let path = format!("/v1/requests/{}/approve", request["id"].as_str().unwrap());
        let call = hub.call(reqwest::Method::POST, &path).header("Sec-Fetch-Site", "same-origin").json(&json!({}));
        let vote = browser.send(call).await.expect(200)["votes"][0].clone();
        assert_eq!((vote["person"].as_str(), vote["assurance"].as_str()), (Some("dana@example.com"), Some("sso")));
    }

    async fn groups_of_the_provider_decide_who_may_vote(database: Database) {
        let (hub, issuer) = hub(database).await;
        hub.put("/v1/groups/dba", &json!({"members": ["erik@example.com"], "from_claim": ["team-dba"]})).await.expect(200);
        hub.put("/v1/resources/orders", &json!({"slots": [{"group": "dba"}]})).await.expect(200);
        let votes = async |groups: serde_json::Value| {
            issuer.conduct().claims = json!({"groups": groups});
            let request = hub.ask("orders", "delete from carts").await;
            let mut browser = Browser::new(&hub);
            sign_in(&mut browser, "/account").await.location();
            let path = format!("/v1/requests/{}/approve", request["id"].as_str().unwrap());
            let call = hub.call(reqwest::Method::POST, &path).header("Sec-Fetch-Site", "same-origin").json(&json!({}));
            browser.send(call).await.status
        };
        assert_ne!(votes(json!(["team-web"])).await, 200);
        assert_eq!(votes(json!(["team-web", "team-dba"])).await, 200);
        // Removed at the provider, and signed in again.
        assert_ne!(votes(json!([])).await, 200);
    }

    async fn two_tabs_sign_in_each_for_its_own_page(database: Database) {
        let (hub, _issuer) = hub(database).await;
        let mut browser = Browser::new(&hub);
        let one = visit(&mut browser, "/sign-in/oidc?return=/account?tab=1").await;
        let two = visit(&mut browser, "/sign-in/oidc?return=/account?tab=2").await;
        assert_eq!(browser.open(&one).await.location(), "/account?tab=1");
        let first = browser.cookie(SESSION).unwrap().to_owned();
        assert_eq!(browser.open(&two).await.location(), "/account?tab=2");
        assert_ne!(browser.cookie(SESSION), Some(first.as_str()), "a new session at each sign-in");
        // The former one is over.
        browser.set_cookie(SESSION, Some(&first));
        assert!(browser.open("/account").await.location().starts_with("/sign-in"));
    }

    async fn who_is_signed_in_is_asked_again(database: Database) {
        let (hub, issuer) = hub(database).await;
        let mut browser = Browser::new(&hub);
        sign_in(&mut browser, "/account").await.location();
        hub.advance(3_600);
        issuer.conduct().now = hub.now();
        let asked = query(browser.open("/sign-in/oidc?return=/account").await.location());
        assert_eq!((asked["prompt"].as_str(), asked["max_age"].as_str()), ("login", "0"));
        // A provider that signs the person in without asking proves nothing new.
        issuer.conduct().claims = json!({"auth_time": hub.now().as_seconds() - 3_600});
        let page = sign_in(&mut browser, "/account").await;
        assert!(page.expect_page(403).contains("prove again"), "{}", page.text);
        issuer.conduct().claims = json!({"email": "erik@example.com"});
        sign_in(&mut browser, "/account").await.location();
        assert!(browser.open("/account").await.text.contains("<h1>erik@example.com</h1>"));
    }

    async fn a_session_is_as_old_as_the_proof_and_lives_its_whole_life(database: Database) {
        let (hub, issuer) = hub(database).await;
        // The provider has known the person for a month.
        issuer.conduct().claims = json!({"auth_time": hub.now().as_seconds() - 30 * 86_400});
        let mut browser = Browser::new(&hub);
        sign_in(&mut browser, "/account").await.location();
        let page = browser.open("/account").await;
        assert!(page.expect_page(200).contains("2026-10-22"), "{}", page.text);
    }

    async fn claims_may_come_from_userinfo_and_have_other_names(database: Database) {
        let (hub, issuer) = hub(database).await;
        issuer.conduct().claims = json!({"email": null, "email_verified": null, "groups": null, "address": "a text"});
        issuer.conduct().userinfo = json!({"email": "Sam@Example.com", "email_verified": "true", "groups": ["a"]});
        assert_eq!(person(&hub).await, "sam@example.com");
        assert_eq!(issuer.calls("/userinfo"), 1);
        let (database, _) = hub.stop().await;

        let other = OidcSettings {
            email_claim: "upn".to_owned(),
            email_rule: EmailRule::IfPresent,
            groups_claim: "realm_access.roles".to_owned(),
            ..settings(&issuer)
        };
        issuer.conduct().claims =
            json!({"upn": "erik@example.com", "email_verified": null, "groups": null, "realm_access": {"roles": ["dba"]}});
        let hub = hub_of(database, other).await;
        assert_eq!(person(&hub).await, "erik@example.com");
        assert_eq!(issuer.calls("/userinfo"), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_usual_keys_and_client_methods_sign_in() {
    let issuer = Issuer::start("2026-11-21T12:00:00Z".parse().unwrap()).await;
    let with = |auth: Option<ClientAuth>, has_secret: bool| {
        let settings = settings(&issuer);
        let client_secret = settings.client_secret.clone().filter(|_| has_secret);
        OidcSettings { client_auth: auth, client_secret, ..settings }
    };
    issuer.conduct().keys = vec![SigningKey::rs256("r")];
    issuer.conduct().accepts = &["client_secret_post"];
    assert_eq!(person(&hub_of(Database::sqlite(), with(None, true)).await).await, "dana@example.com");
    issuer.conduct().keys = vec![SigningKey::ed25519("d")];
    issuer.conduct().accepts = &["none"];
    assert_eq!(person(&hub_of(Database::sqlite(), with(None, false)).await).await, "dana@example.com");
    issuer.conduct().accepts = &["client_secret_basic"];
    assert_eq!(
        person(&hub_of(Database::sqlite(), with(Some(ClientAuth::Basic), true)).await).await,
        "dana@example.com"
    );
    // Another method is never tried silently.
    let hub = hub_of(Database::sqlite(), with(Some(ClientAuth::Post), true)).await;
    let page = sign_in(&mut Browser::new(&hub), "/account").await;
    assert!(page.expect_page(502).contains("does not accept this hub"), "{}", page.text);
    assert_eq!(issuer.calls("/token"), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_replica_begins_and_another_finishes() {
    let (hub, issuer) = hub(Database::postgres().await).await;
    let folder = tempfile::tempdir().unwrap();
    let key = "secrets.key";
    std::fs::copy(hub.database.folder.path().join(key), folder.path().join(key)).unwrap();
    let twin = Database { url: hub.database.url.clone(), folder };
    let port = free_port();
    let options =
        Options { oidc: Some(settings(&issuer)), behind: Some((port, hub.url.clone())), ..Options::default() };
    let _other = TestHub::start_at(twin, options, ManualClock::starting_at(hub.now())).await;
    let mut browser = Browser::new(&hub);
    let back = visit(&mut browser, "/sign-in/oidc?return=/account").await;
    let path = back.strip_prefix(&hub.url).unwrap();
    let elsewhere = format!("http://127.0.0.1:{port}{path}");
    assert_eq!(browser.open(&elsewhere).await.location(), "/account");
    assert!(browser.open("/account").await.expect_page(200).contains("dana@example.com"));
    assert_eq!(browser.open(&back).await.status, 410, "it was used on the other replica");
}
