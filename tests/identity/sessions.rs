//! Signing in without an identity provider, and the sessions that follow from it.

use countersign::config::IdentitySettings;
use reqwest::Method;
use serde_json::json;

use crate::serve::free_port;
use crate::support::{Answer, Browser, Database, HubProcess, Options, TOKEN, TestHub, eventually, on_both};

const SESSION: &str = "__Host-countersign-session";
const FORM: &str = "__Host-countersign-form";

impl TestHub {
    async fn sign_in_link(&self, person: &str, admin: bool) -> String {
        let made = self.post("/v1/sign-in-links", &json!({"person": person, "admin": admin})).await.expect(201);
        made["url"].as_str().expect("a link").to_owned()
    }
}

on_both! {
    async fn a_one_time_link_signs_in_once_and_only_by_its_button(database: Database) {
        let hub = TestHub::start(database).await;
        let link = hub.sign_in_link("dana@example.com", false).await;
        let mut scanner = Browser::new(&hub);
        for _ in 0..3 {
            let page = scanner.open(&link).await;
            assert!(page.expect_page(200).contains("Sign in as dana@example.com"));
        }
        assert_eq!(scanner.cookie(SESSION), None);

        let mut browser = Browser::new(&hub);
        browser.open(&link).await;
        assert_eq!(browser.submit(&link, &[]).await.location(), "/");
        let account = browser.open("/account").await;
        let page = account.expect_page(200);
        assert!(page.contains("<h1>dana@example.com</h1>") && page.contains("with a one-time link"), "{page}");
        assert_eq!(account.headers["cache-control"], "no-store");

        let used = scanner.open(&link).await;
        assert!(used.expect_page(410).contains("already used"));
        // The page was open before.
        let mut late = Browser::new(&hub);
        late.open("/sign-in").await;
        assert_eq!(late.submit(&link, &[]).await.status, 410);
        assert_eq!(late.cookie(SESSION), None);
    }

    async fn a_link_is_too_old_after_a_quarter_of_an_hour_and_a_wrong_one_is_unknown(database: Database) {
        let hub = TestHub::start(database).await;
        let link = hub.sign_in_link("dana@example.com", false).await;
        let mut browser = Browser::new(&hub);
        browser.open(&link).await.expect_page(200);
        hub.advance(900);
        assert!(browser.submit(&link, &[]).await.expect_page(410).contains("too old"));
        assert!(browser.open(&link).await.expect_page(410).contains("too old"));
        let wrong = format!("{}/sign-in/link/css_unknown", hub.url);
        assert!(browser.open(&wrong).await.expect_page(404).contains("not one of this hub"));
        assert_eq!(browser.cookie(SESSION), None);
    }

    async fn the_first_link_asks_who_it_is_and_makes_an_admin(database: Database) {
        let hub = TestHub::start(database).await;
        let link = hub.server.hub().first_sign_in_link().await.unwrap().url;
        let mut browser = Browser::new(&hub);
        assert!(browser.open(&link).await.expect_page(200).contains("Your e-mail address"));
        for wrong in ["", "nobody", "a b@example.com"] {
            browser.submit(&link, &[("person", wrong)]).await.expect_page(422);
        }
        assert_eq!(browser.submit(&link, &[("person", " Dana@Example.com ")]).await.location(), "/");
        assert!(browser.open("/account").await.text.contains("change everything (admin)"));
        assert_eq!(hub.get("/v1/people/dana@example.com").await.expect(200)["roles"], json!(["admin"]));
        // The pages of the hub may call the API with the cookie; other pages may not.
        let call = || hub.call(Method::GET, "/v1/tokens");
        assert_eq!(browser.send(call().header("Sec-Fetch-Site", "same-origin")).await.status, 200);
        assert_eq!(browser.send(call().header("Sec-Fetch-Site", "cross-site")).await.problem(403), "cross_site");
        assert_eq!(browser.send(call()).await.problem(403), "cross_site");
        let other = hub.call(Method::PUT, "/v1/groups/ops").header("Origin", "https://evil.example.com");
        assert_eq!(browser.send(other.json(&json!({"members": []}))).await.problem(403), "cross_site");
    }

    async fn a_persons_own_token_signs_in_with_its_own_rights_and_ends_the_session(database: Database) {
        let hub = TestHub::start(database).await;
        let input = json!({"name": "dana", "scope": "approver", "person": "dana@example.com"});
        let made = hub.post("/v1/tokens", &input).await.expect(201);
        let (id, secret) = (made["id"].as_str().unwrap(), made["secret"].as_str().unwrap());
        let mut browser = Browser::new(&hub);
        browser.open("/sign-in?return=/c/abc").await.expect_page(200);
        let fields = [("token", secret), ("return", "/c/abc")];
        assert_eq!(browser.submit("/sign-in/token", &fields).await.location(), "/c/abc");
        let page = browser.open("/account").await;
        assert!(page.expect_page(200).contains("with your API token") && !page.text.contains("ask for approval"));
        hub.send(hub.call(Method::DELETE, &format!("/v1/tokens/{id}")).bearer_auth(&hub.token)).await;
        assert_eq!(browser.open("/account").await.location(), "/sign-in?return=%2Faccount");
    }

    async fn tokens_of_systems_and_agents_and_wrong_ones_do_not_sign_in(database: Database) {
        let hub = TestHub::start(database).await;
        let token = async |input: serde_json::Value| {
            hub.post("/v1/tokens", &input).await.expect(201)["secret"].as_str().unwrap().to_owned()
        };
        let system = token(json!({"name": "ci", "scope": "requester"})).await;
        let agent =
            token(json!({"name": "bot", "scope": "requester", "person": "dana@example.com", "agent": true})).await;
        let short = json!({"name": "old", "scope": "approver", "person": "dana@example.com", "expires_at": "2026-11-21T13:00:00Z"});
        let expired = token(short).await;
        hub.advance(3_600);
        for (secret, says) in [
            (system.as_str(), "belongs to a system"),
            (&agent, "belongs to a system"),
            (&hub.token, "belongs to a system"),
            (&expired, "expired at"),
            ("cs_unknown", "unknown or was revoked"),
            (&system[..system.len() - 1], "unknown or was revoked"),
        ] {
            let mut browser = Browser::new(&hub);
            browser.open("/sign-in").await;
            let page = browser.submit("/sign-in/token", &[("token", secret)]).await;
            assert!(page.expect_page(403).contains(says), "{says}: {}", page.text);
            assert_eq!(browser.cookie(SESSION), None);
            assert!(!page.text.contains(secret), "the page does not repeat what was typed");
        }
    }

    async fn a_session_ends_when_it_is_not_used_and_after_its_longest_time(database: Database) {
        let identity = IdentitySettings { session_idle_seconds: 3_600, session_max_seconds: 8_000 };
        let hub = TestHub::start_with(database, Options { identity, ..Options::default() }).await;
        let mut idle = Browser::signed_in(&hub, "dana@example.com").await;
        let mut used = Browser::signed_in(&hub, "erik@example.com").await;
        for _ in 0..2 {
            hub.advance(3_000);
            used.open("/account").await.expect_page(200);
        }
        assert_eq!(idle.open("/account").await.status, 303);
        hub.advance(1_999);
        used.open("/account").await.expect_page(200);
        hub.advance(2);
        assert_eq!(used.open("/account").await.status, 303);
    }

    async fn sessions_are_listed_and_ended_by_their_owner_alone(database: Database) {
        let hub = TestHub::start(database).await;
        let mut here = Browser::signed_in(&hub, "dana@example.com").await;
        let mut there = Browser::signed_in(&hub, "dana@example.com").await;
        let mut third = Browser::signed_in(&hub, "dana@example.com").await;
        let mut erik = Browser::signed_in(&hub, "erik@example.com").await;
        let page = here.open("/account").await.text;
        let ids: Vec<&str> = page.split("name=\"session\" value=\"ses_").skip(1).map(|rest| &rest[..32]).collect();
        assert_eq!(ids.len(), 2, "{page}");
        // Newest first: the third one's.
        let id = format!("ses_{}", ids[0]);
        erik.open("/account").await;
        assert_eq!(erik.submit("/account/sessions", &[("session", &id)]).await.location(), "/account");
        third.open("/account").await.expect_page(200);
        here.open("/account").await;
        here.submit("/account/sessions", &[("session", &id)]).await.location();
        assert_eq!(third.open("/account").await.status, 303);
        there.open("/account").await.expect_page(200);
        here.open("/account").await;
        here.submit("/account/sessions", &[("session", "others")]).await.location();
        assert_eq!(there.open("/account").await.status, 303);
        here.open("/account").await.expect_page(200);
        assert!(here.submit("/sign-out", &[]).await.expect_page(200).contains("You are signed out"));
        assert_eq!(here.cookie(SESSION), None);
        assert_eq!(here.open("/account").await.status, 303);
        erik.open("/account").await.expect_page(200);
    }

    async fn forms_need_the_page_of_this_browser(database: Database) {
        let hub = TestHub::start(database).await;
        let link = hub.sign_in_link("dana@example.com", false).await;
        let mut attacker = Browser::new(&hub);
        attacker.open(&link).await;
        let nonce = attacker.nonce();
        let mut victim = Browser::new(&hub);
        // Without the cookie that came with the page: cookies are off.
        let page = victim.submit(&link, &[("nonce", &nonce)]).await;
        assert!(page.expect_page(403).contains("without cookies nobody can be signed in"));
        // With a cookie of their own, and the form of another browser.
        victim.open("/sign-in").await;
        victim.page = attacker.page.clone();
        assert!(victim.submit(&link, &[]).await.expect_page(403).contains("came from elsewhere"));
        assert_eq!(victim.cookie(SESSION), None);
        // The form of another site.
        victim.open(&link).await;
        let body = format!("nonce={}", victim.nonce());
        let call = hub.call(Method::POST, &link).header("Content-Type", "application/x-www-form-urlencoded").body(body);
        assert_eq!(victim.send(call.header("Sec-Fetch-Site", "cross-site")).await.status, 403);
        // The page of another session: what was typed is shown again, to be sent again.
        let mut erik = Browser::signed_in(&hub, "erik@example.com").await;
        let mut dana = Browser::signed_in(&hub, "dana@example.com").await;
        dana.open("/account").await;
        erik.page.clone_from(&dana.page);
        let page = erik.submit("/sign-out", &[("note", "<i>typed")]).await;
        assert!(page.expect_page(403).contains("&#60;i&#62;typed") && page.text.contains("erik@example.com"));
        assert_eq!(erik.submit("/sign-out", &[]).await.status, 200);
        // A page that was open for hours still works.
        hub.advance(11 * 3_600);
        dana.submit("/sign-out", &[]).await.expect_page(200);
        dana.open("/account").await.location();
    }

    async fn a_sign_in_replaces_the_session_that_the_browser_had(database: Database) {
        let hub = TestHub::start(database).await;
        let mut browser = Browser::signed_in(&hub, "dana@example.com").await;
        let first = browser.cookie(SESSION).unwrap().to_owned();
        let link = hub.sign_in_link("erik@example.com", false).await;
        browser.open(&link).await;
        browser.submit(&link, &[]).await.location();
        assert_ne!(browser.cookie(SESSION), Some(first.as_str()));
        assert!(browser.open("/account").await.text.contains("<h1>erik@example.com</h1>"));
        // Fixation: what someone put there before is not taken over, and the former one is over.
        let mut other = Browser::new(&hub);
        other.set_cookie(SESSION, Some(&first));
        assert_eq!(other.open("/account").await.status, 303);
        // A cookie is no bearer token, and the other way round.
        let secret = browser.cookie(SESSION).unwrap().to_owned();
        let call = hub.call(Method::GET, "/v1/requests").bearer_auth(&secret);
        assert_eq!(hub.send(call).await.problem(401), "unauthenticated");
        let mut with_token = Browser::new(&hub);
        with_token.set_cookie(SESSION, Some(&hub.token));
        assert_eq!(with_token.open("/account").await.status, 303);
    }

    async fn who_leaves_is_signed_out_and_has_no_role(database: Database) {
        let hub = TestHub::start(database).await;
        let scim = json!({"name": "directory", "scope": "scim"});
        let secret = hub.post("/v1/tokens", &scim).await.expect(201)["secret"].as_str().unwrap().to_owned();
        let user = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "dana@example.com",
            "emails": [{"value": "dana@example.com", "primary": true}], "active": true});
        let call = hub.call(Method::POST, "/scim/v2/Users").bearer_auth(&secret).json(&user);
        let id = hub.send(call).await.expect(201)["id"].as_str().unwrap().to_owned();
        let link = hub.sign_in_link("dana@example.com", true).await;
        let mut browser = Browser::new(&hub);
        browser.open(&link).await;
        browser.submit(&link, &[]).await.location();
        let waiting = hub.sign_in_link("dana@example.com", false).await;
        let off = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "replace", "path": "active", "value": false}]});
        let call = hub.call(Method::PATCH, &format!("/scim/v2/Users/{id}")).bearer_auth(&secret).json(&off);
        hub.send(call).await.expect(200);
        assert_eq!(browser.open("/account").await.status, 303);
        assert_eq!(hub.get("/v1/people/dana@example.com").await.expect(200)["roles"], json!([]));
        browser.open(&waiting).await;
        let refused = browser.submit(&waiting, &[]).await;
        assert!(refused.text.contains("has deactivated dana@example.com"), "{}", refused.text);
        assert_eq!(browser.open("/account").await.status, 303);
    }

    async fn roles_are_set_by_admins_and_stay_when_they_are_not_named(database: Database) {
        let hub = TestHub::start(database).await;
        let put = async |body: serde_json::Value| hub.put("/v1/people/dana@example.com", &body).await;
        assert_eq!(put(json!({"name": "Dana", "roles": ["requester"]})).await.problem(400), "invalid_value");
        put(json!({"name": "Dana", "roles": ["auditor"]})).await.expect(200);
        assert_eq!(put(json!({"name": "Dana R."})).await.expect(200)["roles"], json!(["auditor"]));
        let mut browser = Browser::signed_in(&hub, "dana@example.com").await;
        let read = hub.call(Method::GET, "/v1/audit").header("Sec-Fetch-Site", "same-origin");
        assert_eq!(browser.send(read).await.status, 200);
        let change = hub.call(Method::PUT, "/v1/people/dana@example.com").header("Sec-Fetch-Site", "same-origin");
        let more = json!({"name": "Dana", "roles": ["admin"]});
        assert_eq!(browser.send(change.json(&more)).await.problem(403), "forbidden");
        put(json!({"name": "Dana", "roles": []})).await.expect(200);
        let read = hub.call(Method::GET, "/v1/audit").header("Sec-Fetch-Site", "same-origin");
        assert_eq!(browser.send(read).await.problem(403), "forbidden");
    }
}

