//! The analytics figures, checked against a recount of the rows behind them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{Database, TestHub, on_both};

/// The CSV export, one map per row.
pub(crate) fn rows(csv: &str) -> Vec<BTreeMap<String, String>> {
    csv::Reader::from_reader(csv.as_bytes()).deserialize().map(|row| row.unwrap()).collect()
}

/// Checks the summary against the rows.
pub(crate) fn assert_agrees(summary: &Value, rows: &[BTreeMap<String, String>]) {
    let count = |status: &str| rows.iter().filter(|row| row["status"] == status).count() as u64;
    let ended = rows.len() as u64 - count("pending");
    assert_eq!(summary["ended"]["total"], ended);
    assert_eq!(summary["pending"]["count"], count("pending"));
    for (outcome, rate) in
        [("approved", "approval"), ("rejected", "rejection"), ("expired", "expiry"), ("cancelled", "cancellation")]
    {
        assert_eq!(summary["ended"][outcome], count(outcome), "{outcome}");
        if ended > 0 {
            assert_eq!(summary["rates"][rate], count(outcome) as f64 / ended as f64);
        }
    }
    for (name, outcomes) in
        [("all", &["approved", "rejected"][..]), ("approved", &["approved"]), ("rejected", &["rejected"])]
    {
        let human = rows.iter().filter(|row| row["method"] == "votes" && outcomes.contains(&row["status"].as_str()));
        let mut seconds: Vec<f64> = human.map(|row| row["approval_seconds"].parse().unwrap()).collect();
        seconds.sort_by(f64::total_cmp);
        let shown = &summary["approval_time"][name];
        assert_eq!(shown["count"], seconds.len());
        if seconds.is_empty() {
            continue;
        }
        let mean = seconds.iter().sum::<f64>() / seconds.len() as f64;
        assert!((shown["mean_seconds"].as_f64().unwrap() - mean).abs() < 1e-6, "{name}: {shown} and {mean}");
        for (figure, q) in [("p50_seconds", 0.5), ("p90_seconds", 0.9), ("p99_seconds", 0.99)] {
            let exact = seconds[((q * seconds.len() as f64).ceil() as usize).max(1) - 1];
            let shown = shown[figure].as_f64().unwrap();
            assert!((shown - exact).abs() <= exact * 0.0101 + 1e-6, "{name} {figure}: {shown} for {exact}");
        }
    }
}

on_both! {
    async fn the_summary_agrees_with_the_export(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        assert_eq!(hub.get("/v1/analytics/summary").await.expect(200)["rates"]["approval"], Value::Null);
        for number in 0..40 {
            let request = hub.ask("orders", &format!("=1+{number}")).await;
            hub.advance(number * number + 1);
            match number % 4 {
                0 => drop(hub.vote(&request, "reject", "erik@example.com").await.expect(200)),
                3 if number > 30 => {}
                _ => drop(hub.vote(&request, "approve", "dana@example.com").await.expect(200)),
            }
        }
        hub.advance(3_600);
        hub.server.hub().run_due().await.unwrap();
        hub.ask("customers", "x").await;
        let export = hub.get("/v1/analytics/export?format=csv").await;
        assert!(export.headers["content-type"].to_str().unwrap().starts_with("text/csv"));
        let all = rows(&export.text);
        assert_eq!(all.len(), 41);
        assert!(all.iter().filter(|row| row["resource"] == "orders").all(|row| row["command"].starts_with("' =1+")));
        assert_agrees(&hub.get("/v1/analytics/summary").await.expect(200), &all);

        let one = rows(&hub.get("/v1/analytics/export?resource=customers").await.text);
        assert_eq!(one.len(), 1);
        assert_agrees(&hub.get("/v1/analytics/summary?resource=customers").await.expect(200), &one);
    }

    async fn a_period_is_whole_hours_for_both(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        for _ in 0..3 {
            let request = hub.ask("orders", "x").await;
            hub.advance(1_800);
            hub.vote(&request, "approve", "dana@example.com").await.expect(200);
        }
        // Decided at 12:30, 13:00 and 13:30.
        let period = "from=2026-11-21T13:10:00Z&to=2026-11-21T13:20:00Z";
        let summary = hub.get(&format!("/v1/analytics/summary?{period}")).await.expect(200);
        assert_eq!((summary["from"].as_str(), summary["to"].as_str()), (Some("2026-11-21T13:00:00.000000Z"), Some("2026-11-21T14:00:00.000000Z")));
        assert_eq!(summary["ended"]["approved"], 2);
        let rows = rows(&hub.get(&format!("/v1/analytics/export?{period}")).await.text);
        assert_agrees(&summary, &rows);
        assert_eq!(hub.get("/v1/analytics/summary?from=yesterday").await.problem(400), "invalid_parameter");
        assert_eq!(hub.get("/v1/analytics/export?format=pdf").await.problem(400), "invalid_parameter");
    }

    async fn an_export_of_many_rows_is_whole(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let ask = json!({"resource": "orders", "command": "a,\"b\"\nc", "requester": {"email": "nora@example.com"}});
        let asks = (0..450).map(|_| hub.post("/v1/requests", &ask));
        for answer in futures_util::future::join_all(asks).await {
            answer.expect(201);
        }
        let rows = rows(&hub.get("/v1/analytics/export").await.text);
        assert_eq!(rows.len(), 450);
        assert_eq!(rows.iter().map(|row| &row["id"]).collect::<std::collections::BTreeSet<_>>().len(), 450);
        assert!(rows.iter().all(|row| row["command"] == "a,\"b\"\nc"));
    }
}
