//! Validation of transports.

use countersign::delivery::check_transport;
use countersign::store::transport::Transport;
use serde_json::{Value, json};

use super::policy;
use super::tls::{AUTHORITY, CLIENT};

fn error_pointer(transport: Value) -> Result<(), String> {
    let transport: Transport = serde_json::from_value(transport).unwrap();
    check_transport(&transport, &policy()).map_err(|error| error.pointer)
}

#[test]
fn a_usable_transport_is_accepted() {
    for transport in [
        json!({}),
        json!({"headers": {"user-agent": "x", "x-api-key": "a b", "authorization": "Custom x"}}),
        json!({"auth": {"type": "basic", "username": "u", "password": "p:ä"}}),
        json!({"auth": {"type": "bearer", "token": "abc="}}),
        json!({"auth": {"type": "oauth2", "token_url": "https://login.example.com/t", "client_id": "i", "client_secret": "s"}}),
        json!({"client_certificate": {"certificate": CLIENT.0, "key": CLIENT.1}, "ca_certificate": AUTHORITY}),
        json!({"ca_certificate": format!("{AUTHORITY}{AUTHORITY}")}),
        json!({"proxy": "http://user:p%40ss@proxy.example.com:3128"}),
        json!({"proxy": "https://127.0.0.1:3128/"}),
        json!({"schedule": [0, 604_800], "rate_per_second": 0.01, "concurrency": 256, "answer_control": true}),
        json!({"schedule": vec![1; 30], "rate_per_second": 10_000.0, "concurrency": 1}),
    ] {
        assert_eq!(error_pointer(transport.clone()), Ok(()), "{transport}");
    }
}

/// Checks that each transport is refused at its JSON pointer.
#[track_caller]
fn assert_refused<const N: usize>(cases: [(Value, &str); N]) {
    for (transport, pointer) in cases {
        assert_eq!(error_pointer(transport.clone()), Err(pointer.to_owned()), "{transport}");
    }
}

#[test]
fn unusable_headers_are_refused_with_their_json_pointer() {
    let many: serde_json::Map<String, Value> = (0..21).map(|number| (format!("x-{number}"), json!("v"))).collect();
    let bearer = json!({"type": "bearer", "token": "t"});
    assert_refused([
        (json!({"headers": many}), "/headers"),
        (json!({"headers": {"host": "x"}}), "/headers/host"),
        (json!({"headers": {"content-length": "1"}}), "/headers/content-length"),
        (json!({"headers": {"content-type": "x"}}), "/headers/content-type"),
        (json!({"headers": {"transfer-encoding": "chunked"}}), "/headers/transfer-encoding"),
        (json!({"headers": {"connection": "close"}}), "/headers/connection"),
        (json!({"headers": {"webhook-id": "x"}}), "/headers/webhook-id"),
        (json!({"headers": {"webhook-signature": "x"}}), "/headers/webhook-signature"),
        (json!({"headers": {"proxy-authorization": "x"}}), "/headers/proxy-authorization"),
        (json!({"headers": {"accept-encoding": "gzip"}}), "/headers/accept-encoding"),
        (json!({"headers": {"authorization": "x"}, "auth": bearer}), "/headers/authorization"),
        (json!({"headers": {"X-Upper": "x"}}), "/headers/X-Upper"),
        (json!({"headers": {"x y": "x"}}), "/headers/x y"),
        (json!({"headers": {"a/b~": "x"}}), "/headers/a~1b~0"),
        (json!({"headers": {"": "x"}}), "/headers/"),
        (json!({"headers": {"x": "a\r\nb: c"}}), "/headers/x"),
        (json!({"headers": {"x": "ä"}}), "/headers/x"),
        (json!({"headers": {"x": " a"}}), "/headers/x"),
        (json!({"headers": {"x": "a".repeat(4_097)}}), "/headers/x"),
    ]);
}

#[test]
fn unusable_credentials_are_refused_with_their_json_pointer() {
    assert_refused([
        (json!({"auth": {"type": "basic", "username": "a:b", "password": "p"}}), "/auth/username"),
        (json!({"auth": {"type": "basic", "username": "a", "password": ""}}), "/auth/password"),
        (json!({"auth": {"type": "bearer", "token": "a b"}}), "/auth/token"),
        (json!({"auth": {"type": "bearer", "token": ""}}), "/auth/token"),
        (
            json!({"auth": {"type": "oauth2", "token_url": "http://10.0.0.1/", "client_id": "i", "client_secret": "s"}}),
            "/auth/token_url",
        ),
        (
            json!({"auth": {"type": "oauth2", "token_url": "https://x.example", "client_id": "", "client_secret": "s"}}),
            "/auth/client_id",
        ),
        (
            json!({"auth": {"type": "oauth2", "token_url": "https://x.example", "client_id": "i", "client_secret": ""}}),
            "/auth/client_secret",
        ),
        (
            json!({"auth": {"type": "oauth2", "token_url": "https://x.example", "client_id": "i", "client_secret": "s", "scope": ""}}),
            "/auth/scope",
        ),
    ]);
}

#[test]
fn unusable_certificates_proxies_and_limits_are_refused_with_their_json_pointer() {
    assert_refused([
        (json!({"ca_certificate": "x"}), "/ca_certificate"),
        (json!({"ca_certificate": CLIENT.1}), "/ca_certificate"),
        (
            json!({"ca_certificate": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}),
            "/ca_certificate",
        ),
        (json!({"client_certificate": {"certificate": "x", "key": CLIENT.1}}), "/client_certificate/certificate"),
        (json!({"client_certificate": {"certificate": CLIENT.0, "key": "x"}}), "/client_certificate/key"),
        (json!({"client_certificate": {"certificate": AUTHORITY, "key": CLIENT.1}}), "/client_certificate/key"),
        (json!({"proxy": "socks5://127.0.0.1:1080"}), "/proxy"),
        (json!({"proxy": "http://u:p@10.0.0.1:3128"}), "/proxy"),
        (json!({"proxy": "http://127.0.0.1:3128/path"}), "/proxy"),
        (json!({"proxy": "127.0.0.1:3128"}), "/proxy"),
        (json!({"schedule": []}), "/schedule"),
        (json!({"schedule": vec![1; 31]}), "/schedule"),
        (json!({"schedule": [1, 604_801]}), "/schedule/1"),
        (json!({"rate_per_second": 0.0}), "/rate_per_second"),
        (json!({"rate_per_second": 10_001.0}), "/rate_per_second"),
        (json!({"concurrency": 0}), "/concurrency"),
        (json!({"concurrency": 257}), "/concurrency"),
    ]);
}

#[test]
fn no_error_contains_a_secret() {
    let transport =
        json!({"auth": {"type": "bearer", "token": "s3cret with space"}, "proxy": "http://u:pa55@10.0.0.1"});
    let transport: Transport = serde_json::from_value(transport).unwrap();
    let error = check_transport(&transport, &policy()).unwrap_err();
    assert!(!error.to_string().contains("s3cret"), "{error}");
    let transport = Transport { auth: None, ..transport };
    let error = check_transport(&transport, &policy()).unwrap_err();
    assert!(!error.to_string().contains("pa55"), "{error}");
}
