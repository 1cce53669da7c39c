//! The connection from the command line to the hub: URL, token, proxies, redirects, TLS, and signals meanwhile.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use serde_json::json;
use tokio::process::Command;

use super::{Bench, End, program};
use crate::support::{Database, HubProcess, eventually, on_both};

/// The requests that a server has received.
type Asked = Arc<Mutex<Vec<String>>>;

/// A server that answers every request with an empty list, and records the target of each request line.
async fn server() -> (String, Asked) {
    async fn answer(State(asked): State<Asked>, request: Request) -> axum::Json<serde_json::Value> {
        let token = request.headers().get(header::AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned());
        asked.lock().unwrap().push(format!("{} {}", request.uri(), token.unwrap_or_default()));
        axum::Json(json!({"items": [], "next_cursor": null}))
    }
    let asked = Asked::default();
    (listening(Router::new().fallback(answer).with_state(Arc::clone(&asked))).await, asked)
}

async fn listening(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

fn list(url: &str) -> Command {
    let mut command = HubProcess::command(std::path::Path::new("/"));
    command.args(["request", "list"]).env("COUNTERSIGN_URL", url).env("COUNTERSIGN_TOKEN", "cs_token\n");
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    command
}

async fn end(mut command: Command) -> End {
    End::of(tokio::time::timeout(Duration::from_secs(60), command.output()).await.unwrap().unwrap())
}

#[tokio::test]
async fn blanks_around_url_and_token_are_ignored() {
    let (url, asked) = server().await;
    end(list(&format!("\u{feff} {url}/\n"))).await.expect(0);
    let asked = asked.lock().unwrap().join("\n");
    assert!(asked.starts_with("/v1/requests") && asked.ends_with(" Bearer cs_token"), "{asked}");
}

#[tokio::test]
async fn an_invalid_setting_is_named() {
    for (name, value, says) in [
        ("COUNTERSIGN_URL", "localhost:8080", "expected the URL of a hub"),
        ("COUNTERSIGN_URL", "https://ann:secret@hub.example.com", "no user name or password"),
        ("COUNTERSIGN_TOKEN", "two words", "COUNTERSIGN_TOKEN"),
        ("COUNTERSIGN_TOKEN", "schl\u{fc}ssel", "COUNTERSIGN_TOKEN"),
    ] {
        let mut command = list("http://127.0.0.1:1");
        command.env(name, value);
        let ended = end(command).await;
        assert_ne!(ended.code, 0);
        assert!(ended.err.contains(says) && ended.err.contains(name), "{}", ended.err);
        assert!(!ended.err.contains("header value"), "{}", ended.err);
        assert!(name != "COUNTERSIGN_TOKEN" || !ended.err.contains(value), "a token is not repeated: {}", ended.err);
    }
    let mut command = list("http://127.0.0.1:1");
    command.env("COUNTERSIGN_TOKEN", " ");
    assert!(end(command).await.err.contains("no token, and no sign-in to http://127.0.0.1:1: run `countersign login"));
}

#[tokio::test]
async fn proxies_from_the_environment_are_used_except_for_this_machine() {
    let (proxy, asked) = server().await;
    let by_proxy = |url: &str| {
        let mut command = list(url);
        command.env("HTTP_PROXY", &proxy).env("http_proxy", &proxy);
        command
    };
    end(by_proxy("http://hub.invalid:8080")).await.expect(0);
    assert!(asked.lock().unwrap().remove(0).starts_with("http://hub.invalid:8080/v1/requests"));
    let mut command = by_proxy("http://hub.invalid:8080");
    command.env("NO_PROXY", "hub.invalid").env("no_proxy", "hub.invalid");
    assert_ne!(end(command).await.code, 0);
    let (hub, received) = server().await;
    end(by_proxy(&hub)).await.expect(0);
    assert_eq!((asked.lock().unwrap().len(), received.lock().unwrap().len()), (0, 1));
}

#[tokio::test]
async fn a_redirect_is_reported_with_its_target() {
    async fn away(request: Request) -> (StatusCode, [(header::HeaderName, String); 1]) {
        let to = format!("https://approvals.example.com{}?secret=1", request.uri().path());
        (StatusCode::MOVED_PERMANENTLY, [(header::LOCATION, to)])
    }
    let url = listening(Router::new().fallback(away)).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("hub.toml"), "").unwrap();
    // Commands that send once, commands that retry, and `exec`.
    for args in [
        &["apply", "-f", "hub.toml"][..],
        &["request", "list"],
        &["exec", "--resource", "orders", "--", "true"],
        &["analytics", "report"],
    ] {
        let ended = end(program(&url, "cs_token", folder.path(), args)).await;
        let says = "set COUNTERSIGN_URL (or --url) to https://approvals.example.com";
        assert!(
            ended.code != 0 && ended.err.contains(says) && !ended.err.contains("secret"),
            "{args:?}: {}",
            ended.err
        );
    }
}

#[tokio::test]
async fn a_mismatch_of_http_and_https_is_reported() {
    let (url, _) = server().await;
    let ended = end(list(&url.replace("http://", "https://"))).await;
    assert!(ended.code != 0 && ended.err.contains("does the server speak https:// at this port?"), "{}", ended.err);
}

on_both! {
    async fn sighup_ends_exec_as_sigterm_does(database: Database) {
        let bench = Bench::new(database).await;
        // While waiting: the request is cancelled.
        let waiting = bench.exec(&[], &["true"]);
        let (request, _) = bench.asked(1).await;
        waiting.signal("HUP");
        assert_eq!(waiting.end().await.code, 122);
        assert_eq!(bench.hub.show(&request).await["status"], "cancelled");
        // While running: the command receives the signal, and its end is reported.
        let begun = bench.hub.database.folder.path().join("begun");
        let script = format!("trap 'exit 7' HUP; touch {}; while :; do sleep 0.05; done", begun.display());
        let running = bench.exec(&[], &["sh", "-c", &script]);
        let (request, links) = bench.asked(2).await;
        bench.follow(&links, "approve", json!({})).await.expect(200);
        eventually("it runs", || async { begun.exists().then_some(()) }).await;
        running.signal("HUP");
        assert_eq!(running.end().await.code, 7);
        assert_eq!(bench.hub.show(&request).await["execution"]["status"], "failed");
    }
}