on_both! {
    async fn the_first_link_works_until_the_hub_is_used_and_a_new_start_replaces_it(database: Database) {
        let hub = TestHub::start(database).await;
        let earlier = hub.server.hub().first_sign_in_link().await.unwrap().url;
        let link = hub.server.hub().first_sign_in_link().await.unwrap().url;
        let mut browser = Browser::new(&hub);
        assert_eq!(browser.open(&earlier).await.status, 404);
        browser.open(&link).await.expect_page(200);
        hub.put("/v1/groups/ops", &json!({"members": ["olga@example.com"]})).await.expect(200);
        let late = browser.submit(&link, &[("person", "mallory@example.com")]).await;
        assert!(late.expect_page(410).contains("this hub is in use"), "{}", late.text);
        assert!(browser.open(&link).await.expect_page(410).contains("this hub is in use"));
        assert_eq!(hub.get("/v1/people/mallory@example.com").await.problem(404), "not_found");
        assert_eq!(browser.cookie(SESSION), None);
    }

    async fn an_admin_ends_all_sessions_of_a_person(database: Database) {
        let hub = TestHub::start(database).await;
        let mut dana = Browser::signed_in(&hub, "dana@example.com").await;
        let mut erik = Browser::signed_in(&hub, "erik@example.com").await;
        let end = || hub.call(Method::DELETE, "/v1/people/dana@example.com/sessions");
        let own = end().header("Sec-Fetch-Site", "same-origin");
        assert_eq!(erik.send(own).await.problem(403), "forbidden");
        assert_eq!(hub.send(end().bearer_auth(&hub.token)).await.status, 204);
        assert_eq!(dana.open("/account").await.status, 303);
        erik.open("/account").await.expect_page(200);
        let trail = hub.get("/v1/audit").await.text;
        assert!(trail.contains("ended by an admin"), "{trail}");
    }
}

