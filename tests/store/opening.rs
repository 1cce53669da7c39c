//! A database that cannot be opened: the error says what is wrong and what to do, and shows no password.

use countersign::store::Store;

use crate::egress::tls::{AUTHORITY, SERVER};
use crate::serve::free_port;
use crate::support::{Cluster, Database, HubProcess, eventually, on_both};

async fn refused(url: &str) -> String {
    let error = Store::open(url).await.err().expect("it is refused");
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

on_both! {
    async fn a_database_of_a_newer_version_is_left_alone(database: Database) {
        Store::open(&database.url).await.unwrap().close().await;
        let (yes, bytes) = if database.url.starts_with("sqlite") { ("1", "x'00'") } else { ("true", "'\\x00'") };
        let sql = format!(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
            VALUES (9999, 'from the future', {yes}, {bytes}, 0)"
        );
        Database::run(&database.url, sql).await;
        let text = refused(&database.url).await;
        assert!(text.contains("newer countersign") && text.contains("schema 9999;") && text.contains("run that version"), "{text}");
        Database::run(&database.url, format!("UPDATE _sqlx_migrations SET checksum = {bytes} WHERE version = 1;
            DELETE FROM _sqlx_migrations WHERE version = 9999")).await;
        let text = refused(&database.url).await;
        assert!(text.contains("schema 1 of the database") && text.contains("Restore a backup"), "{text}");
    }

    async fn an_unknown_parameter_is_named(database: Database) {
        let mark = if database.url.contains('?') { '&' } else { '?' };
        let text = refused(&format!("{}{mark}ssl_mode=verify-full", database.url)).await;
        assert!(text.contains("\"ssl_mode\"") && text.contains("COUNTERSIGN_DATABASE_URL"), "{text}");
    }
}

#[tokio::test]
async fn a_damaged_sqlite_file_is_named() {
    let database = Database::sqlite();
    let file = database.folder.path().join("test.db");
    std::fs::write(&file, "no database, but a text of some length ".repeat(400)).unwrap();
    let text = refused(&database.url).await;
    assert!(text.contains("test.db is damaged") && text.contains(".recover"), "{text}");
    std::fs::remove_file(&file).unwrap();
    Store::open(&database.url).await.unwrap().close().await;
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[100..].fill(7);
    std::fs::write(&file, bytes).unwrap();
    let text = refused(&database.url).await;
    assert!(text.contains("test.db is damaged") && text.contains("backup"), "{text}");
}

#[tokio::test]
async fn a_postgres_database_that_is_not_utf8_is_refused() {
    let options = "ENCODING 'LATIN1' LOCALE_PROVIDER libc LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0";
    let database = Database::postgres_with(options).await;
    let text = refused(&database.url).await;
    assert!(text.contains("LATIN1") && text.contains("ENCODING 'UTF8'"), "{text}");
    let sql = "SELECT 'tables', count(*) FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(Database::tally(&database.url, sql.to_owned()).await["tables"], 0, "nothing was created there");
}

#[tokio::test]
async fn an_unknown_user_and_a_missing_database_are_distinguished() {
    let database = Database::postgres().await;
    let mut url = url::Url::parse(&database.url).unwrap();
    url.set_username("nobody_of_that_name").unwrap();
    let text = refused(url.as_str()).await;
    assert!(text.contains("user or password") && text.contains("nobody_of_that_name"), "{text}");
    let mut url = url::Url::parse(&database.url).unwrap();
    url.set_path("/no_such_database");
    let text = refused(url.as_str()).await;
    assert!(text.contains("no such database"), "{text}");
}

/// For a password with a slash, the error explains what to write instead, and does not show the password.
#[tokio::test]
async fn a_password_with_a_slash_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let setting = [("COUNTERSIGN_DATABASE_URL", "postgres://hub:ge/heim@db.example/hub")];
    let stderr = HubProcess::start(folder.path(), 0, &setting).await.err().expect("it does not start");
    assert!(
        stderr.contains("%2F") && stderr.contains("COUNTERSIGN_DATABASE_URL") && !stderr.contains("heim"),
        "{stderr}"
    );
}

/// A migration without room on the disk is reported, and the next start continues it.
#[tokio::test]
async fn a_full_disk_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let full = ["-e", "inject=pwrite64:error=ENOSPC"];
    let stderr = HubProcess::start_traced(folder.path(), 0, &[], &full).await.err().expect("it does not start");
    assert!(stderr.contains("cannot write to the database: its disk is full"), "{stderr}");
    let stderr = HubProcess::start_limited(folder.path(), 0, 64).await.err().expect("it does not start");
    assert!(stderr.contains("file size limit"), "{stderr}");
    drop(HubProcess::start(folder.path(), 0, &[]).await.expect("it starts"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_connection_fails_no_read() {
    let database = Database::postgres().await;
    let store = Store::open(&database.url).await.unwrap();
    let mut session = store.read().await.unwrap();
    database.cut_connections().await;
    countersign::store::people::page(&mut session, "", 1).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_is_reached_over_tls_that_is_verified() {
    let folder = tempfile::tempdir().unwrap();
    let (known, other) = (folder.path().join("known.pem"), folder.path().join("other.pem"));
    std::fs::write(&known, AUTHORITY).unwrap();
    std::fs::write(&other, SERVER.0).unwrap();
    let port = free_port();
    let _cluster = Cluster::make_with_tls(port, SERVER).await;
    let url = format!("postgres://postgres@127.0.0.1:{port}/postgres?sslmode=verify-full&sslrootcert=");
    let trusting = format!("{url}{}", known.display());
    eventually("the server answers", || Database::on(trusting.clone())).await;
    let sql = "SELECT 'encrypted', count(*) FROM pg_stat_ssl WHERE ssl AND pid = pg_backend_pid()";
    assert_eq!(Database::tally(&trusting, sql.to_owned()).await["encrypted"], 1);
    Store::open(&trusting).await.unwrap().close().await;
    let text = refused(&format!("{url}{}", other.display())).await;
    assert!(text.contains("certificate"), "{text}");
}

/// Since PostgreSQL 15, only the owner may create tables in a database.
#[tokio::test]
async fn a_missing_right_is_not_reported_as_a_wrong_password() {
    let mut database = Database::postgres().await;
    let (server, name) = (std::env::var("TEST_POSTGRES_URL").unwrap(), database.name());
    let role = format!("role_{name}");
    Database::run(&server, format!("CREATE ROLE {role} LOGIN")).await;
    let mut url = url::Url::parse(&database.url).unwrap();
    url.set_username(&role).unwrap();
    let owned = std::mem::replace(&mut database.url, url.into());
    let text = refused(&database.url).await;
    assert!(text.contains("lacks a privilege") && text.contains("OWNER TO"), "{text}");
    let nowhere = format!("ALTER ROLE {role} IN DATABASE {name} SET search_path = nowhere");
    Database::run(&owned, format!("ALTER DATABASE {name} OWNER TO {role}; {nowhere}")).await;
    let text = refused(&database.url).await;
    assert!(text.contains("lacks a privilege") && text.contains("no schema"), "{text}");
    Database::run(&owned, format!("ALTER ROLE {role} IN DATABASE {name} RESET search_path")).await;
    Store::open(&database.url).await.unwrap().close().await;
}

#[tokio::test]
async fn a_server_without_tls_is_reported_as_such() {
    // A server that refuses TLS, as PostgreSQL does.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgres://hub@{}/hub?sslmode=require", listener.local_addr().unwrap());
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 8]).await;
            let _ = stream.write_all(b"N").await;
        }
    });
    let text = refused(&url).await;
    assert!(
        text.contains("TLS connection to it fails") && text.contains("sslmode") && !text.contains("again"),
        "{text}"
    );
}

#[tokio::test]
async fn a_database_in_memory_is_refused() {
    for url in ["sqlite::memory:", "sqlite://:memory:", "sqlite://hub.db?mode=memory"] {
        let text = refused(url).await;
        assert!(text.contains("sqlite://FILE"), "{url}: {text}");
    }
}

/// Its log file cannot be created beside it, as on a read-only mount.
#[tokio::test]
async fn a_file_that_cannot_be_opened_is_named() {
    let database = Database::sqlite();
    Store::open(&database.url).await.unwrap().close().await;
    std::fs::create_dir(database.folder.path().join("test.db-wal")).unwrap();
    let text = refused(&database.url).await;
    assert!(text.contains("test.db: check that its folder exists and that this user may write there"), "{text}");
}
