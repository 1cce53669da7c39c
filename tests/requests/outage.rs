//! An unavailable database: the answer is 503, and nothing is half-written.

use serde_json::json;

use crate::support::{Database, TestHub};

const ASK: fn() -> serde_json::Value =
    || json!({"resource": "orders", "command": "x", "requester": {"email": "nora@example.com"}});

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_sqlite_file() {
    let hub = TestHub::start(Database::sqlite()).await.with_policy().await;
    let foreign = sqlx::SqlitePool::connect(&hub.database.url).await.unwrap();
    let mut lock = foreign.acquire().await.unwrap();
    sqlx::raw_sql("BEGIN EXCLUSIVE").execute(&mut *lock).await.unwrap();
    assert_eq!(hub.post("/v1/requests", &ASK()).await.problem(503), "storage_unavailable");
    sqlx::raw_sql("ROLLBACK").execute(&mut *lock).await.unwrap();
    assert_eq!(hub.get("/v1/requests").await.expect(200)["items"], json!([]));
    hub.post("/v1/requests", &ASK()).await.expect(201);
}

/// A connection that is found broken at its first statement is replaced, so no caller gets an error.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_postgres_connection() {
    let hub = TestHub::start(Database::postgres().await).await.with_policy().await;
    hub.database.cut_connections().await;
    hub.post("/v1/requests", &ASK()).await.expect(201);
    hub.database.cut_connections().await;
    assert_eq!(hub.get("/v1/requests").await.expect(200)["items"].as_array().unwrap().len(), 1);
}
