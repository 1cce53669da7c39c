//! The transport of an endpoint: validated, stored, masked, and compared.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::approval::Digest;
use serde_json::{Value, json};

use crate::support::{Database, TestHub, on_both};

const CERTIFICATE: &str = include_str!("../egress/certs/client.pem");
const KEY: &str = include_str!("../egress/certs/client.key");
const AUTHORITY: &str = include_str!("../egress/certs/ca.pem");

/// SHA-256 of the bytes in a PEM text.
fn fingerprint(pem: &str) -> String {
    let inside = pem.lines().filter(|line| !line.starts_with('-')).collect::<String>();
    Digest::of(&STANDARD.decode(inside).unwrap()).to_string()
}

/// A transport with every field, and `SECRET` in each value that must not be shown.
fn transport() -> Value {
    json!({
        "headers": {"X-Api-Key": "SECRET", "x-team": "SECRET ops"},
        "auth": {"type": "oauth2", "token_url": "https://id.example.com/token?SECRET", "client_id": "hub", "client_secret": "SECRET", "scope": "post"},
        "client_certificate": {"certificate": CERTIFICATE, "key": KEY},
        "ca_certificate": AUTHORITY,
        "proxy": "http://user:SECRET@proxy.example.com:3128",
        "schedule": [0, 5, 60], "rate_per_second": 2.5, "concurrency": 4, "answer_control": true,
    })
}

fn input(name: &str, more: &Value) -> Value {
    let mut input = json!({"name": name, "channel": "custom", "url": "https://hooks.example.com/x"});
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    input
}

