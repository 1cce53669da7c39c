//! Keys are replaced while the hub runs and links are out.

use countersign::data_dir::DataDir;
use serde_json::{Value, json};

use super::{look, url, with_links};
use crate::support::{Database, HubProcess, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_hub_takes_new_keys_over_and_honours_the_old() {
    let (hub, receiver, _request, links) = with_links(Database::sqlite()).await;
    let old = url(&links, "review");
    let data = DataDir::existing(hub.database.folder.path()).unwrap();
    let day = std::time::Duration::from_secs(86_400);
    let keys = data.rotate_keys(day, hub.now()).unwrap();
    assert_eq!((keys[0].id, keys[0].signs, keys[1].until), (2, true, Some(hub.now() + day)));
    // The key's number stands behind the version: links of one delivery differ in nothing else but what they are about.
    let key_of = |link: &str| link.rsplit('/').next().unwrap().get(1..7).unwrap().to_owned();
    let is_taken_over = eventually("links are signed by the new key", || async {
        hub.advance(5);
        let request = hub.ask("orders", "another").await;
        let id = request["id"].as_str().unwrap().to_owned();
        let new = eventually("it is sent", || async {
            receiver.find(|sent| sent.body.contains(&id).then(|| url(&sent.json()["data"]["links"], "review")))
        })
        .await;
        (key_of(&new) != key_of(&old)).then_some(new)
    })
    .await;
    assert_eq!(look(&hub, &old).await.status, 200, "the old key is honoured");
    assert_eq!(look(&hub, &is_taken_over).await.status, 200);
    // At once, as when a key is known to others.
    data.rotate_keys(std::time::Duration::ZERO, hub.now()).unwrap();
    eventually("links under the old keys are dead", || async {
        hub.advance(5);
        (look(&hub, &old).await.status == 404 && look(&hub, &is_taken_over).await.status == 404).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_key_file_changes_nothing() {
    let (hub, _receiver, _request, links) = with_links(Database::sqlite()).await;
    std::fs::write(hub.database.folder.path().join("keys.json"), "{").unwrap();
    for _ in 0..3 {
        hub.advance(5);
        tokio::task::yield_now().await;
    }
    assert_eq!(look(&hub, &url(&links, "review")).await.status, 200);
}

#[tokio::test]
async fn the_command_lists_and_rotates_and_shows_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &'static [&'static str]| {
        let mut command = HubProcess::command(folder.path());
        async move { command.args(arguments).output().await.unwrap() }
    };
    let missing = run(&["keys", "rotate"]).await;
    assert!(!missing.status.success() && String::from_utf8_lossy(&missing.stderr).contains("COUNTERSIGN_DATA_DIR"));
    assert!(!folder.path().join("countersign-data").exists(), "a wrong folder is not made");
    DataDir::open(&folder.path().join("countersign-data"))
        .unwrap()
        .keys("2026-11-21T12:00:00Z".parse().unwrap())
        .unwrap();
    let rotated = run(&["keys", "rotate", "--json"]).await;
    let answer: Value = serde_json::from_slice(&rotated.stdout).unwrap();
    assert_eq!((&answer["keys"][0]["id"], &answer["keys"][0]["signs"]), (&json!(2), &json!(true)));
    assert!(answer["keys"][1]["until"].is_string());
    let text = String::from_utf8(run(&["keys", "list"]).await.stdout).unwrap();
    assert!(text.starts_with("key 2 signs, made at ") && text.contains("\nkey 1 is honoured until "), "{text}");
    let file: Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("countersign-data/keys.json")).unwrap()).unwrap();
    assert!(!text.contains(file["links"][0]["secret"].as_str().unwrap()));
}
