//! Settings from flags, environment and file: which are refused, which are tolerated, and that checked values are used.

use serde_json::json;

use super::{ask, call, failure, free_port, with_policy};
use crate::support::{HubProcess, Receiver};

#[tokio::test]
async fn invalid_settings_are_refused_with_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let serve = |args: &[&str]| {
        let mut command = HubProcess::command(folder.path());
        command.arg("serve").args(args);
        command
    };
    assert!(failure(serve(&["--listen", "nowhere"])).await.contains("--listen"));
    let error = failure(serve(&["--listen", "localhost:8081"])).await;
    assert!(error.contains("127.0.0.1:8081 for this machine alone"), "{error}");
    let error = failure(serve(&["--log", "inof"])).await;
    assert!(error.contains("--log") && error.contains("\"inof\" is not a log level"), "{error}");
    let mut command = serve(&[]);
    command.env("COUNTERSIGN_ALLOW_TARGETS", "10.0.0.0/99 oops");
    assert!(failure(command).await.contains("--allow-targets"));
    let mut command = serve(&[]);
    command.env("COUNTERSIGN_LISTEN", "nowhere");
    assert!(failure(command).await.contains("the environment variable COUNTERSIGN_LISTEN is invalid"));
    let mut command = serve(&[]);
    command.env("COUNTERSIGN_ADMIN_TOKEN", "my secret passphrase");
    let error = failure(command).await;
    assert!(error.contains("COUNTERSIGN_ADMIN_TOKEN") && !error.contains("passphrase"), "{error}");
    let mut command = serve(&["--database-url", "postgres://nobody@127.0.0.1:1/x"]);
    command.env("RUST_BACKTRACE", "0");
    let error = failure(command).await;
    assert!(error.contains("127.0.0.1, port 1") && error.contains("refused"), "{error}");
    let mut command = serve(&[]);
    command.env("COUNTERSIGN_LISTENS", "x");
    assert!(failure(command).await.contains("COUNTERSIGN_LISTENS"));
    let mut command = serve(&[]);
    command.env("REVIEW_TIMEOUT_SEC", "soon");
    assert!(failure(command).await.contains("review-timeout-sec"));
    std::fs::write(folder.path().join("countersign.toml"), "listen = \"127.0.0.1:0\"\nport = 9\n").unwrap();
    let error = failure(serve(&[])).await;
    assert!(error.contains("countersign.toml") && error.contains("line 2") && error.contains("port"), "{error}");
    std::fs::write(folder.path().join("countersign.toml"), "database_url = \"mysql://x\"").unwrap();
    assert!(failure(serve(&[])).await.contains("sqlite:// or postgres://"));
    assert!(!folder.path().join("countersign-data/countersign.db").exists());
}

/// Blanks around values and unrelated variables of typical deployments have no effect.
#[tokio::test]
async fn blanks_empty_variables_and_kubernetes_variables_do_not_stop_the_start() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("countersign.toml"), "\u{feff}review_timeout_sec = 600\n").unwrap();
    let port = free_port();
    let settings = [
        ("COUNTERSIGN_ADMIN_TOKEN", " cs_test_admin_token_0001\n"),
        ("COUNTERSIGN_ALLOW_TARGETS", "127.0.0.0/8, \n"),
        ("COUNTERSIGN_PUBLIC_URL", "https:Approvals.example.com\n"),
        ("COUNTERSIGN_DATABASE_URL", ""),
        ("COUNTERSIGN_TEMPLATES_DIR", "  "),
        ("COUNTERSIGN_LOG_FORMAT", ""),
        ("REVIEW_TIMEOUT_SEC", ""),
        ("COUNTERSIGN_PORT", "tcp://10.96.0.7:8080"),
        ("COUNTERSIGN_SERVICE_HOST", "10.96.0.7"),
        ("COUNTERSIGN_FOO_SERVICE_PORT_HTTP", "80"),
        ("COUNTERSIGN_PORT_8080_TCP_ADDR", "10.96.0.7"),
    ];
    let mut hub = HubProcess::start(folder.path(), port, &settings).await.unwrap();
    assert_eq!(hub.url, "https://approvals.example.com");
    hub.url = format!("http://127.0.0.1:{port}");
    with_policy(&hub).await;
    let receiver = Receiver::start().await;
    // Blanks around copied values are ignored too.
    let endpoint = json!({
        "name": "wrapped", "channel": "custom", "url": format!(" {}\n", receiver.url), "groups": ["dba"],
        "auth": {"type": "bearer", "token": "token-of-the-target\n"}, "headers": {"x-key": " key \n"},
    });
    let (status, endpoint) = call(&hub, "POST", "/v1/endpoints", &endpoint).await;
    assert_eq!(status, 201, "{endpoint}");
    let (status, request) = call(&hub, "POST", "/v1/requests", &ask()).await;
    assert_eq!((status, request["url"].as_str().unwrap().starts_with("https://approvals.example.com/")), (201, true));
    let message = receiver.wait_for(1).await.remove(0);
    assert_eq!(message.header("authorization"), "Bearer token-of-the-target");
    assert_eq!(message.header("x-key"), "key");
    assert!(
        message.json()["data"]["links"]["approve"].as_str().unwrap().starts_with("https://approvals.example.com/c/")
    );
    hub.kill().await;
}

#[tokio::test]
async fn a_hub_on_all_addresses_warns_that_its_links_are_unusable_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let mut command = HubProcess::command(folder.path());
    command.args(["serve", "--listen", &format!("0.0.0.0:{port}"), "--log", "countersing=debug,warn"]);
    let hub = HubProcess::ready(command).await.unwrap();
    assert_eq!(hub.url, format!("http://127.0.0.1:{port}"));
    with_policy(&hub).await;
    let log = hub.log.lock().unwrap().join("\n");
    assert!(log.contains("COUNTERSIGN_PUBLIC_URL") && !log.contains("http://0.0.0.0"), "{log}");
    assert!(log.contains("countersing"), "a name that nothing logs under is noticed: {log}");
    let (_, request) = call(&hub, "POST", "/v1/requests", &ask()).await;
    assert!(request["url"].as_str().unwrap().starts_with(&format!("http://127.0.0.1:{port}/")), "{request}");
    hub.kill().await;
}
