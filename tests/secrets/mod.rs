//! Secrets at rest: nothing secret can be read in the database, and a sealed value opens in its place only.

mod keys;
mod leaving;
mod provider;
mod replicas;
mod sign_in;
mod upgrade;

use std::sync::Arc;

use countersign::approval::Digest;
use countersign::ids::EndpointId;
use countersign::sealing::{SealingKey, SealingKeys};
use countersign::store::slack::jobs;
use countersign::store::{Store, StoreError};
use countersign::time::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Behaviour, Database, Receiver, TestHub, eventually, on_both};

/// Part of everything that must not be readable.
const MARK: &str = "mArKeD";
const CERTIFICATE: &str = include_str!("../egress/certs/client.pem");
const KEY: &str = include_str!("../egress/certs/client.key");

/// Every text in every table, as a dump has it, with its place.
pub(crate) async fn dump(url: &str) -> Vec<String> {
    let is_sqlite = url.starts_with("sqlite");
    let columns = if is_sqlite {
        "SELECT m.name || ' ' || c.name FROM sqlite_schema m, pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name <> '_sqlx_migrations'"
    } else {
        "SELECT table_name || ' ' || column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> '_sqlx_migrations'"
    };
    let mut texts = Vec::new();
    for column in Database::texts(url, columns.to_owned()).await {
        let (table, column) = column.split_once(' ').unwrap();
        let sql = format!(
            "SELECT '{table}.{column}: ' || CAST(\"{column}\" AS TEXT) FROM \"{table}\" WHERE \"{column}\" IS NOT NULL"
        );
        texts.extend(Database::texts(url, sql).await);
    }
    texts
}

/// How many endpoints have a URL that this key has sealed; any key when it is empty.
async fn sealed(url: &str, key: &str) -> usize {
    let sql = format!("SELECT 'sealed', COUNT(*) FROM endpoints WHERE url LIKE 'sealed:1:{key}%'");
    usize::try_from(Database::tally(url, sql).await["sealed"]).unwrap()
}

/// The texts that must not be readable.
fn needles(hub: &TestHub, more: &[&str]) -> Vec<String> {
    let key = KEY.lines().nth(1).unwrap().to_owned();
    [MARK.to_owned(), key, hub.token.clone()].into_iter().chain(more.iter().map(|text| (*text).to_owned())).collect()
}

/// Fails when the database, or a file of it, contains a needle.
async fn assert_sealed(database: &Database, needles: &[String]) {
    for text in dump(&database.url).await {
        let found = needles.iter().find(|needle| text.contains(needle.as_str()));
        assert!(found.is_none(), "{found:?} in {text}");
    }
    let Some(file) = database.url.strip_prefix("sqlite://") else { return };
    for file in [file.to_owned(), format!("{file}-wal"), format!("{file}-shm")] {
        let Ok(bytes) = std::fs::read(&file) else { continue };
        for needle in needles {
            let is_there = bytes.windows(needle.len()).any(|window| window == needle.as_bytes());
            assert!(!is_there, "{needle} in {file}");
        }
    }
}

/// Endpoints with each sort of secret; returns the id of the custom one and its signing secrets.
async fn endpoints(hub: &TestHub, receiver: &Receiver) -> (String, [String; 2]) {
    let custom = json!({
        "name": "custom", "channel": "custom", "url": format!("{}/{MARK}-path?key={MARK}", receiver.url),
        "headers": {"x-api-key": format!("{MARK}-header")},
        "auth": {"type": "basic", "username": "hub", "password": format!("{MARK}-password")},
    });
    let made = hub.post("/v1/endpoints", &custom).await.expect(201);
    let id = made["id"].as_str().unwrap().to_owned();
    let rotated = hub.post(&format!("/v1/endpoints/{id}/rotate-secret"), &json!({})).await.expect(200);
    let secret = |answer: &Value| answer["secret"].as_str().unwrap().to_owned();
    let secrets = [secret(&made), secret(&rotated)];
    for endpoint in [
        json!({"name": "teams", "channel": "teams", "url": format!("{}/{MARK}-teams", receiver.url)}),
        json!({"name": "oauth2", "channel": "custom", "url": format!("https://hooks.example.com/{MARK}"), "auth": {
            "type": "oauth2", "token_url": format!("https://id.example.com/{MARK}"), "client_id": "hub",
            "client_secret": format!("{MARK}-client"),
        }}),
        json!({"name": "mtls", "channel": "custom", "url": "https://hooks.example.com/x",
            "client_certificate": {"certificate": CERTIFICATE, "key": KEY},
            "proxy": format!("http://user:{MARK}-proxy@proxy.example.com:3128")}),
        json!({"name": "slack", "channel": "slack_app", "slack": {
            "bot_token": format!("xoxb-{MARK}"), "signing_secret": format!("{MARK}-slack-signing-secret"), "channel": "C1", "team": "T0123ABCD",
            "api_url": format!("{}/{MARK}", receiver.url),
        }}),
    ] {
        hub.post("/v1/endpoints", &endpoint).await.expect(201);
    }
    (id, secrets)
}

