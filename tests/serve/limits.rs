//! Rate limits, by address and by token, as callers behind a trusted proxy meet them.

use countersign::config::{NetworkSettings, RateSettings};
use reqwest::{Method, RequestBuilder};
use serde_json::json;

use super::free_port;
use crate::support::{Answer, Database, HubProcess, Options, Receiver, TOKEN, TestHub};

const OFFICE: &str = "192.0.2.7";
const ELSEWHERE: &str = "192.0.2.8";

/// A hub behind a proxy on this machine.
async fn hub(rates: RateSettings) -> TestHub {
    let network =
        NetworkSettings { trusted_proxies: vec!["127.0.0.1/32".parse().unwrap()], rates, ..NetworkSettings::default() };
    TestHub::start_with(Database::sqlite(), Options { network, ..Options::default() }).await
}

fn rates(address: u32, token: u32, failures: u32) -> RateSettings {
    RateSettings { address, token, failures }
}

impl TestHub {
    /// A call from this address.
    fn from(&self, address: &str, path: &str) -> RequestBuilder {
        self.call(Method::GET, path).header("x-forwarded-for", address)
    }

    async fn with_token(&self, address: &str, secret: &str) -> Answer {
        self.send(self.from(address, "/v1/requests").bearer_auth(secret)).await
    }

    async fn new_secret(&self, name: &str) -> String {
        let made = self.post("/v1/tokens", &json!({"name": name, "scope": "requester"})).await.expect(201);
        made["secret"].as_str().unwrap().to_owned()
    }
}

fn assert_limited(answer: &Answer, seconds: &str) {
    assert_eq!(answer.problem(429), "rate_limited");
    assert_eq!(answer.headers["retry-after"], seconds, "{}", answer.text);
}

#[tokio::test]
async fn an_address_that_fails_too_often_waits_while_valid_tokens_and_links_from_there_pass() {
    let hub = hub(RateSettings::default()).await.with_policy().await;
    let token = hub.new_secret("ci").await;
    let wrong = [
        hub.from(OFFICE, "/v1/requests").bearer_auth("cs_nobody"),
        hub.from(OFFICE, "/v1/requests").bearer_auth(&hub.token[1..]),
        hub.from(OFFICE, "/v1/requests"),
        hub.from(OFFICE, "/c/forged/seen"),
    ];
    for attempt in 0..20 {
        let call = wrong[attempt % 4].try_clone().unwrap();
        assert!([401, 404].contains(&hub.send(call).await.status), "attempt {attempt}");
    }
    for call in wrong {
        assert_limited(&hub.send(call).await, "3");
    }
    let slack = hub.call(Method::POST, "/v1/slack/commands").header("x-forwarded-for", OFFICE);
    assert_limited(&hub.send(slack.header("content-type", "application/x-www-form-urlencoded").body("a=b")).await, "3");
    let page = hub.send(hub.from(OFFICE, "/c/forged")).await;
    assert_eq!((page.status, page.headers["retry-after"].to_str().unwrap()), (429, "3"));
    assert!(page.text.contains("Too many failed attempts") && page.text.contains("<html"), "{}", page.text);

    hub.with_token(OFFICE, &token).await.expect(200);
    assert_eq!(hub.send(hub.from(OFFICE, "/")).await.status, 200);
    assert_eq!(hub.with_token(ELSEWHERE, "cs_nobody").await.problem(401), "unauthenticated");
    hub.advance(3);
    assert_eq!(hub.with_token(OFFICE, "cs_nobody").await.problem(401), "unauthenticated");
    assert_limited(&hub.with_token(OFFICE, "cs_nobody").await, "3");
}

#[tokio::test]
async fn a_valid_link_opens_where_others_have_failed() {
    let hub = hub(rates(3_000, 60_000, 1)).await.with_policy().await;
    let receiver = Receiver::start().await;
    hub.endpoint("dba", "custom", &receiver.url, &["dba"]).await;
    hub.ask("orders", "x").await;
    let message = receiver.wait_for(1).await.remove(0).json();
    let link = message["data"]["links"]["approve"].as_str().expect("a link").to_owned();
    let path = link.split_once("/c/").map(|(_, token)| format!("/c/{token}")).unwrap();
    hub.send(hub.from(OFFICE, "/c/forged")).await;
    assert_eq!(hub.send(hub.from(OFFICE, "/c/forged")).await.status, 429);
    assert_eq!(hub.send(hub.from(OFFICE, &path)).await.status, 200);
}

#[tokio::test]
async fn calls_without_a_token_are_limited_by_address() {
    let hub = hub(rates(30, 60_000, 0)).await;
    let (old, new) = (hub.new_secret("old").await, hub.new_secret("new").await);
    hub.with_token(OFFICE, &old).await.expect(200);
    for path in ["/", "/c/forged/seen", "/nowhere"].iter().cycle().take(29) {
        assert_ne!(hub.send(hub.from(OFFICE, path)).await.status, 429, "{path}");
    }
    assert_eq!(hub.with_token(OFFICE, "cs_nobody").await.status, 401, "the thirtieth");
    assert_limited(&hub.send(hub.from(OFFICE, "/nowhere")).await, "2");
    assert_limited(&hub.send(hub.call(Method::PUT, "/").header("x-forwarded-for", OFFICE)).await, "2");
    assert_limited(&hub.with_token(OFFICE, &new).await, "2");
    hub.with_token(OFFICE, &old).await.expect(200);
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(hub.send(hub.from(OFFICE, path)).await.status, 200, "{path}");
    }
    hub.advance(2);
    hub.with_token(OFFICE, &new).await.expect(200);
}

