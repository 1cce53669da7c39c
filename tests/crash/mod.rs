//! The whole path under load, with the hub killed again and again: nothing acknowledged is lost, nothing is decided
//! twice, and every event is delivered.
//!
//! Short by default; `CRASH_REQUESTS` and `CRASH_KILLS` make it long (`scripts/crash.sh`). With `RECEIVED_DIR` set, all
//! messages are written there, for other implementations to verify.

mod client;
mod faults;
mod ledger;
mod lives;
mod matrix;
mod replicas;
mod wire;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use self::client::Client;
use crate::analytics::{assert_agrees, rows};
use crate::serve::free_port;
use crate::support::{Behaviour, Database, HubProcess, Received, Receiver, TOKEN, on_both};

const CLIENTS: usize = 32;

/// A number from the environment.
fn setting(name: &str, short: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(short)
}

impl Client {
    /// Makes a request and decides it; returns its id and the expected outcome.
    async fn ask_and_decide(&self, number: usize, receiver: &Receiver) -> (String, &'static str) {
        let id = self.ask(number).await;
        let (verb, outcome) = if number.is_multiple_of(3) { ("reject", "rejected") } else { ("approve", "approved") };
        let (status, decided) = if number.is_multiple_of(2) {
            let vote = json!({"on_behalf_of": "dana@example.com"});
            self.call(Method::POST, &format!("/v1/requests/{id}/{verb}"), "-", &vote).await
        } else {
            let link = link_of(receiver, &id).await;
            self.call(Method::POST, &link, "-", &json!({"decision": verb, "approver": "dana@example.com"})).await
        };
        assert_eq!((status, decided["status"].as_str()), (200, Some(outcome)), "{decided}");
        (id, outcome)
    }
}

