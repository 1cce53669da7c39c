//! `/readyz` writes to the database, and reports why it is unavailable and what to do.

use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::support::{Database, HubProcess, Pooler, TOKEN, TestHub, eventually, on_both};

async fn reaches(hub: &TestHub, status: u16, says: &str) {
    eventually(&format!("/readyz says {status} and {says}"), || async {
        let answer = hub.get("/readyz").await;
        (answer.status == status && answer.text.contains(says)).then_some(())
    })
    .await;
}

on_both! {
    async fn a_hub_with_a_working_database_is_ready(database: Database) {
        let hub = TestHub::start(database).await;
        assert_eq!(hub.get("/readyz").await.expect(200), json!({"status": "ready"}));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_only_database_is_not_ready() {
    let hub = TestHub::start(Database::postgres().await).await;
    let name = hub.database.name();
    let set = |word| format!("ALTER DATABASE {name} SET default_transaction_read_only = {word}");
    // Setting it back needs a connection to another database.
    let server = std::env::var("TEST_POSTGRES_URL").unwrap();
    Database::run(&server, set("on")).await;
    hub.database.cut_connections().await;
    reaches(&hub, 503, "read-only").await;
    assert_eq!(hub.get("/readyz").await.problem(503), "storage_unavailable");
    Database::run(&server, set("off")).await;
    hub.database.cut_connections().await;
    reaches(&hub, 200, "ready").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_who_may_no_longer_log_in_is_reported_as_such() {
    let mut database = Database::postgres().await;
    let (server, name) = (std::env::var("TEST_POSTGRES_URL").unwrap(), database.name());
    let role = format!("role_{name}");
    Database::run(&server, format!("CREATE ROLE {role} LOGIN; ALTER DATABASE {name} OWNER TO {role}")).await;
    let mut url = url::Url::parse(&database.url).unwrap();
    url.set_username(&role).unwrap();
    database.url = url.into();
    let hub = TestHub::start(database).await;
    Database::run(&server, format!("ALTER ROLE {role} NOLOGIN")).await;
    hub.database.cut_connections().await;
    reaches(&hub, 503, "user or password").await;
    assert_eq!(hub.get("/v1/requests").await.problem(503), "storage_unavailable");
    Database::run(&server, format!("ALTER ROLE {role} LOGIN")).await;
    reaches(&hub, 200, "ready").await;
}

/// The connection pool only reports a timeout; the hub reports the reason.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreachable_server_is_reported_as_such() {
    let mut database = Database::postgres().await;
    let pooler = Pooler::start(&database, "session", "").await;
    let behind = url::Url::parse(&pooler.url(&database)).unwrap();
    // A relay to the server, which ends with the task and all its connections.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut url = behind.clone();
    url.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
    database.url = url.into();
    let relay = tokio::spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((mut near, _)) = listener.accept().await {
            let mut far = TcpStream::connect(("127.0.0.1", behind.port().unwrap())).await.unwrap();
            connections.spawn(async move { tokio::io::copy_bidirectional(&mut near, &mut far).await });
        }
    });
    let hub = TestHub::start(database).await;
    reaches(&hub, 200, "ready").await;
    relay.abort();
    reaches(&hub, 503, "(unreachable): it does not answer").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_right_is_reported_as_such() {
    let mut database = Database::postgres().await;
    let (server, name) = (std::env::var("TEST_POSTGRES_URL").unwrap(), database.name());
    let (role, owned) = (format!("role_{name}"), database.url.clone());
    Database::run(&server, format!("CREATE ROLE {role} LOGIN; ALTER DATABASE {name} OWNER TO {role}")).await;
    let mut url = url::Url::parse(&database.url).unwrap();
    url.set_username(&role).unwrap();
    database.url = url.into();
    let hub = TestHub::start(database).await;
    Database::run(&owned, "ALTER TABLE configuration OWNER TO postgres".to_owned()).await;
    reaches(&hub, 503, "lacks a privilege").await;
    Database::run(&owned, format!("ALTER TABLE configuration OWNER TO {role}")).await;
    reaches(&hub, 200, "ready").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_not_ready() {
    let folder = tempfile::tempdir().unwrap();
    let hub = HubProcess::start(folder.path(), 0, &[]).await.unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let ready = || async {
        let answer = http.get(format!("{}/readyz", hub.url)).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(ready().await.0, 200);
    // From now on every write fails, in any thread.
    let _full = hub.tamper(&["-e", "inject=pwrite64:error=ENOSPC"]).await;
    let group = http.put(format!("{}/v1/groups/g", hub.url)).bearer_auth(TOKEN);
    let refused = group.json(&json!({"members": ["dana@example.com"]})).send().await.unwrap();
    assert_eq!(refused.status(), 503);
    let text = eventually("/readyz says that it is not ready", || async {
        let (status, text) = ready().await;
        (status == 503).then_some(text)
    })
    .await;
    assert!(text.contains("(full)") && text.contains("free some space"), "{text}");
}
