//! Device authorization (RFC 8628): what a device is told, who can confirm it, and what it then gets.

use countersign::config::{NetworkSettings, RateSettings};
use countersign::hub::MAX_DEVICES_OF_ADDRESS;
use reqwest::Method;
use serde_json::{Value, json};

use crate::secrets::dump;
use crate::support::{Answer, Browser, Database, Options, TestHub, on_both};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A device that waits for its person.
pub(super) struct Waiting {
    device_code: String,
    pub(super) user_code: String,
}

impl TestHub {
    pub(super) async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let call = self.call(Method::POST, path).header("content-type", "application/x-www-form-urlencoded").body(body);
        self.send(call).await
    }

    async fn begin_device(&self) -> Waiting {
        let fields = [("client_id", "tool"), ("device_name", "build-7"), ("unknown", "ignored")];
        let made = self.form("/v1/device/authorize", &fields).await.expect(200);
        let text = |field: &str| made[field].as_str().expect("a text").to_owned();
        assert_eq!(text("verification_uri"), format!("{}/device", self.url));
        assert_eq!(text("verification_uri_complete"), format!("{}/device?code={}", self.url, text("user_code")));
        assert_eq!((&made["expires_in"], &made["interval"]), (&json!(600), &json!(5)));
        Waiting { device_code: text("device_code"), user_code: text("user_code") }
    }

    async fn poll(&self, waiting: &Waiting) -> Answer {
        let fields = [("grant_type", GRANT), ("client_id", "tool"), ("device_code", waiting.device_code.as_str())];
        self.form("/v1/device/token", &fields).await
    }

    /// Polls when the interval is over.
    async fn poll_later(&self, waiting: &Waiting) -> Answer {
        self.advance(60);
        self.poll(waiting).await
    }
}

/// The error of an answer in the form of RFC 6749.
pub(super) fn error(answer: &Answer, status: u16) -> String {
    let body = answer.expect(status);
    assert!(answer.headers["cache-control"] == "no-store" && answer.headers["pragma"] == "no-cache");
    let description = body["error_description"].as_str().expect("a description");
    assert!(!description.is_empty() && description.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{description}");
    assert!(!description.contains(['"', '\\']), "{description}");
    body["error"].as_str().expect("an error").to_owned()
}

impl Browser<'_> {
    pub(super) async fn decide(&mut self, code: &str, decision: &str) -> Answer {
        self.open(&format!("/device?code={code}")).await.expect_page(200);
        self.submit("/device", &[("code", code), ("decision", decision)]).await
    }
}

