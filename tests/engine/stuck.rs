//! A timer step that always fails: it is retried with back-off, and does not block other steps.

use serde_json::{Value, json};

use super::path;
use crate::support::{Database, TestHub, on_both};

/// More requests than one batch of the timer.
const STUCK: usize = 70;

/// Makes the request's row unreadable; keeps the original value.
async fn break_terms(hub: &TestHub, requests: &[Value]) {
    let ids: Vec<String> = requests.iter().map(|request| format!("'{}'", request["id"].as_str().unwrap())).collect();
    let sql = format!("UPDATE requests SET terms = '{{\"was\":' || terms || '}}' WHERE id IN ({})", ids.join(", "));
    Database::run(&hub.database.url, sql).await;
}

async fn repair_terms(hub: &TestHub) {
    let sql = "UPDATE requests SET terms = substr(terms, 8, length(terms) - 8) WHERE terms LIKE '{\"was\":%'";
    Database::run(&hub.database.url, sql.to_owned()).await;
}

on_both! {
    async fn failing_steps_back_off_and_do_not_block_others(database: Database) {
        let hub = TestHub::start(database).await.with_orders(json!({"timeout_seconds": 60})).await;
        let mut stuck = Vec::new();
        for _ in 0..STUCK {
            stuck.push(hub.ask_with(json!({})).await.expect(201));
        }
        hub.advance(1);
        let healthy = hub.ask_with(json!({})).await.expect(201);
        break_terms(&hub, &stuck).await;
        hub.after(61).await;
        assert_eq!(hub.show(&healthy).await["status"], "expired", "it is due after more stuck ones than fit in one batch");
        assert_eq!(hub.server.hub().run_due().await.unwrap(), 0, "they were tried a moment ago");
        for wait in [1, 2, 4] {
            hub.after(wait).await;
            assert_eq!(hub.server.hub().run_due().await.unwrap(), 0, "again after {wait} s, and once only");
        }
        repair_terms(&hub).await;
        hub.after(600).await;
        for request in &stuck {
            assert_eq!(hub.show(request).await["status"], "expired");
        }
    }

    async fn an_unreadable_request_does_not_stop_a_membership_check(database: Database) {
        let hub = TestHub::start(database).await.with_orders(json!({"slots": [{"group": "dba", "needed": 2}]})).await;
        let stuck = hub.ask_with(json!({})).await.expect(201);
        let healthy = hub.ask_with(json!({})).await.expect(201);
        hub.vote(&healthy, "approve", "erik@example.com").await.expect(200);
        break_terms(&hub, std::slice::from_ref(&stuck)).await;
        hub.group("dba", &["dana", "fay"]).await;
        hub.after(0).await;
        let votes = hub.get(&path(&healthy, "")).await.expect(200)["votes"].clone();
        assert_eq!(votes[0]["voided"], true, "{votes}");
        let sql = "SELECT 'checks', count(*) FROM membership_checks";
        assert_eq!(Database::tally(&hub.database.url, sql.to_owned()).await["checks"], 0);
        assert_eq!(hub.get(&path(&stuck, "")).await.problem(500), "internal");
    }
}
