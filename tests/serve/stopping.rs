//! Signals: what a hub finishes before it stops, and what it does not wait for.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{ask, call, free_port, with_policy};
use crate::support::{HubProcess, TOKEN};

async fn connect(hub: &HubProcess) -> TcpStream {
    TcpStream::connect(hub.url.trim_start_matches("http://")).await.unwrap()
}

/// Sends a part of a call, and collects the answer until the connection is closed.
async fn say(hub: &HubProcess, text: &str) -> tokio::task::JoinHandle<String> {
    let mut stream = connect(hub).await;
    stream.write_all(text.as_bytes()).await.unwrap();
    tokio::spawn(async move {
        let mut answer = Vec::new();
        // A connection that is reset has delivered its answer.
        let _reset = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    })
}

#[tokio::test]
async fn an_incomplete_call_does_not_delay_shutdown() {
    let folder = tempfile::tempdir().unwrap();
    let mut hub = HubProcess::start(folder.path(), free_port(), &[]).await.unwrap();
    with_policy(&hub).await;
    let (_, request) = call(&hub, "POST", "/v1/requests", &ask()).await;
    let id = request["id"].as_str().unwrap();
    let silent = say(&hub, "").await;
    let half_head = say(&hub, "POST /v1/requests HTTP/1.1\r\nhost: x\r\nauthoriz").await;
    let head = format!(
        "HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n"
    );
    let half_body = say(&hub, &format!("POST /v1/requests {head}{{\"resource\"")).await;
    // One call has been answered, and half of the next one has arrived.
    let second = say(&hub, &format!("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\nPOST /v1/requests {}", &head[..60])).await;
    let waiting = say(&hub, &format!("GET /v1/requests/{id}?wait=60 {}", head.replace("900", "0"))).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let began = Instant::now();
    hub.signal("TERM");
    let ended = tokio::time::timeout(Duration::from_secs(20), hub.child.wait()).await.unwrap().unwrap();
    assert!(ended.success());
    assert!(began.elapsed() < Duration::from_secs(4), "it took {:?}", began.elapsed());
    assert_eq!(silent.await.unwrap(), "");
    assert!(!half_head.await.unwrap().contains(" 20"));
    let early = half_body.await.unwrap();
    assert!(early.starts_with("HTTP/1.1 503") && early.contains("\"stopping\""), "{early}");
    assert!(second.await.unwrap().starts_with("HTTP/1.1 200"));
    let waited = waiting.await.unwrap();
    assert!(waited.starts_with("HTTP/1.1 200") && waited.contains("\"pending\""), "{waited}");

    let hub = HubProcess::start(folder.path(), free_port(), &[]).await.unwrap();
    let (_, page) = call(&hub, "GET", "/v1/requests", &json!({})).await;
    assert_eq!(page["items"].as_array().unwrap().len(), 1, "the incomplete call had no effect");
    hub.kill().await;
}

#[tokio::test]
async fn sighup_stops_the_hub_like_sigterm() {
    let folder = tempfile::tempdir().unwrap();
    for signal in ["HUP", "INT", "TERM"] {
        let hub = HubProcess::start(folder.path(), free_port(), &[]).await.unwrap();
        hub.signal(signal);
        let (ended, stderr) = hub.ended().await;
        assert!(ended.success(), "{signal}: {ended}");
        assert!(stderr.contains("stopping: waiting for open calls"), "{signal}: {stderr}");
        assert_eq!(stderr.contains("SIGHUP stops the hub"), signal == "HUP");
    }
}

/// The hub can be stopped before it is ready, here while its database does not answer.
#[tokio::test]
async fn a_signal_during_startup_is_a_clean_exit() {
    let folder = tempfile::tempdir().unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let database = format!("postgres://nobody@{}/none?sslmode=disable", silent.local_addr().unwrap());
    let mut command = HubProcess::command(folder.path());
    command.args(["serve", "--init", "--listen", "127.0.0.1:0", "--database-url", &database]);
    let child = command.env("COUNTERSIGN_ADMIN_TOKEN", TOKEN).spawn().unwrap();
    let _connection = tokio::time::timeout(Duration::from_secs(20), silent.accept()).await.unwrap().unwrap();
    let id = child.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    let output = tokio::time::timeout(Duration::from_secs(20), child.wait_with_output()).await.unwrap().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.contains("stopped before it was ready"), "{}: {stderr}", output.status);
}
