//! The program itself: first and second start, settings, shutdown.

mod backup;
mod bounds;
mod connections;
mod files;
mod limits;
mod network;
mod settings;
mod stopping;
mod tls;

use std::time::Duration;

use serde_json::{Value, json};
use tokio::process::Command;

use crate::support::{Behaviour, HubProcess, Receiver, TOKEN};

/// A port that is currently free.
pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

async fn failure(mut command: Command) -> String {
    let output = tokio::time::timeout(Duration::from_secs(30), command.output()).await.unwrap().unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

async fn call(hub: &HubProcess, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let method: reqwest::Method = method.parse().unwrap();
    let call = http.request(method, format!("{}{path}", hub.url)).bearer_auth(TOKEN).json(body);
    let response = call.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap_or_default())
}

async fn with_policy(hub: &HubProcess) {
    call(hub, "PUT", "/v1/groups/dba", &json!({"members": ["dana@example.com"]})).await;
    call(hub, "PUT", "/v1/resources/orders", &json!({"slots": [{"group": "dba"}]})).await;
}

fn ask() -> Value {
    json!({"resource": "orders", "command": "x", "requester": {"email": "nora@example.com"}})
}

#[tokio::test]
async fn a_first_start_creates_its_files_and_a_second_start_finds_them() {
    let folder = tempfile::tempdir().unwrap();
    let hub = HubProcess::start(folder.path(), free_port(), &[]).await.unwrap();
    with_policy(&hub).await;
    let (_, request) = call(&hub, "POST", "/v1/requests", &ask()).await;
    hub.signal("TERM");
    let ended = tokio::time::timeout(Duration::from_secs(20), {
        let mut hub = hub;
        async move { hub.child.wait().await }
    });
    assert!(ended.await.unwrap().unwrap().success());

    let hub = HubProcess::start(folder.path(), free_port(), &[]).await.unwrap();
    let path = format!("/v1/requests/{}", request["id"].as_str().unwrap());
    assert_eq!(call(&hub, "GET", &path, &json!({})).await.1["digest"], request["digest"]);
    hub.kill().await;
    HubProcess::start(folder.path(), free_port(), &[]).await.unwrap().kill().await;
}

#[tokio::test]
async fn a_second_process_on_the_same_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let hub = HubProcess::start(folder.path(), free_port(), &[]).await.unwrap();
    let Err(error) = HubProcess::start(folder.path(), free_port(), &[]).await else { panic!("two hubs on one file") };
    assert!(error.contains("another countersign process is using") && error.contains("countersign.db"), "{error}");
    // The lock also holds when the file is reached by another name.
    let other = tempfile::tempdir().unwrap();
    let file = folder.path().join("countersign-data/countersign.db");
    for (name, link) in [("symbolic", true), ("hard", false)] {
        let path = other.path().join(name);
        if link {
            std::os::unix::fs::symlink(&file, &path).unwrap();
        } else if std::fs::hard_link(&file, &path).is_err() {
            continue;
        }
        let url = format!("sqlite://{}", path.display());
        let again = HubProcess::start(other.path(), free_port(), &[("COUNTERSIGN_DATABASE_URL", url.as_str())]).await;
        let Err(error) = again else { panic!("two hubs on one file by a {name} link") };
        assert!(error.contains("another countersign process is using"), "{error}");
    }
    with_policy(&hub).await;
    hub.kill().await;
}

#[tokio::test]
async fn shutdown_lets_a_running_send_finish_and_answers_waiting_callers() {
    let folder = tempfile::tempdir().unwrap();
    let mut hub = HubProcess::start(folder.path(), free_port(), &[]).await.unwrap();
    with_policy(&hub).await;
    let receiver = Receiver::start().await;
    receiver.script([Behaviour::Late(Duration::from_millis(700))]);
    let endpoint = json!({"name": "slow", "channel": "custom", "url": receiver.url, "groups": ["dba"]});
    let (_, endpoint) = call(&hub, "POST", "/v1/endpoints", &endpoint).await;
    let (_, request) = call(&hub, "POST", "/v1/requests", &ask()).await;
    receiver.wait_for(1).await;
    let path = format!("/v1/requests/{}?wait=60", request["id"].as_str().unwrap());
    let nothing = json!({});
    let waiting = call(&hub, "GET", &path, &nothing);
    let (waited, ended) = tokio::join!(waiting, async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        hub.signal("TERM");
    });
    let ((), (status, answer)) = (ended, waited);
    assert_eq!((status, answer["status"].as_str()), (200, Some("pending")));
    let ended = tokio::time::timeout(Duration::from_secs(20), hub.child.wait()).await.unwrap().unwrap();
    assert!(ended.success());

    let hub = HubProcess::start(folder.path(), free_port(), &[]).await.unwrap();
    let path = format!("/v1/endpoints/{}/deliveries", endpoint["id"].as_str().unwrap());
    let (_, page) = call(&hub, "GET", &path, &nothing).await;
    assert_eq!(
        (page["items"][0]["state"].as_str(), page["items"][0]["attempts"].as_u64()),
        (Some("delivered"), Some(1))
    );
    hub.kill().await;
}