on_both! {
    async fn a_confirmed_device_acts_as_the_person_with_the_same_sign_in(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let waiting = hub.begin_device().await;
        assert_eq!(error(&hub.poll(&waiting).await, 400), "authorization_pending");
        let mut browser = Browser::signed_in(&hub, "dana@example.com").await;
        let signed_in_at = hub.now();
        hub.advance(60);
        let done = browser.decide(&waiting.user_code.to_lowercase().replace('-', " "), "confirm").await;
        assert!(done.expect_page(200).contains("The device acts as dana@example.com"), "{}", done.text);
        let got = hub.poll_later(&waiting).await;
        let token = got.expect(200);
        assert!(got.headers["cache-control"] == "no-store" && token["token_type"] == "Bearer", "{}", got.text);
        assert_eq!(token["scope"], "requester approver");
        let secret = token["access_token"].as_str().expect("a secret");
        let me = hub.get_with(secret, "/v1/me").await.expect(200);
        assert_eq!(
            (&me["kind"], &me["person"], &me["method"], &me["signed_in_at"], &me["scopes"]),
            (&json!("session"), &json!("dana@example.com"), &json!("link"), &json!(signed_in_at), &json!(["requester", "approver"]))
        );
        assert_eq!(token["expires_in"], 7 * 86_400);
        // A vote counts as the person's.
        let asked = hub.ask("orders", "x").await;
        let vote = json!({"digest": asked["digest"]});
        let path = format!("/v1/requests/{}/approve", asked["id"].as_str().unwrap());
        assert_eq!(hub.post_with(secret, &path, &vote).await.expect(200)["status"], "approved");
        // It is on the person's page, and not in the cookie of a browser.
        let page = browser.open("/account").await;
        assert!(page.text.contains("build-7") && page.text.contains("Command line"), "{}", page.text);
        let mut thief = Browser::new(&hub);
        thief.set_cookie("__Host-countersign-session", Some(secret));
        assert_eq!(thief.open("/account").await.status, 303);
        // It ends itself.
        let end = hub.call(Method::DELETE, "/v1/me/session").bearer_auth(secret);
        assert_eq!(hub.send(end).await.status, 204);
        assert_eq!(hub.get_with(secret, "/v1/me").await.problem(401), "unauthenticated");
        browser.open("/account").await.expect_page(200);
    }

    async fn a_device_code_works_once(database: Database) {
        let hub = TestHub::start(database).await;
        let waiting = hub.begin_device().await;
        let mut browser = Browser::signed_in(&hub, "dana@example.com").await;
        browser.decide(&waiting.user_code, "confirm").await.expect_page(200);
        let (one, two) = tokio::join!(hub.poll(&waiting), hub.poll(&waiting));
        let mut both = [one.status, two.status];
        both.sort_unstable();
        assert_eq!(both, [200, 400], "{} {}", one.text, two.text);
        assert_eq!(error(&hub.poll(&waiting).await, 400), "invalid_grant");
        hub.advance(601);
        assert_eq!(error(&hub.poll(&waiting).await, 400), "invalid_grant");
        let unknown = Waiting { device_code: "unknown".to_owned(), user_code: String::new() };
        assert_eq!(error(&hub.poll(&unknown).await, 400), "invalid_grant");
    }

    async fn nobody_is_signed_in_who_was_denied_or_too_late_or_signed_out(database: Database) {
        let hub = TestHub::start(database).await;
        let mut browser = Browser::signed_in(&hub, "dana@example.com").await;
        let denied = hub.begin_device().await;
        assert!(browser.decide(&denied.user_code, "deny").await.expect_page(200).contains("was not signed in"));
        assert_eq!(error(&hub.poll(&denied).await, 400), "access_denied");
        let again = browser.open(&format!("/device?code={}", denied.user_code)).await;
        assert!(again.expect_page(404).contains("confirmed or denied before"), "{}", again.text);

        let late = hub.begin_device().await;
        browser.open(&format!("/device?code={}", late.user_code)).await.expect_page(200);
        hub.advance(600);
        let fields = [("code", late.user_code.as_str()), ("decision", "confirm")];
        assert!(browser.submit("/device", &fields).await.expect_page(404).contains("has expired"));
        assert_eq!(error(&hub.poll(&late).await, 400), "expired_token");

        let confirmed = hub.begin_device().await;
        browser.decide(&confirmed.user_code, "confirm").await.expect_page(200);
        browser.open("/account").await;
        browser.submit("/sign-out", &[]).await.expect_page(200);
        assert_eq!(error(&hub.poll(&confirmed).await, 400), "access_denied");

        let mut other = Browser::signed_in(&hub, "erik@example.com").await;
        let forgotten = hub.begin_device().await;
        other.decide(&forgotten.user_code, "confirm").await.expect_page(200);
        hub.advance(600);
        assert_eq!(error(&hub.poll(&forgotten).await, 400), "expired_token");
    }

    async fn opening_a_link_confirms_nothing_and_a_form_needs_its_page(database: Database) {
        let hub = TestHub::start(database).await;
        let waiting = hub.begin_device().await;
        let code = waiting.user_code.as_str();
        let link = format!("/device?code={code}");
        let mut stranger = Browser::new(&hub);
        assert_eq!(stranger.open(&link).await.location(), format!("/sign-in?return=%2Fdevice%3Fcode%3D{code}"));
        assert_eq!(stranger.submit("/device", &[("code", code), ("decision", "confirm")]).await.status, 401);
        let mut browser = Browser::signed_in(&hub, "dana@example.com").await;
        let page = browser.open(&link).await;
        for shown in [code, "Only confirm if you started this yourself", "build-7", "not verified", "127.0.0.1", "dana@example.com"] {
            assert!(page.expect_page(200).contains(shown), "{shown}: {}", page.text);
        }
        // The nonce is for one person and one code.
        let other = hub.begin_device().await;
        let fields = [("code", other.user_code.as_str()), ("decision", "confirm")];
        assert!(browser.submit("/device", &fields).await.expect_page(403).contains("Nothing was done"));
        browser.open(&link).await;
        let nonce = browser.nonce();
        let mut erik = Browser::signed_in(&hub, "erik@example.com").await;
        let body = format!("nonce={nonce}&code={code}&decision=confirm");
        let kind = "application/x-www-form-urlencoded";
        let call = hub.call(Method::POST, "/device").header("content-type", kind).body(body.clone());
        assert_eq!(erik.send(call).await.status, 403);
        let call = hub.call(Method::POST, "/device").header("content-type", kind).header("sec-fetch-site", "cross-site").body(body);
        assert_eq!(browser.send(call).await.status, 403);
        browser.open(&link).await;
        assert_eq!(browser.submit("/device", &[("code", code)]).await.status, 403, "no button was pressed");
        assert_eq!(error(&hub.poll(&waiting).await, 400), "authorization_pending");
    }

    async fn what_a_device_says_of_itself_is_escaped_and_bounded(database: Database) {
        let hub = TestHub::start(database).await;
        let name = "<b>x</b>\u{202e}y";
        let made = hub.form("/v1/device/authorize", &[("client_id", "<i>"), ("device_name", name)]).await.expect(200);
        let mut browser = Browser::signed_in(&hub, "dana@example.com").await;
        let page = browser.open(&format!("/device?code={}", made["user_code"].as_str().unwrap())).await;
        assert!(page.text.contains("&#60;b&#62;x&#60;/b&#62;⟨U+202E⟩y") && !page.text.contains("<i>"), "{}", page.text);
        for (fields, says) in [
            (&[][..], "client_id"),
            (&[("client_id", "")], "client_id"),
            (&[("client_id", "a"), ("client_id", "a")], "more than once"),
            (&[("client_id", "a"), ("device_name", &*"x".repeat(200))], "too long"),
            (&[("client_id", "a\u{7}")], "control"),
            (&[("client_id", &*"x".repeat(20_000))], "limited to"),
        ] {
            let answer = hub.form("/v1/device/authorize", fields).await;
            assert_eq!(error(&answer, if says == "limited to" { 413 } else { 400 }), "invalid_request", "{says}");
            assert!(answer.text.contains(says), "{says}: {}", answer.text);
        }
        let answer = hub.form("/v1/device/token", &[("grant_type", "password"), ("device_code", "x")]).await;
        assert_eq!(error(&answer, 400), "unsupported_grant_type");
        assert_eq!(error(&hub.form("/v1/device/token", &[("grant_type", GRANT)]).await, 400), "invalid_request");
        let json = hub.call(Method::POST, "/v1/device/authorize").json(&json!({"client_id": "a"}));
        assert_eq!(error(&hub.send(json).await, 400), "invalid_request");
    }

    async fn a_device_that_polls_too_fast_is_told_to_slow_down(database: Database) {
        let hub = TestHub::start(database).await;
        let waiting = hub.begin_device().await;
        assert_eq!(error(&hub.poll(&waiting).await, 400), "authorization_pending");
        hub.advance(2);
        let slower = hub.poll(&waiting).await;
        assert_eq!(error(&slower, 400), "slow_down");
        assert!(slower.text.contains("wait 10 seconds"), "{}", slower.text);
        hub.advance(5);
        assert_eq!(error(&hub.poll(&waiting).await, 400), "slow_down");
        hub.advance(15);
        assert_eq!(error(&hub.poll(&waiting).await, 400), "authorization_pending");
        let mut browser = Browser::signed_in(&hub, "dana@example.com").await;
        browser.decide(&waiting.user_code, "confirm").await.expect_page(200);
        hub.poll(&waiting).await.expect(200);
    }

    async fn one_address_cannot_hold_many_codes(database: Database) {
        let hub = TestHub::start(database).await;
        for _ in 0..MAX_DEVICES_OF_ADDRESS {
            hub.begin_device().await;
        }
        let answer = hub.form("/v1/device/authorize", &[("client_id", "tool")]).await;
        assert_eq!(error(&answer, 429), "temporarily_unavailable");
        hub.advance(600);
        let waiting = hub.begin_device().await;
        assert_eq!(error(&hub.poll(&waiting).await, 400), "authorization_pending");
    }

    async fn a_session_of_a_token_gives_a_device_no_more_and_no_longer(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let limited = json!({
            "name": "x", "scope": "requester", "person": "dana@example.com", "resources": ["orders"],
            "expires_at": "2026-11-21T13:00:00Z",
        });
        let (id, token) = hub.new_token(&limited).await;
        let mut browser = Browser::new(&hub);
        browser.open("/sign-in").await.expect_page(200);
        browser.submit("/sign-in/token", &[("token", &token)]).await.location();
        let waiting = hub.begin_device().await;
        browser.decide(&waiting.user_code, "confirm").await.expect_page(200);
        let got = hub.poll(&waiting).await.expect(200);
        let secret = got["access_token"].as_str().unwrap();
        assert_eq!((&got["expires_in"], &got["scope"]), (&json!(3_600), &json!("requester")));
        let me = hub.get_with(secret, "/v1/me").await.expect(200);
        assert_eq!((&me["method"], &me["resources"]), (&json!("token"), &json!(["orders"])));
        let other = json!({"resource": "customers", "command": "x"});
        assert_eq!(hub.post_with(secret, "/v1/requests", &other).await.problem(403), "forbidden");
        hub.send(hub.call(Method::DELETE, &format!("/v1/tokens/{id}")).bearer_auth(&hub.token)).await;
        assert_eq!(hub.get_with(secret, "/v1/me").await.problem(401), "unauthenticated");
    }

    async fn who_calls_is_told_about_tokens_too(database: Database) {
        let hub = TestHub::start(database).await;
        let me = hub.get("/v1/me").await.expect(200);
        assert_eq!((&me["kind"], &me["scopes"], &me["person"]), (&json!("operator"), &json!(["admin"]), &Value::Null));
        let input = json!({"name": "bot", "scope": "requester", "person": "dana@example.com", "agent": true});
        let (id, secret) = hub.new_token(&input).await;
        let me = hub.get_with(&secret, "/v1/me").await.expect(200);
        assert_eq!(
            (&me["kind"], &me["id"], &me["name"], &me["agent"], &me["expires_at"]),
            (&json!("token"), &json!(id), &json!("bot"), &json!(true), &json!("2027-02-19T12:00:00.000000Z"))
        );
        let end = hub.call(Method::DELETE, "/v1/me/session").bearer_auth(&secret);
        assert_eq!(hub.send(end).await.problem(404), "not_found");
    }

    async fn the_audit_trail_says_who_confirmed_which_device(database: Database) {
        let hub = TestHub::start(database).await;
        let waiting = hub.begin_device().await;
        let mut browser = Browser::signed_in(&hub, "dana@example.com").await;
        browser.decide(&waiting.user_code, "confirm").await.expect_page(200);
        hub.poll(&waiting).await.expect(200);
        let trail = hub.get("/v1/audit?limit=500").await.expect(200);
        let entries = trail["items"].as_array().unwrap();
        let confirmed = entries.iter().find(|entry| entry["action"] == "device.confirmed").expect("an entry");
        assert_eq!((&confirmed["person"], &confirmed["details"]["name"]), (&json!("dana@example.com"), &json!("build-7")));
        let started = |entry: &&Value| entry["action"] == "session.started" && entry["details"]["kind"] == "device";
        assert!(entries.iter().any(|entry| started(&entry)), "{trail}");
        assert!(!trail.to_string().contains(&waiting.user_code) && !trail.to_string().contains(&waiting.device_code));
    }

    async fn no_code_and_no_secret_can_be_read_in_the_database(database: Database) {
        let hub = TestHub::start(database).await;
        let (waiting, confirmed) = (hub.begin_device().await, hub.begin_device().await);
        let mut browser = Browser::signed_in(&hub, "dana@example.com").await;
        browser.decide(&confirmed.user_code, "confirm").await.expect_page(200);
        let secret = hub.poll(&confirmed).await.expect(200)["access_token"].as_str().unwrap().to_owned();
        let codes = [&waiting, &confirmed].map(|one| [one.device_code.clone(), one.user_code.replace('-', "")]);
        let texts = dump(&hub.database.url).await;
        assert!(texts.iter().any(|text| text.starts_with("device_authorizations.user_digest: ")), "{texts:?}");
        for needle in codes.iter().flatten().chain([&secret]) {
            assert!(!texts.iter().any(|text| text.replace('-', "").contains(&needle.replace('-', ""))), "{needle}");
        }
    }
}

