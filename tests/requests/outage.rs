//! A database that cannot serve: 503, and nothing half-written.

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_postgres_connection() {
    let hub = TestHub::start(Database::postgres().await).await.with_policy().await;
    let name = hub.database.url.split('/').next_back().unwrap().split('?').next().unwrap().to_owned();
    let server = sqlx::PgPool::connect(&std::env::var("TEST_POSTGRES_URL").unwrap()).await.unwrap();
    let cut =
        sqlx::AssertSqlSafe(format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"));
    sqlx::raw_sql(cut).execute(&server).await.unwrap();
    // The first call may meet the dead connection; what it is told is true, and the next one works.
    let first = hub.post("/v1/requests", &ASK()).await;
    assert!(first.status == 201 || first.problem(503) == "storage_unavailable");
    hub.post("/v1/requests", &ASK()).await.expect(201);
    let kept = hub.get("/v1/requests").await.expect(200)["items"].as_array().unwrap().len();
    assert_eq!(kept, if first.status == 201 { 2 } else { 1 });
}
