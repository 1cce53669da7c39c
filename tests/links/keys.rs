//! Keys are rotated while the hub runs and links are in use.

use countersign::data_dir::DataDir;
use serde_json::{Value, json};

use super::{open_link, url, with_links};
use crate::support::{Database, HubProcess, TestHub, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_hub_loads_new_keys_and_still_accepts_the_old() {
    let (hub, receiver, _request, links) = with_links(Database::sqlite()).await;
    let old = url(&links, "review");
    let data = DataDir::existing(hub.database.folder.path()).unwrap();
    let day = std::time::Duration::from_secs(86_400);
    let keys = data.rotate_keys(day, hub.now()).unwrap();
    assert_eq!((keys[0].id, keys[0].signs, keys[1].until), (2, true, Some(hub.now() + day)));
    // The key's number follows the version: the links of one delivery differ only in what they are for.
    let key_of = |link: &str| link.rsplit('/').next().unwrap().get(1..7).unwrap().to_owned();
    let by_new_key = eventually("links are signed by the new key", || async {
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
    assert_eq!(open_link(&hub, &old).await.status, 200, "the old key is honoured");
    assert_eq!(open_link(&hub, &by_new_key).await.status, 200);
    // At once, as when a key has leaked.
    data.rotate_keys(std::time::Duration::ZERO, hub.now()).unwrap();
    eventually("links under the old keys are dead", || async {
        hub.advance(5);
        (open_link(&hub, &old).await.status == 404 && open_link(&hub, &by_new_key).await.status == 404).then_some(())
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
    assert_eq!(open_link(&hub, &url(&links, "review")).await.status, 200);
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
    assert!(text.starts_with("key 2 signs, created at ") && text.contains("\nkey 1 is accepted until "), "{text}");
    let file: Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("countersign-data/keys.json")).unwrap()).unwrap();
    assert!(!text.contains(file["links"][0]["secret"].as_str().unwrap()));
}

/// Whether `/readyz` warns of keys that this hub does not have.
async fn warns(hub: &TestHub) -> bool {
    hub.get("/readyz").await.expect(200)["warnings"][0].as_str().is_some_and(|text| text.contains("the same keys.json"))
}

/// Waits until both replicas have compared their keys once more.
async fn until_warned(hub: &TestHub, expected: bool) {
    eventually(&format!("it warns: {expected}"), || async {
        hub.advance(60);
        (warns(hub).await == expected).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_with_different_keys_warn() {
    let hub = TestHub::start(Database::postgres().await).await;
    assert!(!warns(&hub).await);
    let stranger = hub.replica().await;
    eventually("the new one warns at once", || async { warns(&stranger).await.then_some(()) }).await;
    until_warned(&hub, true).await;
    stranger.stop().await;
    until_warned(&hub, false).await;

    // With the same keys there is no warning, and a new key has some minutes to reach the others.
    let folder = tempfile::tempdir().unwrap();
    let keys = hub.database.folder.path().join("keys.json");
    std::fs::copy(&keys, folder.path().join("keys.json")).unwrap();
    let twin = Database { url: hub.database.url.clone(), folder };
    let twin = TestHub::start_at(
        twin,
        crate::support::Options::default(),
        countersign::time::ManualClock::starting_at(hub.now()),
    )
    .await;
    let data = DataDir::existing(twin.database.folder.path()).unwrap();
    data.rotate_keys(std::time::Duration::from_secs(86_400), twin.now()).unwrap();
    let sql = "SELECT id, (keys LIKE '2:%')::int::bigint FROM replicas";
    eventually("the new key is announced", || async {
        twin.advance(60);
        let signing = Database::tally(&hub.database.url, sql.to_owned()).await;
        signing.values().any(|is_new| *is_new == 1).then_some(())
    })
    .await;
    let began = hub.now();
    for _ in 0..8 {
        hub.advance(60);
        twin.advance(60);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        assert!(!warns(&hub).await, "{} s after it began", hub.now().since(began).as_secs());
    }
    eventually("it takes too long", || async {
        hub.advance(60);
        twin.advance(60);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        warns(&hub).await.then_some(())
    })
    .await;
    std::fs::copy(twin.database.folder.path().join("keys.json"), &keys).unwrap();
    until_warned(&hub, false).await;
}
