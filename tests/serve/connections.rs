//! Limits on what many callers, known or not, may use of the hub.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{ask, call, free_port, with_policy};
use crate::support::{HubProcess, Receiver, TOKEN, eventually};

async fn connect(hub: &HubProcess) -> TcpStream {
    TcpStream::connect(hub.url.trim_start_matches("http://")).await.unwrap()
}

/// The start of the answer to a call whose body never arrives.
async fn answer_before_the_body(hub: &HubProcess, line: &str, headers: &str) -> String {
    let mut stream = connect(hub).await;
    let head = format!("POST {line} HTTP/1.1\r\nhost: x\r\ncontent-length: 200000\r\n{headers}\r\nx");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    tokio::time::timeout(Duration::from_secs(5), stream.read_exact(&mut answer)).await.expect("in time").unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn callers_without_a_token_are_answered_before_the_body() {
    let folder = tempfile::tempdir().unwrap();
    let hub = HubProcess::start(folder.path(), free_port(), &[]).await.unwrap();
    let (json, form) = ("content-type: application/json\r\n", "content-type: application/x-www-form-urlencoded\r\n");
    for (line, headers, status) in [
        ("/v1/requests", json.to_owned(), 401),
        ("/v1/requests", format!("{json}authorization: Bearer cs_nobody\r\n"), 401),
        ("/v1/apply", format!("{json}authorization: Bearer cs_nobody\r\n"), 401),
        ("/c/forged", json.to_owned(), 404),
        ("/c/forged", form.to_owned(), 404),
        ("/v1/slack/interactions", form.to_owned(), 401),
        ("/v1/slack/commands", format!("{form}x-slack-signature: v0=00\r\nx-slack-request-timestamp: 1\r\n"), 401),
    ] {
        assert_eq!(
            answer_before_the_body(&hub, line, &headers).await,
            format!("HTTP/1.1 {status}"),
            "{line} {headers}"
        );
    }
    hub.kill().await;
}

/// With room for 24 callers, more callers stop neither outgoing messages nor the use of the database.
#[tokio::test]
async fn a_crowd_of_connections_leaves_descriptors_for_targets() {
    let folder = tempfile::tempdir().unwrap();
    let hub = HubProcess::start_with_files(folder.path(), free_port(), 64, &[]).await.unwrap();
    with_policy(&hub).await;
    let receiver = Receiver::start().await;
    let endpoint = json!({"name": "dba", "channel": "custom", "url": receiver.url, "groups": ["dba"]});
    call(&hub, "POST", "/v1/endpoints", &endpoint).await;
    let body = ask().to_string();
    let text = format!(
        "POST /v1/requests HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut mine = connect(&hub).await;
    mine.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert!(mine.read(&mut [0; 1024]).await.unwrap() > 0);
    let mut crowd = Vec::new();
    for _ in 0..100 {
        crowd.push(connect(&hub).await);
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    mine.write_all(text.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    mine.read_exact(&mut answer).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&answer), "HTTP/1.1 201");
    assert_eq!(receiver.wait_for(1).await.len(), 1);
    drop((crowd, mine));
    let log = hub.log.lock().unwrap().join("\n");
    assert!(!log.contains("cannot accept connections"), "{log}");
    hub.kill().await;
}

/// Without a socket for a send, the fault is the hub's: it is charged to no endpoint, and the send is retried.
#[tokio::test]
async fn running_out_of_descriptors_is_no_endpoints_fault() {
    let folder = tempfile::tempdir().unwrap();
    let hub = HubProcess::start(folder.path(), free_port(), &[]).await.unwrap();
    with_policy(&hub).await;
    let receiver = Receiver::start().await;
    let endpoint = json!({"name": "e", "channel": "custom", "url": receiver.url, "events": ["request.created"]});
    let (_, endpoint) = call(&hub, "POST", "/v1/endpoints", &endpoint).await;
    let path = format!("/v1/endpoints/{}", endpoint["id"].as_str().unwrap());
    let (log, nothing) = (format!("{path}/attempts"), json!({}));
    let mut exhausted = hub.tamper(&["-e", "inject=socket:error=EMFILE"]).await;
    call(&hub, "POST", "/v1/requests", &ask()).await;
    let attempt = eventually("an attempt was made without a descriptor", || async {
        call(&hub, "GET", &log, &nothing).await.1["items"].get(0).cloned()
    })
    .await;
    assert_eq!(attempt["class"], "exhausted", "{attempt}");
    let (_, shown) = call(&hub, "GET", &path, &nothing).await;
    assert_eq!(shown["health"], Value::Null, "no endpoint is shown as failing");
    exhausted.kill().await.unwrap();
    receiver.wait_for(1).await;
    hub.kill().await;
}