on_both! {
    async fn every_field_is_stored_and_no_secret_is_shown(database: Database) {
        let hub = TestHub::start(database).await;
        let made = hub.post("/v1/endpoints", &input("ops", &transport())).await;
        let view = made.expect(201);
        assert!(!made.text.replace("client_secret", "").contains("SECRET"), "{}", made.text);
        assert_eq!(view["headers"], json!({"x-api-key": "…", "x-team": "…"}));
        let auth = json!({"type": "oauth2", "token_url": "https://id.example.com/…", "client_id": "hub", "client_secret": "…", "scope": "post"});
        assert_eq!(view["auth"], auth);
        assert!(!made.text.contains(KEY.lines().nth(1).unwrap()));
        for (name, pem) in [("client_certificate", CERTIFICATE), ("ca_certificate", AUTHORITY)] {
            assert_eq!(view[name], json!({"sha256": [fingerprint(pem)]}));
        }
        assert_eq!(view["proxy"], "http://proxy.example.com:3128/…");
        assert_eq!((&view["schedule"], &view["rate_per_second"]), (&json!([0, 5, 60]), &json!(2.5)));
        assert_eq!((&view["concurrency"], &view["answer_control"]), (&json!(4), &json!(true)));
        let id = view["id"].as_str().unwrap();
        let hub = hub.restart().await;
        assert_eq!(hub.get(&format!("/v1/endpoints/{id}")).await.expect(200)["proxy"], view["proxy"]);
        let trail = hub.get("/v1/audit").await;
        assert!(!trail.text.replace("client_secret", "").contains("SECRET"));

        let changed = hub.patch_endpoint(id, &json!({"headers": {"x-b": "1"}, "auth": {"type": "bearer", "token": "SECRET"}})).await.expect(200);
        assert_eq!((&changed["headers"], &changed["auth"]), (&json!({"x-b": "…"}), &json!({"type": "bearer", "token": "…"})));
        assert_eq!(changed["schedule"], json!([0, 5, 60]), "omitted fields keep their values");
        let names = ["headers", "auth", "client_certificate", "ca_certificate", "proxy", "schedule", "rate_per_second", "concurrency"];
        let nothing = names.iter().map(|name| ((*name).to_owned(), Value::Null)).collect();
        let changed = hub.patch_endpoint(id, &Value::Object(nothing)).await.expect(200);
        let left: Vec<&Value> = names.iter().map(|name| &changed[*name]).collect();
        assert_eq!(json!(left), json!([{}, null, null, null, null, null, null, null]));
        assert_eq!(changed["answer_control"], true);
    }

    async fn invalid_transports_are_refused_with_their_json_pointer(database: Database) {
        let hub = TestHub::start(database).await;
        let (id, _) = hub.endpoint("ops", "custom", "https://hooks.example.com/x", &[]).await;
        let many: Value = (0..21).map(|number| (format!("x-{number}"), json!("1"))).collect::<serde_json::Map<_, _>>().into();
        let oauth = |url: &str| json!({"type": "oauth2", "token_url": url, "client_id": "a", "client_secret": "b"});
        for (change, pointer) in [
            (json!({"headers": {"Host": "x"}}), "/headers/host"),
            (json!({"headers": {"Content-Length": "1"}}), "/headers/content-length"),
            (json!({"headers": {"content-type": "text/plain"}}), "/headers/content-type"),
            (json!({"headers": {"transfer-encoding": "chunked"}}), "/headers/transfer-encoding"),
            (json!({"headers": {"connection": "close"}}), "/headers/connection"),
            (json!({"headers": {"Webhook-Id": "1"}}), "/headers/webhook-id"),
            (json!({"headers": {"x y": "1"}}), "/headers/x y"),
            (json!({"headers": {"": "1"}}), "/headers/"),
            (json!({"headers": {"x": "a\r\nb: c"}}), "/headers/x"),
            (json!({"headers": {"x": "…"}}), "/headers/x"),
            (json!({"headers": {"x": "y".repeat(4_097)}}), "/headers/x"),
            (json!({"headers": {"X-A": "1", "x-a": "2"}}), "/headers"),
            (json!({"headers": many}), "/headers"),
            (json!({"headers": {"authorization": "x"}, "auth": {"type": "bearer", "token": "x"}}), "/headers/authorization"),
            (json!({"auth": {"type": "basic", "username": "a:b", "password": "c"}}), "/auth/username"),
            (json!({"auth": {"type": "basic", "username": "a", "password": ""}}), "/auth/password"),
            (json!({"auth": {"type": "bearer", "token": "a b"}}), "/auth/token"),
            (json!({"auth": oauth("http://10.0.0.1/token")}), "/auth/token_url"),
            (json!({"proxy": "http://169.254.169.254:3128"}), "/proxy"),
            (json!({"proxy": "socks5://proxy.example.com"}), "/proxy"),
            (json!({"ca_certificate": "MIIB"}), "/ca_certificate"),
            (json!({"client_certificate": {"certificate": KEY, "key": KEY}}), "/client_certificate/certificate"),
            (json!({"client_certificate": {"certificate": CERTIFICATE, "key": CERTIFICATE}}), "/client_certificate/key"),
            (json!({"schedule": []}), "/schedule"),
            (json!({"schedule": [604_801]}), "/schedule/0"),
            (json!({"schedule": vec![1; 31]}), "/schedule"),
            (json!({"rate_per_second": 0.001}), "/rate_per_second"),
            (json!({"rate_per_second": 10_001}), "/rate_per_second"),
            (json!({"concurrency": 0}), "/concurrency"),
            (json!({"concurrency": 257}), "/concurrency"),
        ] {
            let refused = hub.patch_endpoint(&id, &change).await;
            let what = (refused.problem(422), refused.json()["pointer"].as_str().unwrap().to_owned());
            assert_eq!(what, ("invalid_transport".to_owned(), pointer.to_owned()), "{change}");
            assert_eq!(hub.post("/v1/endpoints", &input("other", &change)).await.problem(422), "invalid_transport");
        }
        for change in [json!({"auth": {"type": "digest"}}), json!({"answer_control": null, "x": 1}), json!({"schedule": [-1]})] {
            assert_eq!(hub.patch_endpoint(&id, &change).await.problem(400), "invalid_json", "{change}");
        }
    }

    async fn a_manifest_configures_transports(database: Database) {
        let hub = TestHub::start(database).await;
        let apply = async |more: &Value| {
            let plan = hub.post("/v1/apply", &json!({"endpoints": [input("ops", more)]})).await.expect(200);
            plan["changes"][0]["verb"].as_str().unwrap().to_owned()
        };
        assert_eq!(apply(&transport()).await, "create");
        assert_eq!(apply(&transport()).await, "keep");
        let mut other = transport();
        other["auth"]["client_secret"] = json!("ANOTHER");
        assert_eq!(apply(&other).await, "update");
        assert_eq!(apply(&json!({})).await, "update");
        let shown = hub.get("/v1/endpoints").await.expect(200);
        assert_eq!((&shown["items"][0]["headers"], &shown["items"][0]["auth"]), (&json!({}), &Value::Null));
        let wrong = json!({"endpoints": [input("ops", &json!({"concurrency": 0}))]});
        assert_eq!(hub.post("/v1/apply", &wrong).await.expect(422)["pointer"], "/endpoints/ops/concurrency");
    }

    async fn an_idempotency_key_distinguishes_secrets(database: Database) {
        let hub = TestHub::start(database).await;
        let make = async |secret: &str| {
            let call = hub.call(reqwest::Method::POST, "/v1/endpoints").bearer_auth(&hub.token).header("Idempotency-Key", "k");
            hub.send(call.json(&input("ops", &json!({"headers": {"x-key": secret}})))).await
        };
        make("one").await.expect(201);
        make("one").await.expect(201);
        assert_eq!(make("two").await.problem(409), "idempotency_key_reused");
    }

    async fn an_idempotency_key_ignores_how_the_body_is_written(database: Database) {
        let hub = TestHub::start(database).await;
        let make = async |body: &str| {
            let call = hub.call(reqwest::Method::POST, "/v1/endpoints").bearer_auth(&hub.token).header("Idempotency-Key", "k");
            hub.send(call.header("content-type", "application/json").body(body.to_owned())).await
        };
        let first = make(r#"{"name": "ops", "channel": "teams", "url": "https://x.example/y", "rate_per_second": 1}"#).await.expect(201);
        let again = make("{\"rate_per_second\":1.0,\n\"url\":\"https://x.example/\\u0079\",\"channel\":\"teams\",\"name\":\"ops\"}").await;
        assert_eq!(again.expect(201)["id"], first["id"]);
        let other = r#"{"name": "ops", "channel": "teams", "url": "https://x.example/y", "rate_per_second": 2}"#;
        assert_eq!(make(other).await.problem(409), "idempotency_key_reused");
    }
}
