//! Whatever goes wrong is a page that says what happened and what to do, and nobody is signed in.

use countersign::store::StoreError;
use countersign::store::oidc_sign_ins;
use serde_json::{Value, json};

use super::{SESSION, hub, sign_in, visit};
use crate::support::{Browser, Conduct, Database, SigningKey, TestHub, on_both};

/// One thing that a provider can do wrong, and what the page says.
type Case = (&'static str, fn(&mut Conduct), u16, &'static str);

const TRUST: &str = "cannot trust";

/// ID tokens that are not to be trusted.
fn tokens() -> Vec<Case> {
    vec![
        ("issuer", |conduct| conduct.claims = json!({"iss": "https://elsewhere.example"}), 502, TRUST),
        ("nonce", |conduct| conduct.claims = json!({"nonce": "marker"}), 502, TRUST),
        ("no nonce", |conduct| conduct.claims = json!({"nonce": null}), 502, TRUST),
        ("audience", |conduct| conduct.claims = json!({"aud": "another"}), 502, TRUST),
        ("two audiences", |conduct| conduct.claims = json!({"aud": ["countersign", "another"]}), 502, TRUST),
        ("authorized party", |conduct| conduct.claims = json!({"azp": "another"}), 502, TRUST),
        ("expired", |conduct| conduct.claims = json!({"exp": conduct.now.as_seconds() - 60}), 502, "clocks"),
        ("future", |conduct| conduct.claims = json!({"iat": conduct.now.as_seconds() + 61}), 502, "clocks"),
        ("not before", |conduct| conduct.claims = json!({"nbf": conduct.now.as_seconds() + 61}), 502, "clocks"),
        ("unsigned", |conduct| (conduct.header, conduct.signature) = (json!({"alg": "none"}), Some("")), 502, TRUST),
        ("shared secret", |conduct| conduct.header = json!({"alg": "HS256"}), 502, TRUST),
        ("another algorithm", |conduct| conduct.header = json!({"alg": "PS256"}), 502, TRUST),
        ("signature", |conduct| conduct.signature = Some("AAAA"), 502, TRUST),
        ("another key", |conduct| conduct.signer = Some(SigningKey::es256("first")), 502, TRUST),
        ("unknown key", |conduct| conduct.signer = Some(SigningKey::es256("other")), 502, TRUST),
        ("access token", |conduct| conduct.header = json!({"typ": "at+jwt"}), 502, TRUST),
    ]
}

/// Other answers, and what is said about the person.
fn answers() -> Vec<Case> {
    vec![
        (
            "no token",
            |conduct| conduct.token = Some((200, json!({"access_token": "a"}))),
            502,
            "does not say who you are",
        ),
        ("no JSON", |conduct| conduct.token = Some((200, json!("text"))), 503, "cannot reach Example ID"),
        ("code", |conduct| conduct.token = Some((400, json!({"error": "invalid_grant"}))), 502, "no longer accepts"),
        ("client", |conduct| conduct.token = Some((401, json!({"error": "invalid_client"}))), 502, "does not accept"),
        ("token endpoint", |conduct| conduct.down = vec!["/token"], 503, "cannot reach Example ID"),
        ("answer's issuer", |conduct| conduct.answer = json!({"iss": "https://elsewhere.example"}), 502, TRUST),
        ("no issuer", |conduct| conduct.answer = json!({"iss": null}), 502, TRUST),
        ("no address", |conduct| conduct.claims = json!({"email": null}), 403, "which e-mail address is yours"),
        ("no real address", |conduct| conduct.claims = json!({"email": "dana"}), 403, "which e-mail address is yours"),
        ("not verified", |conduct| conduct.claims = json!({"email_verified": false}), 403, "has not verified"),
        ("text false", |conduct| conduct.claims = json!({"email_verified": "false"}), 403, "has not verified"),
        (
            "unknown verification",
            |conduct| conduct.claims = json!({"email_verified": null}),
            403,
            "does not say whether",
        ),
        ("groups no list", |conduct| conduct.claims = json!({"groups": "dba"}), 403, "cannot read"),
        ("many groups", |conduct| conduct.claims = json!({"groups": many()}), 403, "more groups than"),
        (
            "groups elsewhere",
            |conduct| conduct.claims = json!({"groups": null, "_claim_names": {"groups": "src1"}}),
            403,
            "more groups than",
        ),
        (
            "another subject",
            |conduct| (conduct.claims, conduct.userinfo) = (json!({"groups": null}), json!({"sub": "erik"})),
            403,
            "two different people",
        ),
        (
            "userinfo down",
            |conduct| (conduct.claims, conduct.down) = (json!({"groups": null}), vec!["/userinfo"]),
            503,
            "cannot reach Example ID",
        ),
        ("cancelled", |conduct| conduct.answer = json!({"code": null, "error": "access_denied"}), 403, "was cancelled"),
        ("refused", |conduct| conduct.answer = json!({"code": null, "error": "server_error"}), 502, "server_error"),
        (
            "hostile error",
            |conduct| conduct.answer = json!({"code": null, "error": "<b>x</b>"}),
            502,
            "an unknown error",
        ),
    ]
}

