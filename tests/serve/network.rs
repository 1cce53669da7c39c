//! How the hub meets the network: proxies, and where calls come from.

use serde_json::json;

use super::{call, failure, free_port};
use crate::support::HubProcess;

const IGNORED: &str = "a forwarded client address was ignored";

async fn forwarded(hub: &HubProcess, name: &str, value: &str) -> u16 {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    http.get(format!("{}/v1/groups", hub.url)).header(name, value).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_proxy_that_is_not_trusted_is_reported_once() {
    let folder = tempfile::tempdir().unwrap();
    let hub = HubProcess::start(folder.path(), free_port(), &[]).await.unwrap();
    call(&hub, "GET", "/v1/groups", &json!({})).await;
    for _ in 0..10 {
        assert_eq!(forwarded(&hub, "x-forwarded-for", "192.0.2.7").await, 401);
        assert_eq!(forwarded(&hub, "forwarded", "for=192.0.2.7").await, 401);
    }
    hub.signal("TERM");
    let (_, log) = hub.ended().await;
    assert_eq!(log.matches(IGNORED).count(), 1, "{log}");
    assert!(log.contains("COUNTERSIGN_TRUSTED_PROXIES") && log.contains("peer=127.0.0.1"), "{log}");
}

#[tokio::test]
async fn a_trusted_proxy_is_listened_to_and_an_unclear_one_reported() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("COUNTERSIGN_TRUSTED_PROXIES", "127.0.0.0/8, ::1")];
    let hub = HubProcess::start(folder.path(), free_port(), &settings).await.unwrap();
    let http = reqwest::Client::new();
    assert_eq!(forwarded(&hub, "x-forwarded-for", "192.0.2.7").await, 401);
    let both = http.get(format!("{}/healthz", hub.url)).header("forwarded", "for=192.0.2.8");
    assert!(both.header("x-forwarded-for", "192.0.2.7").send().await.unwrap().status().is_success());
    hub.signal("TERM");
    let (_, log) = hub.ended().await;
    assert!(!log.contains(IGNORED), "{log}");
    assert_eq!(log.matches("name different clients").count(), 1, "{log}");
}

#[tokio::test]
async fn a_proxy_is_trusted_by_its_address_only() {
    let folder = tempfile::tempdir().unwrap();
    for (wrong, says) in [("proxy.example.com", "neither an address"), ("0.0.0.0/0", "every address")] {
        let mut command = HubProcess::command(folder.path());
        command.args(["serve", "--trusted-proxies", wrong]);
        let error = failure(command).await;
        assert!(error.contains("--trusted-proxies") && error.contains(says), "{error}");
    }
}
