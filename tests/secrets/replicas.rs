//! Replicas seal with a key that all of them have.

use countersign::data_dir::DataDir;
use countersign::time::ManualClock;

use super::{dump, endpoints, sealed};
use crate::support::{Database, Options, Receiver, TestHub, eventually};

async fn warnings(hub: &TestHub) -> String {
    hub.get("/readyz").await.expect(200)["warnings"].to_string()
}

async fn count(hub: &TestHub) -> usize {
    hub.get("/v1/endpoints").await.expect(200)["items"].as_array().unwrap().len()
}

async fn sealed_by(url: &str, key: &str) -> usize {
    dump(url).await.iter().filter(|text| text.contains(&format!(": sealed:1:{key}:"))).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_that_reaches_one_replica_after_the_other_loses_no_endpoint() {
    let hub = TestHub::start(Database::postgres().await).await.with_policy().await;
    let twin = hub.replica().await;
    let receiver = Receiver::start().await;
    endpoints(&hub, &receiver).await;
    let url = &hub.database.url;
    let file = |hub: &TestHub| DataDir::existing(hub.database.folder.path()).unwrap().secrets_file(None);
    let old = file(&hub).list().unwrap()[0].id.to_string();
    let all = sealed_by(url, &old).await;
    let new = file(&hub).rotate(hub.now()).unwrap()[0].id.to_string();
    for _ in 0..15 {
        hub.advance(60);
        twin.advance(60);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(
        (sealed_by(url, &old).await, sealed_by(url, &new).await),
        (all, 0),
        "the twin does not have the new key"
    );
    eventually("it is reported after a while", || async {
        hub.advance(60);
        twin.advance(60);
        warnings(&hub).await.contains(&format!("does not have the new secrets key {new}")).then_some(())
    })
    .await;
    assert_eq!((count(&hub).await, count(&twin).await), (5, 5));
    std::fs::copy(file(&hub).path(), file(&twin).path()).unwrap();
    eventually("the new key seals everything", || async {
        hub.advance(60);
        twin.advance(60);
        (sealed(url, &new).await == 5).then_some(())
    })
    .await;
    assert_eq!(sealed_by(url, &new).await, all);
    assert_eq!((count(&hub).await, count(&twin).await), (5, 5));
    assert!(!warnings(&hub).await.contains("secrets"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_with_another_key_is_reported_by_both() {
    let hub = TestHub::start(Database::postgres().await).await.with_policy().await;
    let receiver = Receiver::start().await;
    endpoints(&hub, &receiver).await;
    let own =
        DataDir::existing(hub.database.folder.path()).unwrap().secrets_file(None).list().unwrap()[0].id.to_string();
    // The registration of the first replica comes before the second one starts.
    eventually("it is registered", || async {
        let sql = "SELECT secrets_keys FROM replicas".to_owned();
        Database::texts(&hub.database.url, sql).await.contains(&own).then_some(())
    })
    .await;
    let other = Database { url: hub.database.url.clone(), folder: tempfile::tempdir().unwrap() };
    let stranger = TestHub::start_at(other, Options::default(), ManualClock::starting_at(hub.now())).await;
    eventually("the new one says so", || async {
        warnings(&stranger)
            .await
            .contains(&format!("sealed with key {own}, which this replica does not have"))
            .then_some(())
    })
    .await;
    eventually("the other one says so", || async {
        hub.advance(60);
        stranger.advance(60);
        warnings(&hub).await.contains("another replica on this database does not have key").then_some(())
    })
    .await;
    assert_eq!((count(&hub).await, count(&stranger).await), (5, 0));
    let all = dump(&hub.database.url).await.iter().filter(|text| text.contains(": sealed:1:")).count();
    assert_eq!(sealed_by(&hub.database.url, &own).await, all, "nothing is sealed with the stranger's key");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_sealed_while_an_earlier_version_runs() {
    let database = Database::postgres().await;
    // The registration of a replica of that version.
    database.migrate(usize::MAX).await;
    let now = "2026-11-21T12:00:00Z".parse::<countersign::time::Timestamp>().unwrap().as_micros();
    let sql = format!("INSERT INTO replicas (id, keys, seen_at) VALUES ('earlier', '1:00', {now})");
    Database::run(&database.url, sql).await;
    let hub = TestHub::start(database).await.with_policy().await;
    let receiver = Receiver::start().await;
    endpoints(&hub, &receiver).await;
    hub.advance(60);
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert_eq!(sealed(&hub.database.url, "").await, 0);
    // It has stopped, or was upgraded.
    eventually("everything is sealed", || async {
        hub.advance(60);
        (sealed(&hub.database.url, "").await == 5).then_some(())
    })
    .await;
    assert_eq!(count(&hub).await, 5);
}