/// A full disk, simulated by the kernel's limit on file sizes.
#[tokio::test]
async fn on_a_full_disk_acknowledged_requests_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut hub = HubProcess::start(folder.path(), free_port(), &[]).await.unwrap();
    with_policy(&hub).await;
    hub.signal("TERM");
    hub.child.wait().await.unwrap();
    let limited = HubProcess::start_limited(folder.path(), free_port(), 600).await.unwrap();
    let big = json!({"resource": "orders", "command": "x".repeat(20_000), "requester": {"email": "nora@example.com"}});
    let (mut kept, mut refused) = (Vec::new(), 0);
    while refused < 3 {
        match call(&limited, "POST", "/v1/requests", &big).await {
            (201, request) => kept.push(request["id"].as_str().unwrap().to_owned()),
            (503, problem) => {
                assert_eq!(problem["code"], "storage_unavailable");
                refused += 1;
            }
            other => panic!("{other:?}"),
        }
        assert!(kept.len() < 1_000, "the limit never bit");
    }
    limited.kill().await;
    let hub = HubProcess::start(folder.path(), free_port(), &[]).await.unwrap();
    for id in &kept {
        assert_eq!(call(&hub, "GET", &format!("/v1/requests/{id}"), &json!({})).await.0, 200);
    }
    let (_, summary) = call(&hub, "GET", "/v1/analytics/summary", &json!({})).await;
    assert_eq!(summary["pending"]["count"], kept.len(), "nothing refused was kept");
    call(&hub, "POST", "/v1/requests", &ask()).await;
    hub.kill().await;
}

#[tokio::test]
async fn the_client_commands_work_against_a_running_hub() {
    let folder = tempfile::tempdir().unwrap();
    let hub = HubProcess::start(folder.path(), free_port(), &[]).await.unwrap();
    let run = |args: &[&str]| {
        let mut command = HubProcess::command(folder.path());
        command.args(args).env("COUNTERSIGN_URL", &hub.url).env("COUNTERSIGN_TOKEN", TOKEN);
        async move {
            let output = command.output().await.unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        }
    };
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/hub.toml");
    assert!(run(&["apply", "-f", example, "--dry-run"]).await.contains("dry run: nothing was changed"));
    assert!(run(&["apply", "-f", example]).await.contains("+ create  resource orders-db"));
    assert!(run(&["apply", "-f", example]).await.contains("  keep    resource orders-db"));
    let json: Value = serde_json::from_str(&run(&["apply", "-f", example, "--json"]).await).unwrap();
    assert_eq!(json["applied"], true);
    assert!(run(&["analytics", "report"]).await.contains("0 requests ended"));
    assert!(run(&["analytics", "export"]).await.starts_with("id,kind,resource"));
    std::fs::write(folder.path().join("bad.toml"), "[groups.dba]\nmembers = [\"x\"]\n").unwrap();
    let mut command = HubProcess::command(folder.path());
    command.args(["apply", "-f", "bad.toml"]).env("COUNTERSIGN_URL", &hub.url).env("COUNTERSIGN_TOKEN", TOKEN);
    let error = failure(command).await;
    assert!(error.contains("bad.toml") && error.contains("line 2"), "{error}");
    let mut command = HubProcess::command(folder.path());
    command.args(["analytics", "report"]).env("COUNTERSIGN_URL", &hub.url).env("COUNTERSIGN_TOKEN", "cs_wrong");
    assert!(failure(command).await.contains("[unauthenticated]"));
    hub.kill().await;
}
