//! Backups of a running hub, and refused starts where the database or the keys are missing.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

use super::{ask, call, failure, free_port, with_policy};
use crate::support::{Database, HubProcess, TestHub, eventually};

async fn backup(folder: &Path, args: &[&str]) -> Output {
    HubProcess::command(folder).arg("backup").args(args).output().await.unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn a_backup_of_a_running_hub_is_complete() {
    let folder = tempfile::tempdir().unwrap();
    let hub = HubProcess::start(folder.path(), free_port(), &[]).await.unwrap();
    with_policy(&hub).await;
    let (_, request) = call(&hub, "POST", "/v1/requests", &ask()).await;
    let made = backup(folder.path(), &["copy.db", "--json"]).await;
    assert!(made.status.success(), "{}", stderr(&made));
    let facts: Value = serde_json::from_slice(&made.stdout).unwrap();
    assert_eq!((&facts["requests"], facts["audit_entries"].as_i64() > Some(0)), (&json!(1), true), "{facts}");
    // Nothing is overwritten, and the hub continues.
    let again = backup(folder.path(), &["copy.db"]).await;
    assert!(!again.status.success() && stderr(&again).contains("copy.db already exists"), "{}", stderr(&again));
    assert_eq!(call(&hub, "POST", "/v1/requests", &ask()).await.0, 201);
    hub.kill().await;

    let restored = tempfile::tempdir().unwrap();
    let data = restored.path().join("countersign-data");
    fs::create_dir(&data).unwrap();
    fs::rename(folder.path().join("copy.db"), data.join("countersign.db")).unwrap();
    fs::rename(folder.path().join("copy.db.keys.json"), data.join("keys.json")).unwrap();
    let serve = || {
        let mut start = HubProcess::command(restored.path());
        start.args(["serve", "--listen", "127.0.0.1:0"]);
        start
    };
    let Err(refused) = HubProcess::ready(serve()).await else { panic!("it starts without the key of its secrets") };
    assert!(refused.contains("secrets.key: restore that file"), "{refused}");
    fs::copy(folder.path().join("countersign-data/secrets.key"), data.join("secrets.key")).unwrap();
    let hub = HubProcess::ready(serve()).await.unwrap();
    let path = format!("/v1/requests/{}", request["id"].as_str().unwrap());
    assert_eq!(call(&hub, "GET", &path, &json!({})).await.1["digest"], request["digest"]);
    assert_eq!(call(&hub, "GET", "/v1/requests", &json!({})).await.1["items"].as_array().unwrap().len(), 1);
    hub.kill().await;
}

#[tokio::test]
async fn a_damaged_database_has_no_backup() {
    let folder = tempfile::tempdir().unwrap();
    let missing = backup(folder.path(), &["copy.db"]).await;
    assert!(!missing.status.success() && stderr(&missing).contains("--data-dir"), "{}", stderr(&missing));
    let hub = HubProcess::start(folder.path(), free_port(), &[]).await.unwrap();
    with_policy(&hub).await;
    hub.kill().await;
    let url = format!("sqlite://{}", folder.path().join("countersign-data/countersign.db").display());
    Database::run(&url, "UPDATE audit_entries SET entry = replace(entry, 'dba', 'all') WHERE seq = 1".to_owned()).await;
    let broken = backup(folder.path(), &["copy.db"]).await;
    assert!(!broken.status.success() && stderr(&broken).contains("entry 1 of the audit trail"), "{}", stderr(&broken));
    let left = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
    assert_eq!(left, ["countersign-data"], "nothing is left of it");

    let server = ["copy.db", "--database-url", "postgres://localhost/x"];
    let refused = backup(folder.path(), &server).await;
    assert!(!refused.status.success() && stderr(&refused).contains("pg_dump"), "{}", stderr(&refused));
}

/// A copy of the database file alone is complete once the hub is at rest, because its log is then empty.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_at_rest_keeps_nothing_in_its_log() {
    let hub = TestHub::start(Database::sqlite()).await.with_policy().await;
    for number in 0..20 {
        hub.ask("orders", &format!("select {number}")).await;
    }
    let file = hub.database.url.strip_prefix("sqlite://").unwrap().to_owned();
    let log = format!("{file}-wal");
    assert!(fs::metadata(&log).unwrap().len() > 0);
    eventually("the log is empty", || async {
        hub.advance(5);
        (fs::metadata(&log).unwrap().len() == 0).then_some(())
    })
    .await;
    let copy = hub.database.folder.path().join("copy.db");
    fs::copy(&file, &copy).unwrap();
    let sql = "SELECT 'requests', COUNT(*) FROM requests".to_owned();
    assert_eq!(Database::tally(&format!("sqlite://{}", copy.display()), sql).await["requests"], 20);
    // It is the same log file, so the hub continues.
    hub.ask("orders", "select 20").await;
}

/// A start without `--init`.
fn serve(folder: &Path, args: &[&str]) -> tokio::process::Command {
    let mut command = HubProcess::command(folder);
    command.args(["serve", "--listen", "127.0.0.1:0"]).args(args);
    command
}

async fn starts_empty_only_with_init(settings: &[&str], forget_database: impl AsyncFn(&Path)) {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("countersign-data/keys.json");
    // The very first start needs no option.
    let hub = HubProcess::ready(serve(folder.path(), settings)).await.unwrap();
    with_policy(&hub).await;
    hub.kill().await;

    let before = fs::read(&keys).unwrap();
    fs::remove_file(&keys).unwrap();
    let refused = failure(serve(folder.path(), settings)).await;
    assert!(refused.contains("keys.json") && refused.contains("--init"), "{refused}");
    assert!(!keys.exists(), "nothing was created");
    HubProcess::ready(serve(folder.path(), &[settings, &["--init"]].concat())).await.unwrap().kill().await;
    assert_ne!(fs::read(&keys).unwrap(), before);

    forget_database(folder.path()).await;
    let refused = failure(serve(folder.path(), settings)).await;
    assert!(refused.contains("the database that belongs to it does not") && refused.contains("--init"), "{refused}");
    assert!(!folder.path().join("countersign-data/countersign.db").exists(), "nothing was created");
    HubProcess::ready(serve(folder.path(), &[settings, &["--init"]].concat())).await.unwrap().kill().await;
    // From then on both exist.
    HubProcess::ready(serve(folder.path(), settings)).await.unwrap().kill().await;
}

#[tokio::test]
async fn a_hub_without_its_keys_or_database_does_not_start_empty_on_sqlite() {
    starts_empty_only_with_init(&[], async |folder| {
        for ending in ["", "-wal", "-shm"] {
            let _gone = fs::remove_file(folder.join(format!("countersign-data/countersign.db{ending}")));
        }
    })
    .await;
}

#[tokio::test]
async fn a_hub_without_its_keys_or_database_does_not_start_empty_on_postgres() {
    let database = Database::postgres().await;
    let url = database.url.clone();
    starts_empty_only_with_init(&["--database-url", &database.url], async |_| {
        Database::run(&url, "DROP SCHEMA public CASCADE; CREATE SCHEMA public".to_owned()).await;
    })
    .await;
}
