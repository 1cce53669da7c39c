//! Deliveries that wait for a disabled or deleted endpoint are discarded in small steps, and delay no other call.

use serde_json::json;

use crate::support::{Database, TestHub, eventually, on_both};

/// The number of waiting deliveries: enough for many steps.
const WAITING: u32 = 2_600;

async fn counts(hub: &TestHub) -> std::collections::BTreeMap<String, i64> {
    let sql = "SELECT state || ' ' || COALESCE(end_reason, ''), count(*) FROM deliveries GROUP BY 1";
    Database::tally(&hub.database.url, sql.to_owned()).await
}

on_both! {
    async fn a_deleted_endpoint_leaves_nothing_waiting(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let (id, _) = hub.endpoint("gone", "custom", "https://hooks.example.com/x", &[]).await;
        hub.post(&format!("/v1/endpoints/{id}/pause"), &json!({})).await.expect(200);
        // One event, with many deliveries that are due in a century.
        let sql = format!(
            "INSERT INTO events (id, type, at, subject, fanout) VALUES ('evt_0190aaaaaaaa7aaaaaaaaaaaaaaaaaaa', 'ping', 1, '{{}}', {WAITING});
            INSERT INTO deliveries (id, event_id, endpoint_id, state, attempts, lost, next_attempt_at, fence, created_at, address)
            WITH RECURSIVE numbers (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < {WAITING})
            SELECT 'dlv_' || (10000000 + number) || 'aaaaaaaaaaaaaaaaaaaaaaaa', 'evt_0190aaaaaaaa7aaaaaaaaaaaaaaaaaaa', '{id}',
                'pending', 0, 0, 5000000000000000, 0, 1, 'C' || number FROM numbers"
        );
        Database::run(&hub.database.url, sql).await;
        let deleted = hub.call(reqwest::Method::DELETE, &format!("/v1/endpoints/{id}")).bearer_auth(&hub.token);
        hub.send(deleted).await.expect(204);
        eventually("all deliveries are discarded", || async {
            let counts = counts(&hub).await;
            let discarded = counts.get("discarded the endpoint was deleted").copied().unwrap_or_default();
            (discarded == i64::from(WAITING) && counts.len() == 1).then_some(())
        })
        .await;
    }
}