on_both! {
    async fn nothing_secret_can_be_read_in_the_database(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        let echo = format!("HTTP/1.1 500 No\r\nconnection: close\r\n\r\nx-api-key: {MARK}-header at /{MARK}-path?key={MARK}");
        receiver.script([Behaviour::Raw(echo.clone()), Behaviour::Status(200), Behaviour::Raw(echo)]);
        let (id, secrets) = endpoints(&hub, &receiver).await;
        for number in 0..5 {
            let request = hub.ask("orders", &format!("select {number}")).await;
            hub.vote(&request, "approve", "dana@example.com").await.expect(200);
        }
        hub.send(hub.call(Method::PATCH, &format!("/v1/endpoints/{id}")).bearer_auth(&hub.token)
            .json(&json!({"headers": {"x-api-key": format!("{MARK}-header"), "x-more": format!("{MARK}-more")}}))).await.expect(200);
        hub.post("/v1/tokens", &json!({"name": "pipeline", "scope": "requester"})).await.expect(201);
        eventually("something was sent", || async { (receiver.received().len() > 8).then_some(()) }).await;
        let needles = needles(&hub, &[&secrets[0], &secrets[1]]);
        assert_sealed(&hub.database, &needles).await;
        let (database, _) = hub.stop().await;
        assert_sealed(&database, &needles).await;
        let sealed = dump(&database.url).await.iter().filter(|text| text.contains(": sealed:1:")).count();
        assert_eq!(sealed, 3 * 5 + 3, "URL, transport and retiring of each endpoint, and three signing secrets");
    }

    async fn a_value_that_was_moved_does_not_open(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        for name in ["one", "two", "three"] {
            hub.endpoint(name, "custom", &format!("https://hooks.example.com/{name}"), &[]).await;
        }
        // To another row, and to another column of the same row.
        for sql in [
            "UPDATE endpoints SET url = (SELECT url FROM endpoints WHERE name = 'two') WHERE name = 'one'",
            "UPDATE endpoints SET retiring = transport WHERE name = 'three'",
        ] {
            Database::run(&hub.database.url, sql.to_owned()).await;
        }
        let listed = hub.get("/v1/endpoints").await.expect(200);
        assert_eq!((listed["items"].as_array().unwrap().len(), &listed["items"][0]["name"]), (1, &json!("two")));
        let ready = hub.get("/readyz").await.expect(200);
        let rows: Vec<&str> = ready["unreadable"].as_array().unwrap().iter().map(|row| row.as_str().unwrap()).collect();
        assert!(rows.len() == 2 && rows.iter().all(|row| row.contains("moved here from another place")), "{ready}");
    }

    async fn what_slack_sent_is_sealed_until_it_is_done(database: Database) {
        let hub = TestHub::start(database).await;
        let (id, _) = hub.endpoint("ops", "custom", "https://hooks.example.com/x", &[]).await;
        let endpoint: EndpointId = id.parse().unwrap();
        let (database, _) = hub.stop().await;
        let store = Arc::new(Store::open(&database.url).await.unwrap());
        let keys: &Arc<SealingKeys> = store.secrets();
        keys.replace(vec![SealingKey::new(&[7; 32]).unwrap()]);
        keys.seal_with(keys.ids().first().copied());
        let (job, now) = (Digest::of(b"call"), Timestamp::from_micros(1));
        let work = format!("{{\"response_url\":\"https://hooks.slack.com/{MARK}\"}}");
        let added: Result<bool, StoreError> = store.write({
            let work = work.clone();
            move |tx| Box::pin(async move { jobs::add(tx.session(), &job, endpoint, &work, now).await })
        }).await;
        assert!(added.unwrap());
        let claim = || store.write(move |tx| Box::pin(async move { jobs::claim(tx.session(), now, now, 9).await }));
        let claimed = claim().await.unwrap();
        assert_eq!((claimed.len(), &claimed[0].work), (1, &work));
        let (done, reply) = (claimed[0].clone(), format!("reply {MARK}"));
        let is_ours: Result<bool, StoreError> =
            store.write(move |tx| Box::pin(async move { jobs::done(tx.session(), &done, &reply).await })).await;
        assert!(is_ours.unwrap());
        assert_sealed(&database, &[MARK.to_owned()]).await;
        assert_eq!(claim().await.unwrap()[0].reply.as_deref(), Some(&*format!("reply {MARK}")));
        store.close().await;
    }
}