/// A right guess is of no use to an address whose guesses are used up.
#[tokio::test]
async fn codes_cannot_be_guessed() {
    let rates = RateSettings { failures: 3, ..RateSettings::default() };
    let network =
        NetworkSettings { trusted_proxies: vec!["127.0.0.1/32".parse().unwrap()], rates, ..NetworkSettings::default() };
    let hub = TestHub::start_with(Database::sqlite(), Options { network, ..Options::default() }).await;
    let waiting = hub.begin_device().await;
    let mut browser = Browser::signed_in(&hub, "dana@example.com").await;
    let guess =
        |code: &str| hub.call(Method::GET, &format!("/device?code={code}")).header("forwarded", "for=192.0.2.7");
    for wrong in ["BCDFGHJK", "BCDFGHJL", "nonsense"] {
        let page = browser.send(guess(wrong)).await;
        assert!(page.expect_page(404).contains("no device shows this code"), "{}", page.text);
    }
    let right = browser.send(guess(&waiting.user_code)).await;
    assert!(right.expect_page(429).contains("Too many failed attempts"), "{}", right.text);
    // Another address of the same person is not held up.
    browser.open(&format!("/device?code={}", waiting.user_code)).await.expect_page(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_of_one_replica_is_confirmed_at_another() {
    let hub = TestHub::start(Database::postgres().await).await;
    let other = hub.replica().await;
    let waiting = hub.begin_device().await;
    assert_eq!(error(&other.poll(&waiting).await, 400), "authorization_pending");
    let mut browser = Browser::signed_in(&other, "dana@example.com").await;
    browser.decide(&waiting.user_code, "confirm").await.expect_page(200);
    let (one, two) = tokio::join!(hub.poll(&waiting), other.poll(&waiting));
    let mut both = [one.status, two.status];
    both.sort_unstable();
    assert_eq!(both, [200, 400], "{} {}", one.text, two.text);
    let got = if one.status == 200 { one.json() } else { two.json() };
    let secret = got["access_token"].as_str().expect("a secret");
    hub.get_with(secret, "/v1/me").await.expect(200);
    other.get_with(secret, "/v1/me").await.expect(200);
}