#[tokio::test]
async fn one_token_is_limited_wherever_it_is_used() {
    let hub = hub(rates(3_000, 10, 20)).await;
    let (busy, other) = (hub.new_secret("busy").await, hub.new_secret("other").await);
    for call in 0..10 {
        hub.with_token([OFFICE, ELSEWHERE][call % 2], &busy).await.expect(200);
    }
    assert_limited(&hub.with_token(ELSEWHERE, &busy).await, "6");
    hub.with_token(ELSEWHERE, &other).await.expect(200);
    hub.advance(6);
    hub.with_token(OFFICE, &busy).await.expect(200);
}

#[tokio::test]
async fn a_network_of_ipv6_is_one_client() {
    let hub = hub(rates(3_000, 60_000, 2)).await;
    for (address, status) in [
        ("2001:db8:1:2::1", 401),
        ("2001:db8:1:2:ffff::2", 401),
        ("[2001:db8:1:2::3]:443", 429),
        ("2001:db8:1:3::1", 401),
        ("::ffff:192.0.2.7", 401),
        ("192.0.2.7", 401),
        ("::ffff:192.0.2.7", 429),
    ] {
        assert_eq!(hub.with_token(address, "cs_nobody").await.status, status, "{address}");
    }
}

#[tokio::test]
async fn zero_switches_a_limit_off_and_programs_on_this_machine_are_free() {
    let hub_without = hub(rates(0, 0, 0)).await;
    for _ in 0..60 {
        assert_eq!(hub_without.with_token(OFFICE, "cs_nobody").await.status, 401);
    }
    let hub = hub(rates(2, 2, 2)).await;
    for _ in 0..60 {
        let local = hub.send(hub.call(Method::GET, "/v1/requests").bearer_auth("cs_nobody")).await;
        assert_eq!(local.status, 401);
        hub.get("/v1/requests").await.expect(200);
    }
    // What says that it was forwarded is not from this machine, whatever else it says.
    for (attempt, value) in ["127.0.0.1", "for=", "unknown"].iter().enumerate() {
        let call = hub.call(Method::GET, "/v1/requests").header("x-forwarded-for", *value);
        assert_eq!(hub.send(call).await.status, if attempt < 2 { 401 } else { 429 }, "{value}");
    }
}

/// A proxy on this machine that adds no header looks like a program on this machine; the public URL tells.
#[tokio::test]
async fn under_a_public_name_this_machine_is_limited_too() {
    let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
    let settings =
        [("COUNTERSIGN_PUBLIC_URL", "https://approvals.example.com"), ("COUNTERSIGN_RATE_LIMIT_FAILURES", "2")];
    let hub = HubProcess::start(folder.path(), port, &settings).await.unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let call = |secret: &str| http.get(format!("http://127.0.0.1:{port}/v1/requests")).bearer_auth(secret).send();
    for status in [401, 401, 429] {
        assert_eq!(call("cs_nobody").await.unwrap().status().as_u16(), status);
    }
    assert!(call(TOKEN).await.unwrap().status().is_success());
    hub.signal("TERM");
    let (_, log) = hub.ended().await;
    assert!(log.contains("a rate limit was reached") && log.contains("client=127.0.0.1"), "{log}");
}

#[tokio::test]
async fn refused_calls_are_counted_by_kind() {
    let hub = hub(rates(3_000, 60_000, 3)).await.with_policy().await;
    let token = hub.new_secret("ci").await;
    for _ in 0..2 {
        hub.send(hub.from(OFFICE, "/v1/requests")).await.problem(401);
    }
    hub.send(hub.from(OFFICE, "/c/forged")).await.expect_page(404);
    hub.send(hub.from(OFFICE, "/c/forged")).await.expect_page(429);
    hub.send(hub.from(ELSEWHERE, "/v1/tokens").bearer_auth(&token)).await.problem(403);
    let cookie = "__Host-countersign-session=css_x";
    hub.send(hub.from(ELSEWHERE, "/v1/tokens").header("Cookie", cookie)).await.problem(403);
    let metrics = hub.send(hub.call(Method::GET, "/metrics")).await.text;
    let line = |kind: &str, count: u32| format!("countersign_calls_refused_total{{kind=\"{kind}\"}} {count}\n");
    for (kind, count) in [
        ("rate_limited", 1),
        ("unauthenticated", 2),
        ("forbidden", 1),
        ("cross_site", 1),
        ("form_stale", 0),
        ("link_forged", 1),
        ("signature_invalid", 0),
        ("sign_in_failed", 0),
    ] {
        assert!(metrics.contains(&line(kind, count)), "{kind} {count}: {metrics}");
    }
    assert_eq!(metrics.matches("countersign_calls_refused_total{").count(), 8);
    assert!(metrics.ends_with("# EOF\n") && metrics.matches("# EOF").count() == 1);
    let plain = hub.send(hub.call(Method::GET, "/metrics").header("Accept", "text/plain")).await.text;
    assert!(plain.contains("# TYPE countersign_calls_refused_total counter\n"), "{plain}");
}
