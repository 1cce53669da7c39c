//! The CSV export, as spreadsheets read it.

use serde_json::json;

use crate::analytics::rows;
use crate::support::{Database, TestHub, on_both};

on_both! {
    async fn cells_are_no_formulas_and_fit_a_spreadsheet(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let long = format!("={}", "👍".repeat(16_000));
        hub.ask("orders", &long).await;
        let ask = json!({"resource": "orders", "command": "select 1", "language": "+sql", "reason": "@now",
            "requester": {"email": "nora@example.com", "name": "-Nora"}});
        hub.post("/v1/requests", &ask).await.expect(201);
        let export = rows(&hub.get("/v1/analytics/export").await.text);
        let of = |command: &str| export.iter().find(|row| row["command"].starts_with(command)).unwrap();
        let cut = &of("' =👍")["command"];
        assert!(cut.encode_utf16().count() <= 32_000 && cut.ends_with(" bytes more"), "{}", cut.encode_utf16().count());
        let row = of("select 1");
        for (column, cell) in [("language", "' +sql"), ("reason", "' @now"), ("requester_name", "' -Nora")] {
            assert_eq!(row[column], cell);
        }
    }

    async fn a_byte_order_mark_is_written_on_request(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        hub.ask("orders", "sélect").await;
        let plain = hub.http.get(format!("{}/v1/analytics/export", hub.url)).bearer_auth(&hub.token);
        let bytes = async |call: reqwest::RequestBuilder| call.send().await.unwrap().bytes().await.unwrap();
        let marked = plain.try_clone().unwrap().query(&[("bom", "true")]);
        let (plain, marked) = (bytes(plain).await, bytes(marked).await);
        assert!(plain.starts_with(b"id,kind,"));
        assert_eq!(marked, [b"\xef\xbb\xbf", &plain[..]].concat());
        assert_eq!(hub.get("/v1/analytics/export?bom=maybe").await.problem(400), "invalid_parameter");
    }
}
