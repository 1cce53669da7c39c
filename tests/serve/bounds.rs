//! The bounds of what callers may use, as the documentation states them.

use std::time::Duration;

use countersign::config::RateSettings;
use countersign::hub::{self, MAX_WAIT};
use countersign::server::UNAUTHENTICATED;
use countersign::{descriptors, http};
use reqwest::Method;

use crate::support::{Database, TestHub};

/// With a comma between thousands.
fn number(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().map(|part| std::str::from_utf8(part).unwrap()).collect();
    groups.join(",")
}

fn seconds(duration: Duration) -> String {
    if duration < Duration::from_secs(1) {
        format!("{} ms", duration.as_millis())
    } else {
        format!("{} s", duration.as_secs())
    }
}

fn rows() -> Vec<(&'static str, String)> {
    let (usual, minute) = (RateSettings::default(), |calls: u32| format!("{} a minute", number(calls as usize)));
    let connections = number(descriptors::connections(usize::MAX));
    assert_eq!(http::CROWD, 4, "a quarter");
    vec![
        ("connections at a time", format!("{connections}; fewer where the limit of open files is low")),
        ("connections of one address", "a quarter of them; all for trusted proxies and this machine".to_owned()),
        ("TLS handshakes under way", format!("{}, and at most a quarter of the connections", number(http::HANDSHAKES))),
        ("one TLS handshake", seconds(http::HANDSHAKE_TIME)),
        ("head of a request", format!("{} bytes; up to twice as many if they arrive at once", number(http::MAX_HEAD))),
        ("headers of a request", number(http::MAX_HEADERS)),
        ("head of a request, and time between two", seconds(http::HEAD_TIME)),
        ("body", format!("{} bytes", number(http::MAX_BODY))),
        ("body of `POST /v1/apply`", format!("{} bytes", number(http::MAX_MANIFEST))),
        ("body of `POST /v1/device/…` and `POST /v1/token`", format!("{} bytes", number(http::MAX_FORM))),
        ("devices that wait for their person, of one address", hub::MAX_DEVICES_OF_ADDRESS.to_string()),
        ("devices that wait for their person", number(hub::MAX_DEVICES as usize)),
        ("workloads with a token", number(hub::MAX_WORKLOADS as usize)),
        ("valid secrets of one workload", number(hub::MAX_WORKLOAD_SECRETS as usize)),
        ("time for a body", seconds(http::BODY_TIME)),
        ("bodies of Slack's calls before their signature is checked", format!("{UNAUTHENTICATED} at a time")),
        ("answers that a caller does not read", format!("{} without progress", seconds(http::READ_TIME))),
        ("incomplete call when the hub stops", seconds(http::CUT_AFTER)),
        (
            "open pages that are told of changes",
            format!(
                "{}, and at most half of the connections; {} of one person",
                number(hub::MAX_STREAMS),
                hub::MAX_STREAMS_OF_PERSON
            ),
        ),
        ("one wait", seconds(MAX_WAIT)),
        ("items of a page", http::MAX_PAGE.to_string()),
        ("calls of one address without a valid token", minute(usual.address)),
        ("calls with one token", minute(usual.token)),
        ("failures of one address", minute(usual.failures)),
        (
            "counted addresses, and counted tokens",
            format!("{} and {}", number(http::COUNTED_ADDRESSES), number(http::COUNTED_TOKENS)),
        ),
        (
            "elements of `Forwarded` and `X-Forwarded-For`",
            format!("{} of {} bytes", http::MAX_HOPS, number(http::MAX_ELEMENT)),
        ),
    ]
}

#[test]
fn the_documentation_states_the_bounds() {
    let docs = include_str!("../../docs/security.md");
    for (what, bound) in rows() {
        let row = format!("| {what} | {bound} |");
        assert!(docs.contains(&row), "docs/security.md lacks: {row}");
    }
}

#[tokio::test]
async fn a_head_has_its_bounds() {
    let hub = TestHub::start(Database::sqlite()).await;
    let with_header = |bytes: usize| hub.call(Method::GET, "/healthz").header("x-note", "a".repeat(bytes));
    assert_eq!(hub.send(with_header(http::MAX_HEAD - 1_024)).await.status, 200);
    assert_eq!(hub.send(with_header(2 * http::MAX_HEAD)).await.status, 431);
    // The client adds two of its own: `accept` and `host`.
    for (own, status) in [(http::MAX_HEADERS - 2, 200), (http::MAX_HEADERS - 1, 431)] {
        let call =
            (0..own).fold(hub.call(Method::GET, "/healthz"), |call, number| call.header(format!("x-{number}"), "a"));
        assert_eq!(hub.send(call).await.status, status, "{own}");
    }
}