fn many() -> Value {
    (0..5_000).map(|number| format!("group-{number}")).collect()
}

async fn assert_nobody_is_signed_in(hub: &TestHub, browser: &mut Browser<'_>, what: &str) {
    assert_eq!(browser.cookie(SESSION), None, "{what}");
    assert!(browser.open("/account").await.location().starts_with("/sign-in"), "{what}");
    let trail = hub.get("/v1/audit?limit=200").await.expect(200);
    assert!(!trail.to_string().contains("session.started"), "{what}");
}

on_both! {
    async fn each_wrong_answer_has_a_page_and_signs_nobody_in(database: Database) {
        let (hub, issuer) = hub(database).await;
        let usual = || (Value::Null, Value::Null, Value::Null, Value::Null);
        for (what, misbehave, status, says) in tokens().into_iter().chain(answers()) {
            misbehave(&mut issuer.conduct());
            let mut browser = Browser::new(&hub);
            let back = visit(&mut browser, "/sign-in/oidc?return=/account?x=1").await;
            let page = browser.open(&back).await;
            assert!(page.expect_page(status).contains(says), "{what}: {}", page.text);
            // What to do is on the page: the way back to the same place.
            assert!(page.text.contains("/sign-in?return=%2Faccount%3Fx%3D1"), "{what}: {}", page.text);
            assert!(!page.text.contains("<b>x</b>") && !page.text.contains("marker-access-token"), "{what}");
            assert_nobody_is_signed_in(&hub, &mut browser, what).await;
            let mut conduct = issuer.conduct();
            (conduct.claims, conduct.header, conduct.answer, conduct.userinfo) = usual();
            (conduct.signature, conduct.signer, conduct.token, conduct.down) = (None, None, None, Vec::new());
        }
        // Nothing of that lasts. (A failure to reach the provider is remembered for seconds.)
        hub.advance(10);
        issuer.conduct().now = hub.now();
        sign_in(&mut Browser::new(&hub), "/account").await.location();
    }

    async fn a_provider_that_is_down_at_the_beginning_is_a_page_and_later_works(database: Database) {
        let (hub, issuer) = hub(database).await;
        let mut browser = Browser::new(&hub);
        issuer.conduct().down = vec!["*"];
        assert!(browser.open("/sign-in").await.expect_page(200).contains("Sign in with Example ID"));
        for _ in 0..3 {
            let page = browser.open("/sign-in/oidc?return=/account").await;
            assert!(page.expect_page(503).contains("Try again in a minute"), "{}", page.text);
        }
        assert_eq!(issuer.calls("/.well-known/openid-configuration"), 1);
        issuer.conduct().down.clear();
        hub.advance(5);
        issuer.conduct().now = hub.now();
        sign_in(&mut browser, "/account").await.location();
    }

    async fn an_answer_works_once_in_its_own_browser_and_in_time(database: Database) {
        let (hub, issuer) = hub(database).await;
        let mut browser = Browser::new(&hub);
        let back = visit(&mut browser, "/sign-in/oidc?return=/account").await;
        // Another browser learns nothing, and uses nothing up.
        let mut stranger = Browser::new(&hub);
        assert!(stranger.open(&back).await.expect_page(403).contains("another browser"));
        visit(&mut stranger, "/sign-in/oidc").await;
        assert!(stranger.open(&back).await.expect_page(403).contains("another browser"));
        assert_nobody_is_signed_in(&hub, &mut stranger, "stranger").await;
        browser.open(&back).await.location();
        // The back button, and a reload.
        let session = browser.cookie(SESSION).map(str::to_owned);
        let again = browser.open(&back).await;
        let text = again.expect_page(410);
        assert!(text.contains("already finished") && text.contains("still signed in as dana@example.com"), "{text}");
        assert!(text.contains("href=\"/account\""), "{text}");
        assert_eq!(browser.cookie(SESSION).map(str::to_owned), session, "the session lasts");
        assert_eq!(issuer.calls("/token"), 1, "a code is sent once");

        let mut slow = Browser::new(&hub);
        let back = visit(&mut slow, "/sign-in/oidc?return=/account").await;
        hub.advance(600);
        assert!(slow.open(&back).await.expect_page(410).contains("within 10 minutes"));
        // Rows that ended are deleted by the next sign-ins.
        visit(&mut slow, "/sign-in/oidc?return=/account").await;
        assert!(slow.open(&back).await.expect_page(410).contains("within 10 minutes"));
        assert_eq!(slow.cookie(SESSION), None);
    }

    async fn an_answer_without_cookie_or_form_is_a_page(database: Database) {
        let (hub, _issuer) = hub(database).await;
        let mut browser = Browser::new(&hub);
        let back = visit(&mut browser, "/sign-in/oidc").await;
        browser.set_cookie("__Host-countersign-oidc", None);
        assert!(browser.open(&back).await.expect_page(403).contains("cookies are off"));
        for path in ["/sign-in/callback", "/sign-in/callback?code=a", "/sign-in/callback?state=a&code=b&code=c"] {
            assert!(browser.open(path).await.expect_page(410).contains("no sign-in that is under way"), "{path}");
        }
        browser.open("/sign-in/oidc").await.location();
        assert_eq!(browser.open("/sign-in/callback?code=a&state=unknown").await.status, 410);
        let long = "x".repeat(5_000);
        assert_eq!(browser.open(&format!("/sign-in/callback?code={long}&state=a")).await.status, 410);
        // A return path to another host is not taken.
        let back = visit(&mut browser, "/sign-in/oidc?return=https://evil.example.com/").await;
        assert_eq!(browser.open(&back).await.location(), "/");
    }

    async fn without_a_provider_there_is_no_such_sign_in(database: Database) {
        let hub = TestHub::start(database).await;
        let mut browser = Browser::new(&hub);
        assert!(!browser.open("/sign-in").await.text.contains("/sign-in/oidc"));
        assert!(browser.open("/sign-in/oidc").await.expect_page(404).contains("no identity provider"));
        browser.open("/sign-out/provider").await.expect_page(404);
    }

    async fn the_sign_ins_under_way_are_bounded(database: Database) {
        let (hub, _issuer) = hub(database).await;
        let mut browser = Browser::new(&hub);
        let mut backs = Vec::new();
        for _ in 0..5 {
            backs.push(visit(&mut browser, "/sign-in/oidc").await);
            hub.advance(1);
        }
        let bounded = hub.server.store().write::<_, (), StoreError>(|tx| {
            Box::pin(async move { oidc_sign_ins::bound(tx.session(), 2, 100).await })
        });
        bounded.await.unwrap();
        let mut statuses = Vec::new();
        for back in &backs {
            statuses.push(Browser::open(&mut browser, back).await.status);
        }
        assert_eq!(statuses, [410, 410, 410, 303, 303], "the oldest are dropped");
    }

    async fn a_deactivated_person_is_not_signed_in(database: Database) {
        let (hub, _issuer) = hub(database).await;
        let user = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "dana@example.com", "active": false,
        });
        hub.post("/scim/v2/Users", &user).await;
        let mut browser = Browser::new(&hub);
        let page = sign_in(&mut browser, "/account").await;
        assert!(page.expect_page(403).contains("deactivated"), "{}", page.text);
        assert_nobody_is_signed_in(&hub, &mut browser, "deactivated").await;
    }
}
