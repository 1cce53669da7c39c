//! What the threat model in `docs/threat-model.md` says, where no other test shows it.

use countersign::http::{Access, routes};
use reqwest::{Method, header};
use serde_json::{Value, json};

use crate::support::{Browser, Database, Receiver, TestHub, on_both};

const ELSEWHERE: &str = "https://evil.example.com";

/// A browser in which dana has signed in with this token.
async fn signed_in_with<'h>(hub: &'h TestHub, secret: &str) -> Browser<'h> {
    let mut browser = Browser::new(hub);
    browser.open("/sign-in").await;
    assert_eq!(browser.submit("/sign-in/token", &[("token", secret)]).await.location(), "/");
    browser
}

on_both! {
    async fn a_leaked_tokens_sessions_end_with_its_secret(database: Database) {
        let hub = TestHub::start(database).await;
        let input = json!({"name": "dana", "scope": "approver", "person": "dana@example.com"});
        let (id, first) = hub.new_token(&input).await;
        let mut thief = signed_in_with(&hub, &first).await;
        let rotate = format!("/v1/tokens/{id}/rotate");
        let rotated = hub.post(&rotate, &json!({"overlap_seconds": 600})).await.expect(200);
        let second = rotated["secret"].as_str().unwrap();
        let mut dana = signed_in_with(&hub, second).await;
        thief.open("/account").await.expect_page(200);
        hub.advance(600);
        assert_eq!(thief.open("/account").await.status, 303);
        dana.open("/account").await.expect_page(200);
        hub.post(&rotate, &json!({"overlap_seconds": 0})).await.expect(200);
        assert_eq!(dana.open("/account").await.status, 303);
    }

    async fn an_admin_who_signed_in_votes_as_themselves_alone(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let request = hub.ask("orders", "select 1").await;
        hub.put("/v1/people/sam@example.com", &json!({"name": "Sam", "roles": ["admin"]})).await.expect(200);
        let mut sam = Browser::signed_in(&hub, "sam@example.com").await;
        let path = format!("/v1/requests/{}/approve", request["id"].as_str().unwrap());
        for body in [json!({}), json!({"on_behalf_of": "dana@example.com"})] {
            let call = hub.call(Method::POST, &path).header("Sec-Fetch-Site", "same-origin").json(&body);
            assert_eq!(sam.send(call).await.problem(403), "not_eligible", "{body}");
        }
        assert_eq!(hub.show(&request).await["votes"], json!([]));
    }

    async fn a_request_is_decided_by_the_rules_it_was_asked_under(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let request = hub.ask("orders", "select 1").await;
        // It does not count for what waits already.
        hub.put("/v1/resources/orders", &json!({"slots": [{"group": "security"}]})).await.expect(200);
        assert_eq!(hub.vote(&request, "approve", "sam@example.com").await.problem(403), "not_eligible");
        assert_eq!(hub.show(&request).await["status"], "pending");
        assert_eq!(hub.vote(&request, "approve", "erik@example.com").await.expect(200)["status"], "approved");
        let later = hub.ask("orders", "select 2").await;
        assert_eq!(hub.vote(&later, "approve", "erik@example.com").await.problem(403), "not_eligible");
    }

    async fn a_link_decides_nothing_where_a_sign_in_is_demanded(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        hub.endpoint("dba", "custom", &receiver.url, &["dba"]).await;
        for (number, settings, code) in
            [(1, json!({"min_assurance": "token"}), "assurance_too_low"), (2, json!({"fresh_sign_in_seconds": 60}), "sign_in_stale")]
        {
            let mut resource = json!({"slots": [{"group": "dba"}]});
            resource.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
            hub.put("/v1/resources/vault", &resource).await.expect(200);
            let request = hub.ask("vault", "delete from carts").await;
            let message = receiver.wait_for(number).await[number - 1].json();
            let link = message["data"]["links"]["approve"].as_str().unwrap();
            let call = hub.call(Method::POST, link).json(&json!({"approver": "dana@example.com"}));
            assert_eq!(hub.send(call).await.problem(403), code);
            assert_eq!(hub.show(&request).await["votes"], json!([]));
        }
    }

    async fn a_call_from_another_site_changes_nothing(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let request = hub.ask("orders", "select 1").await;
        let mut dana = Browser::signed_in(&hub, "dana@example.com").await;
        let path = format!("/v1/requests/{}/approve", request["id"].as_str().unwrap());
        // Without a body, a page elsewhere could send it as a plain form, and old browsers do not say from where.
        for sent in [
            vec![("Sec-Fetch-Site", "cross-site")],
            vec![("Sec-Fetch-Site", "same-site"), ("Origin", &hub.url)],
            vec![("Origin", ELSEWHERE)],
            vec![("Origin", "null")],
            vec![],
        ] {
            let call = sent.iter().fold(hub.call(Method::POST, &path), |call, (name, value)| call.header(*name, *value));
            assert_eq!(dana.send(call).await.problem(403), "cross_site", "{sent:?}");
        }
        assert_eq!(hub.show(&request).await["votes"], json!([]));
        let own = hub.call(Method::POST, &path).header("Sec-Fetch-Site", "same-origin");
        dana.send(own).await.expect(200);
    }
}

