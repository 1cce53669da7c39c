//! A separate database for each test.

use std::collections::BTreeMap;
use std::path::Path;

use countersign::data_dir::DataDir;
use countersign::store::Store;
use sqlx::Connection as _;
use sqlx::migrate::Migrator;
use tempfile::TempDir;

/// An empty database.
pub(crate) struct Database {
    pub(crate) url: String,
    /// The data folder, and SQLite's file.
    pub(crate) folder: TempDir,
}

impl Database {
    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite://{}", folder.path().join("test.db").display());
        Self { url, folder }
    }

    /// On the server that `TEST_POSTGRES_URL` names; `scripts/test.sh` starts one.
    pub(crate) async fn postgres() -> Self {
        Self::postgres_with("").await
    }

    /// On the given server, if it answers.
    pub(crate) async fn on(server: String) -> Option<Self> {
        Self::made(server, "").await
    }

    /// On the server that `TEST_POSTGRES_URL` names, with further options of `CREATE DATABASE`.
    pub(crate) async fn postgres_with(options: &str) -> Self {
        let server = std::env::var("TEST_POSTGRES_URL").expect("TEST_POSTGRES_URL is not set: run scripts/test.sh");
        Self::made(server, options).await.expect("the PostgreSQL server answers")
    }

    async fn made(server: String, options: &str) -> Option<Self> {
        let name = format!("test_{}", countersign::ids::RequestId::mint(countersign::time::Timestamp::from_micros(0)));
        let mut connection = sqlx::PgConnection::connect(&server).await.ok()?;
        let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name} {options}"));
        sqlx::raw_sql(create).execute(&mut connection).await.expect("a database is created");
        let mut url = url::Url::parse(&server).expect("TEST_POSTGRES_URL is a URL");
        url.set_path(&name);
        Some(Self { url: url.into(), folder: tempfile::tempdir().expect("a folder") })
    }

    /// Its name on the PostgreSQL server.
    pub(crate) fn name(&self) -> String {
        url::Url::parse(&self.url).expect("a URL").path().trim_start_matches('/').to_owned()
    }

    /// An administrative connection to the server that `TEST_POSTGRES_URL` names.
    pub(crate) async fn server() -> sqlx::PgConnection {
        sqlx::PgConnection::connect(&std::env::var("TEST_POSTGRES_URL").expect("a server")).await.expect("it answers")
    }

    /// Ends every connection to this PostgreSQL database, and returns when all of them have ended.
    pub(crate) async fn cut_connections(&self) {
        let mut server = Self::server().await;
        let name = self.name();
        let cut = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = $1";
        let ended: Vec<bool> =
            sqlx::query_scalar(cut).bind(name).fetch_all(&mut server).await.expect("a superuser may cut connections");
        assert!(!ended.is_empty() && ended.iter().all(|ended| *ended), "{ended:?}");
    }

    /// The rows of a statement with two columns, a name and a number, as a map.
    pub(crate) async fn tally(url: &str, sql: String) -> BTreeMap<String, i64> {
        let sql = sqlx::AssertSqlSafe(sql);
        let rows: Vec<(String, i64)> = if url.starts_with("sqlite") {
            let mut connection = sqlx::SqliteConnection::connect(url).await.expect("the database opens");
            sqlx::query_as(sql).fetch_all(&mut connection).await.expect("the statement runs")
        } else {
            let mut connection = sqlx::PgConnection::connect(url).await.expect("the database opens");
            sqlx::query_as(sql).fetch_all(&mut connection).await.expect("the statement runs")
        };
        rows.into_iter().collect()
    }

    /// Applies the first `count` migrations to the new database.
    pub(crate) async fn migrate(&self, count: usize) {
        let dialect = if self.url.starts_with("sqlite") { "sqlite" } else { "postgres" };
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(dialect);
        let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let some = tempfile::tempdir().unwrap();
        for file in files.iter().take(count) {
            std::fs::copy(file, some.path().join(file.file_name().unwrap())).unwrap();
        }
        let migrator = Migrator::new(some.path()).await.unwrap();
        if dialect == "sqlite" {
            let url = format!("{}?mode=rwc", self.url);
            migrator.run(&mut sqlx::SqliteConnection::connect(&url).await.unwrap()).await.unwrap();
        } else {
            migrator.run(&mut sqlx::PgConnection::connect(&self.url).await.unwrap()).await.unwrap();
        }
    }

    /// Opens it as the hub that used it does: with the hub's keys of stored secrets.
    pub(crate) async fn store(&self) -> Store {
        let store = Store::open(&self.url).await.expect("the database opens");
        let data = DataDir::existing(self.folder.path()).expect("the data folder");
        store.secrets().replace(data.secrets_file(None).read().expect("keys"));
        store.secrets().seal_with(store.secrets().ids().first().copied());
        store
    }

    /// The rows of a statement with one text column.
    pub(crate) async fn texts(url: &str, sql: String) -> Vec<String> {
        let sql = sqlx::AssertSqlSafe(sql);
        if url.starts_with("sqlite") {
            let mut connection = sqlx::SqliteConnection::connect(url).await.expect("the database opens");
            sqlx::query_scalar(sql).fetch_all(&mut connection).await.expect("the statement runs")
        } else {
            let mut connection = sqlx::PgConnection::connect(url).await.expect("the database opens");
            sqlx::query_scalar(sql).fetch_all(&mut connection).await.expect("the statement runs")
        }
    }

    /// Changes the database without the hub.
    pub(crate) async fn run(url: &str, sql: String) {
        let sql = sqlx::AssertSqlSafe(sql);
        if url.starts_with("sqlite") {
            let mut connection = sqlx::SqliteConnection::connect(url).await.expect("the database opens");
            sqlx::raw_sql(sql).execute(&mut connection).await.expect("the statement runs");
        } else {
            let mut connection = sqlx::PgConnection::connect(url).await.expect("the database opens");
            sqlx::raw_sql(sql).execute(&mut connection).await.expect("the statement runs");
        }
    }
}
