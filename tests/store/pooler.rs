//! The real `PgBouncer`: the hub works with `pool_mode = session`; with any other, the error says what to set.

use countersign::store::{OpenError, Store};
use serde_json::json;

use crate::support::{Database, Pooler, TestHub, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_pool_serves_replicas() {
    let mut database = Database::postgres().await;
    let pooler = Pooler::start(&database, "session", "").await;
    database.url = pooler.url(&database);
    let hub = TestHub::start(database).await.with_policy().await;
    let other = hub.replica().await;
    let request = hub.ask("orders", "select 1").await;
    // A request created on one replica is read, decided and notified on the other.
    let path = format!("/v1/requests/{}?wait=20", request["id"].as_str().unwrap());
    let waiting = hub.get(&path);
    let deciding = async {
        other.vote(&request, "approve", "dana@example.com").await.expect(200);
    };
    let (waited, ()) = tokio::join!(waiting, deciding);
    assert_eq!(waited.expect(200)["status"], "approved");
    let changed = json!({"members": ["erik@example.com"]});
    other.put("/v1/groups/dba", &changed).await.expect(200);
    eventually("the change is notified", || async {
        let request = hub.ask("orders", "select 2").await;
        (hub.vote(&request, "approve", "dana@example.com").await.status == 403).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pools_that_switch_connections_are_refused() {
    for (pool_mode, settings) in [
        ("transaction", ""),
        ("transaction", "server_round_robin = 1\nmin_pool_size = 3"),
        ("transaction", "default_pool_size = 1"),
        ("statement", ""),
    ] {
        let database = Database::postgres().await;
        let pooler = Pooler::start(&database, pool_mode, settings).await;
        let error = Store::open(&pooler.url(&database)).await.err().expect("it is refused");
        assert!(matches!(error, OpenError::Pooler), "{pool_mode} {settings}: {error:?}");
        assert!(error.to_string().contains("pool_mode = session"), "{error}");
        let sql = "SELECT 'tables', count(*) FROM pg_tables WHERE schemaname = 'public'";
        assert_eq!(Database::tally(&database.url, sql.to_owned()).await["tables"], 0, "nothing was created there");
    }
}