/// The review link in the message about a request, once it has arrived. After a kill this may take until the leases of
/// the dead hub expire, and a kill may hit the same message more than once.
async fn link_of(receiver: &Receiver, id: &str) -> String {
    for _ in 0..24_000 {
        let link = receiver.find(|message| {
            let announces = message.body.contains(id) && message.body.contains("request.created");
            announces.then(|| message.json()["data"]["links"]["review"].as_str().expect("a link").to_owned())
        });
        if let Some(link) = link {
            return link;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the link of {id} never arrived");
}

async fn configure(client: &Client, receivers: &[(&str, &Receiver, &[&str])]) -> BTreeMap<String, (String, String)> {
    client
        .call(Method::PUT, "/v1/groups/dba", "-", &json!({"members": ["dana@example.com", "erik@example.com"]}))
        .await;
    client.call(Method::PUT, "/v1/resources/orders", "-", &json!({"slots": [{"group": "dba"}]})).await;
    let mut endpoints = BTreeMap::new();
    for (name, receiver, groups) in receivers {
        let input = json!({"name": name, "channel": "custom", "url": receiver.url, "groups": groups});
        let (status, made) = client.call(Method::POST, "/v1/endpoints", name, &input).await;
        assert_eq!(status, 201, "{made}");
        let text = |field: &str| made[field].as_str().unwrap().to_owned();
        endpoints.insert((*name).to_owned(), (text("id"), text("secret")));
    }
    endpoints
}

/// Kills the hub at random times and starts it again.
async fn kill_and_start(
    hub: Arc<Mutex<Option<HubProcess>>>,
    folder: &Path,
    port: u16,
    settings: &[(&str, &str)],
    kills: usize,
) {
    for _ in 0..kills {
        let pause = 100 + (countersign::random::fraction() * 500.0) as u64;
        tokio::time::sleep(Duration::from_millis(pause)).await;
        let running = hub.lock().await.take();
        running.expect("a hub to kill").kill().await;
        let started = HubProcess::start(folder, port, settings).await.expect("the hub starts again");
        *hub.lock().await = Some(started);
    }
}

/// Every delivery of the endpoint, once all have ended.
async fn ended_deliveries(client: &Client, endpoint: &str) -> Vec<Value> {
    // A lease on PostgreSQL lasts as long as the deadline of an attempt, with a margin.
    for _ in 0..1_200 {
        let mut all = Vec::new();
        let mut path = format!("/v1/endpoints/{endpoint}/deliveries?limit=500");
        loop {
            let page = client.get(&path).await;
            all.extend(page["items"].as_array().unwrap().iter().cloned());
            let Some(next) = page["next_cursor"].as_str() else { break };
            path = format!("/v1/endpoints/{endpoint}/deliveries?limit=500&cursor={next}");
        }
        if all.iter().all(|delivery| !matches!(delivery["state"].as_str(), Some("pending" | "leased"))) {
            return all;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("deliveries of {endpoint} never ended");
}

/// Checks that each event arrived at least once, under one id, and signed.
fn check_messages(
    messages: &[Received],
    secret: &str,
    expected: &BTreeMap<String, &str>,
    superseded: &BTreeSet<(String, String)>,
) {
    let webhook = standardwebhooks::Webhook::new(secret).unwrap();
    let mut ids: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for message in messages {
        let mut headers = reqwest::header::HeaderMap::new();
        for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
            headers.insert(reqwest::header::HeaderName::from_static(name), message.header(name).parse().unwrap());
        }
        webhook.verify(message.body.as_bytes(), &headers).expect("a valid signature");
        let body = message.json();
        let key =
            (body["data"]["request"]["id"].as_str().unwrap().to_owned(), body["type"].as_str().unwrap().to_owned());
        ids.entry(key).or_default().insert(message.header("webhook-id").to_owned());
    }
    assert!(ids.values().all(|ids| ids.len() == 1), "one event, one webhook-id");
    for (id, outcome) in expected {
        let asked = (id.clone(), "request.created".to_owned());
        // An endpoint that was not asked before the decision is not asked after it.
        assert!(ids.contains_key(&asked) || superseded.contains(&asked), "{id} was never announced");
        assert!(ids.contains_key(&(id.clone(), format!("request.{outcome}"))), "the end of {id} was never delivered");
        let flipped = if *outcome == "approved" { "rejected" } else { "approved" };
        assert!(!ids.contains_key(&(id.clone(), format!("request.{flipped}"))), "{id} has two outcomes");
    }
}

/// For `tests/peers`: one message per line.
fn write_for_peers(name: &str, secret: &str, messages: &[Received]) {
    let Some(folder) = std::env::var_os("RECEIVED_DIR").map(std::path::PathBuf::from) else { return };
    std::fs::create_dir_all(&folder).unwrap();
    let line = |message: &Received| {
        json!({"secret": secret, "headers": message.headers, "body": message.body}).to_string() + "\n"
    };
    std::fs::write(folder.join(format!("{name}.ndjson")), messages.iter().map(line).collect::<String>()).unwrap();
}

/// Makes and decides `count` requests with several clients at once; returns their ids and outcomes.
async fn ask_concurrently(client: &Client, receiver: &Receiver, count: usize) -> BTreeMap<String, &'static str> {
    let mut clients = tokio::task::JoinSet::new();
    for first in 0..CLIENTS {
        let (client, receiver) = (client.clone(), receiver.clone());
        clients.spawn(async move {
            let mut decided = Vec::new();
            for number in (first..count).step_by(CLIENTS) {
                decided.push(client.ask_and_decide(number, &receiver).await);
            }
            decided
        });
    }
    clients.join_all().await.concat().into_iter().collect()
}

async fn run(database: Database, name: &str, count: usize, kills: usize) {
    let folder = database.folder.path().to_owned();
    let settings = [("COUNTERSIGN_DATABASE_URL", database.url.as_str()), ("COUNTERSIGN_DELIVERY_TIMEOUT_SEC", "2")];
    let port = free_port();
    let hub = HubProcess::start(&folder, port, &settings).await.expect("the hub starts");
    let client = Client::new(vec![hub.url.clone()]);
    let (dba, feed) = (Receiver::start().await, Receiver::start().await);
    // Some answers are errors, so that there are retries.
    let bad = |number: usize| if number % 7 == 3 { Behaviour::Status(500) } else { Behaviour::Status(200) };
    feed.script((0..count).map(bad));
    let endpoints = configure(&client, &[("dba", &dba, &["dba"]), ("feed", &feed, &[])]).await;

    let hub = Arc::new(Mutex::new(Some(hub)));
    let killing = kill_and_start(Arc::clone(&hub), &folder, port, &settings, kills);
    let ((), decided) = tokio::join!(killing, ask_concurrently(&client, &dba, count));
    assert_eq!(decided.len(), count, "each ask made one request");

    let mut superseded: BTreeMap<&str, BTreeSet<(String, String)>> = BTreeMap::new();
    for (name, (id, _)) in &endpoints {
        let deliveries = ended_deliveries(&client, id).await;
        assert_eq!(deliveries.len(), 2 * count, "one delivery per event and endpoint");
        let odd =
            deliveries.iter().find(|delivery| !matches!(delivery["state"].as_str(), Some("delivered" | "superseded")));
        assert!(odd.is_none(), "{name}: {odd:?}");
        let text = |delivery: &Value, field: &str| delivery[field].as_str().unwrap().to_owned();
        let unasked = deliveries.iter().filter(|delivery| delivery["state"] == "superseded");
        let unasked = unasked.map(|delivery| (text(delivery, "request_id"), text(delivery, "event"))).collect();
        superseded.insert(name, unasked);
    }
    check_messages(&dba.received(), &endpoints["dba"].1, &decided, &superseded["dba"]);
    check_messages(&feed.received(), &endpoints["feed"].1, &decided, &superseded["feed"]);
    write_for_peers(&format!("{name}-dba"), &endpoints["dba"].1, &dba.received());
    write_for_peers(&format!("{name}-feed"), &endpoints["feed"].1, &feed.received());

    let export =
        client.http.get(format!("{}/v1/analytics/export", client.urls[0])).bearer_auth(TOKEN).send().await.unwrap();
    let rows = rows(&export.text().await.unwrap());
    let exported: BTreeMap<String, &str> = rows.iter().map(|row| (row["id"].clone(), row["status"].as_str())).collect();
    assert_eq!(exported, decided, "what was acknowledged is what is kept");
    assert_agrees(&client.get("/v1/analytics/summary").await, &rows);

    let last = hub.lock().await.take();
    last.expect("a running hub").kill().await;
    let store = countersign::store::Store::open(&database.url).await.expect("the database opens after the last kill");
    let session = &mut store.read().await.unwrap();
    assert_eq!(countersign::store::audit::first_break(session).await.unwrap(), None, "the audit chain holds");
}

on_both! {
    async fn under_load(database: Database) {
        let name = if database.url.starts_with("sqlite") { "load-sqlite" } else { "load-postgres" };
        super::run(database, name, setting("LOAD_REQUESTS", 200), 0).await;
    }

    async fn killed_again_and_again(database: Database) {
        let name = if database.url.starts_with("sqlite") { "crash-sqlite" } else { "crash-postgres" };
        super::run(database, name, setting("CRASH_REQUESTS", 300), setting("CRASH_KILLS", 3)).await;
    }
}
