//! A replay whose hub is killed several times: it finishes, and each delivery is replayed once.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::serve::free_port;
use crate::support::{Behaviour, Database, HubProcess, Receiver, TOKEN, eventually, on_both};

/// The number of deliveries that fail.
const MANY: usize = 60;

async fn call(hub: &HubProcess, method: Method, path: &str, body: &Value) -> Value {
    let call = reqwest::Client::builder().no_proxy().build().unwrap().request(method, format!("{}{path}", hub.url));
    let answer = call.bearer_auth(TOKEN).json(body).send().await.unwrap();
    assert!(answer.status().is_success(), "{path}: {}", answer.status());
    answer.json().await.unwrap()
}

async fn get(hub: &HubProcess, path: &str) -> Value {
    call(hub, Method::GET, path, &json!({})).await
}

on_both! {
    async fn a_killed_replay_skips_nothing_and_repeats_nothing(database: Database) {
        let (folder, port) = (database.folder.path(), free_port());
        let settings = [("COUNTERSIGN_DATABASE_URL", database.url.as_str())];
        let mut hub = HubProcess::start(folder, port, &settings).await.unwrap();
        let receiver = Receiver::start().await;
        receiver.script((0..MANY).map(|_| Behaviour::Status(404)));
        call(&hub, Method::PUT, "/v1/groups/dba", &json!({"members": ["dana@example.com"]})).await;
        call(&hub, Method::PUT, "/v1/resources/orders", &json!({"slots": [{"group": "dba"}]})).await;
        let input = json!({"name": "ops", "channel": "custom", "url": receiver.url, "concurrency": 1});
        let made = call(&hub, Method::POST, "/v1/endpoints", &input).await;
        let id = made["id"].as_str().unwrap();
        for number in 0..MANY {
            let ask = json!({"resource": "orders", "command": format!("select {number}"), "requester": {"email": "nora@example.com"}});
            call(&hub, Method::POST, "/v1/requests", &ask).await;
        }
        eventually("all have failed", || async {
            let failed = get(&hub, &format!("/v1/endpoints/{id}/deliveries?state=failed&limit=500")).await;
            (failed["items"].as_array().unwrap().len() == MANY).then_some(())
        }).await;
        let replay = call(&hub, Method::POST, &format!("/v1/endpoints/{id}/replay"), &json!({"rate_per_second": 20})).await;
        let path = format!("/v1/replays/{}", replay["id"].as_str().unwrap());
        for _ in 0..4 {
            tokio::time::sleep(Duration::from_millis(300)).await;
            hub.kill().await;
            hub = HubProcess::start(folder, port, &settings).await.unwrap();
        }
        let ended = eventually("the replay ends", || async {
            let shown = get(&hub, &path).await;
            (shown["state"] == "finished").then_some(shown)
        }).await;
        assert_eq!((&ended["replayed"], &ended["matched"]), (&json!(MANY), &json!(MANY)));
        let page = get(&hub, &format!("/v1/endpoints/{id}/deliveries?limit=500")).await;
        assert!(page["items"].as_array().unwrap().iter().all(|delivery| delivery["replays"] == 1), "{page:#}");
    }
}