#[tokio::test]
async fn a_session_that_ended_on_one_replica_soon_ends_on_all() {
    let hub = TestHub::start(Database::postgres().await).await;
    let other = hub.replica().await;
    let mut browser = Browser::signed_in(&hub, "dana@example.com").await;
    let mut there = Browser::new(&other);
    there.set_cookie(SESSION, browser.cookie(SESSION));
    there.open("/account").await.expect_page(200);
    browser.open("/account").await;
    browser.submit("/sign-out", &[]).await.expect_page(200);
    let cookie = there.cookie(SESSION).unwrap().to_owned();
    eventually("the session ends there too", || async {
        let mut there = Browser::new(&other);
        there.set_cookie(SESSION, Some(&cookie));
        (there.open("/account").await.status == 303).then_some(())
    })
    .await;
}

#[tokio::test]
async fn nobody_signs_in_over_plain_http_from_another_machine() {
    let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
    let settings = [("COUNTERSIGN_PUBLIC_URL", "http://hub.example.com")];
    let _hub = HubProcess::start(folder.path(), port, &settings).await.unwrap();
    let address = format!("http://127.0.0.1:{port}");
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for path in ["/sign-in", "/sign-in/link/css_x"] {
        let page = Answer::to(client.get(format!("{address}{path}"))).await;
        assert!(page.expect_page(403).contains("has to set up HTTPS"), "{}", page.text);
    }
    let link = client.post(format!("{address}/v1/sign-in-links")).bearer_auth(TOKEN);
    let link = Answer::to(link.json(&json!({"person": "dana@example.com"}))).await;
    assert_eq!(link.problem(403), "sign_in_unavailable");
    let post = client.post(format!("{address}/sign-in/token")).header("Cookie", format!("{FORM}=x"));
    let post = post.header("Content-Type", "application/x-www-form-urlencoded").body("token=cs_x&nonce=x");
    assert!(Answer::to(post).await.expect_page(403).contains("has to set up HTTPS"));
}
