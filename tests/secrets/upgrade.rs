//! Secrets that an earlier version stored in clear are sealed in the background.

use countersign::ids::EndpointId;
use countersign::time::Timestamp;
use reqwest::Method;
use serde_json::Value;

use super::{MARK, assert_sealed, dump, sealed};
use crate::support::{Database, HubProcess, Receiver, TOKEN, TestHub, eventually, on_both};

/// The last migration before secrets were sealed.
const BEFORE: usize = 16;

/// Endpoints as that version stored them.
async fn add_in_clear(database: &Database, url: &str, count: usize) {
    let rows: Vec<String> = (0..count)
        .map(|number| {
            let id = EndpointId::mint(Timestamp::from_micros(0));
            // Long enough for a page of its own, as a certificate is.
            let header = format!("{MARK}{}", "x".repeat(if number == 0 { 20_000 } else { 20 }));
            format!(
                "('{id}', 'e{number}', 'custom', '{url}/{MARK}', 'whsec_{MARK}AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA', '[]', '[]',
                '[]', 'active', NULL, '{{\"headers\":{{\"x-a\":\"{header}\"}}}}', '[]', NULL, 1, 1)"
            )
        })
        .collect();
    for rows in rows.chunks(500) {
        let sql = format!(
            "INSERT INTO endpoints (id, name, channel, url, secret, events, resources, groups, state, disabled_reason,
                transport, retiring, paused_at, created_at, updated_at) VALUES {}",
            rows.join(", ")
        );
        Database::run(&database.url, sql).await;
    }
}

on_both! {
    async fn what_is_in_clear_is_sealed_after_the_upgrade(database: Database) {
        database.migrate(BEFORE).await;
        let receiver = Receiver::start().await;
        add_in_clear(&database, &receiver.url, 3).await;
        let hub = TestHub::start(database).await.with_policy().await;
        // They are read from the first moment on.
        let request = hub.ask("orders", "select 1").await;
        let id = request["id"].as_str().unwrap().to_owned();
        eventually("it is sent to each", || async {
            let sent = receiver.received();
            (sent.iter().filter(|sent| sent.body.contains(&id)).count() >= 3).then_some(())
        }).await;
        eventually("all are sealed", || async {
            hub.advance(5);
            (sealed(&hub.database.url, "").await == 3).then_some(())
        }).await;
        if hub.database.url.starts_with("sqlite") {
            // Also what was overwritten is no longer in the file once the log is copied into it.
            let log = format!("{}-wal", hub.database.url.strip_prefix("sqlite://").unwrap());
            eventually("the log is empty", || async {
                hub.advance(5);
                (std::fs::metadata(&log).unwrap().len() == 0).then_some(())
            }).await;
        }
        assert_sealed(&hub.database, &[MARK.to_owned()]).await;
        hub.ask("orders", "select 2").await;
        assert_eq!(hub.get("/readyz").await.expect(200), serde_json::json!({"status": "ready"}));
    }

    async fn a_killed_hub_goes_on_sealing(database: Database) {
        database.migrate(BEFORE).await;
        const MANY: usize = 3_000;
        add_in_clear(&database, "https://hooks.example.com", MANY).await;
        let settings = [("COUNTERSIGN_DATABASE_URL", database.url.as_str()), ("COUNTERSIGN_LOG", "info")];
        // Killed after each part that is seen, until nothing is left.
        let mut kills = 0;
        loop {
            let before = sealed(&database.url, "").await;
            if before == MANY {
                break;
            }
            let hub = HubProcess::start(database.folder.path(), 0, &settings).await.unwrap();
            eventually("more is sealed", || async { (sealed(&database.url, "").await > before).then_some(()) }).await;
            hub.kill().await;
            kills += 1;
        }
        eprintln!("{kills} kills");
        assert_sealed(&database, &[]).await;
        let hub = HubProcess::start(database.folder.path(), 0, &settings).await.unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let ready = client.request(Method::GET, format!("{}/readyz", hub.url)).bearer_auth(TOKEN);
        let ready: Value = ready.send().await.unwrap().json().await.unwrap();
        assert_eq!(ready, serde_json::json!({"status": "ready"}), "every row opens");
        let listed = client.request(Method::GET, format!("{}/v1/endpoints?limit=200", hub.url)).bearer_auth(TOKEN);
        let listed: Value = listed.send().await.unwrap().json().await.unwrap();
        assert_eq!(listed["items"].as_array().unwrap().len(), 200);
        let left = dump(&database.url).await.iter().filter(|text| text.contains(MARK)).count();
        assert_eq!(left, 0);
        hub.kill().await;
    }
}