/// No answer of any route may be read, framed or run by a page of another site.
#[tokio::test]
async fn no_other_site_reads_or_frames_an_answer() {
    let hub = TestHub::start(Database::sqlite()).await;
    let mut dana = Browser::signed_in(&hub, "dana@example.com").await;
    let mut pages = 0;
    for route in routes() {
        let parts = route.path.split('/').map(|part| if part.starts_with('{') { "nothing" } else { part });
        let path = parts.collect::<Vec<_>>().join("/");
        for method in [route.method.clone(), Method::OPTIONS] {
            let call = hub.call(method.clone(), &path).header(header::ORIGIN, ELSEWHERE);
            let call = call.header("Access-Control-Request-Method", route.method.as_str());
            let answer = if matches!(route.access, Access::Right(_)) {
                hub.send(call.bearer_auth(&hub.token)).await
            } else {
                dana.send(call).await
            };
            let name = format!("{method} {path}");
            let shared = answer.headers.keys().find(|name| name.as_str().starts_with("access-control-"));
            assert_eq!(shared, None, "{name}");
            let kind = answer.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
            if kind.starts_with("text/html") {
                pages += 1;
                let policy = answer.headers["content-security-policy"].to_str().unwrap();
                assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{name}");
                assert!(
                    policy.contains("form-action 'self'")
                        && policy.contains("script-src 'self';")
                        && !policy.contains("unsafe"),
                    "{name}"
                );
                let fixed = ["x-frame-options", "x-content-type-options", "referrer-policy", "cache-control"];
                let values: Vec<&str> = fixed.iter().map(|name| answer.headers[*name].to_str().unwrap()).collect();
                assert_eq!(values, ["DENY", "nosniff", "no-referrer", "no-store"], "{name}");
            }
        }
    }
    assert!(pages >= 8, "{pages}");
}

/// A stranger learns nothing of who and what a hub knows.
#[tokio::test]
async fn a_stranger_learns_no_name() {
    let hub = TestHub::start(Database::sqlite()).await.with_policy().await;
    let receiver = Receiver::start().await;
    hub.endpoint("pager-of-ops", "custom", &receiver.url, &["dba"]).await;
    let request = hub.ask("orders", "select 1").await;
    receiver.wait_for(1).await;
    let id = request["id"].as_str().unwrap();
    let known = ["dana@example.com", "Dana Reyes", "dba", "orders", "pager-of-ops", id];
    for route in routes() {
        let path = route.path.replace("{id}", id).replace("{name}", "orders").replace("{email}", "dana@example.com");
        let path = path.replace(['{', '}'], "");
        let call = hub.call(route.method.clone(), &path);
        let call = match route.method {
            Method::GET | Method::DELETE | Method::OPTIONS => call,
            _ => call.json(&Value::Null),
        };
        let answer = hub.send(call).await;
        let shown = format!("{:?} {}", answer.headers, answer.text);
        let asked = |name: &str| path.contains(name);
        let found = known.iter().find(|name| shown.contains(**name) && !asked(name));
        assert_eq!(found, None, "{} {path}: {shown}", route.method);
    }
}
