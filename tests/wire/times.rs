//! Times have six fractional digits everywhere. Every test checks this in JSON (`support/times.rs`); here is the rest.

use serde_json::json;

use crate::analytics::rows;
use crate::support::{Database, HubProcess, TOKEN, TestHub, eventually, has_six_digits, is_time, on_both};

/// The words of a text that are times.
fn times(text: &str) -> Vec<&str> {
    text.split(|c: char| c.is_whitespace() || "\",()<>".contains(c)).filter(|word| is_time(word)).collect()
}

on_both! {
    async fn times_in_the_export(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let request = hub.ask("orders", "select 1").await;
        hub.advance(2);
        hub.vote(&request, "approve", "dana@example.com").await.expect(200);
        let export = rows(&hub.get("/v1/analytics/export").await.text);
        for column in ["created_at", "expires_at", "decided_at"] {
            assert!(has_six_digits(&export[0][column]), "{column}: {}", export[0][column]);
        }
    }

    async fn times_in_sentences(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let ask = json!({"resource": "orders", "kind": "jit", "duration_seconds": 600, "requester": {"email": "nora@example.com"}});
        let request = hub.post("/v1/requests", &ask).await.expect(201);
        hub.vote(&request, "approve", "dana@example.com").await.expect(200);
        let access = hub.get("/v1/access?resource=orders&requester=nora@example.com").await.expect(200);
        let found = times(access["reason"].as_str().unwrap()).into_iter().map(str::to_owned).collect::<Vec<_>>();
        assert!(found.len() == 1 && has_six_digits(&found[0]), "{access}");
    }
}

/// Log lines of both formats begin with a time, and the output of the commands contains some.
#[tokio::test]
async fn times_in_log_lines_and_on_terminals() {
    for format in ["text", "json"] {
        let folder = tempfile::tempdir().unwrap();
        let settings = [("COUNTERSIGN_LOG_FORMAT", format)];
        let hub = HubProcess::start_logging(folder.path(), "debug", &settings).await.unwrap();
        let lines = eventually("the hub logs", || async {
            let log = hub.log.lock().unwrap().clone();
            (log.len() > 3).then_some(log)
        })
        .await;
        for line in lines {
            let at = if format == "text" {
                line.split(' ').next().unwrap().to_owned()
            } else {
                serde_json::from_str::<serde_json::Value>(&line).unwrap()["timestamp"].as_str().unwrap().to_owned()
            };
            assert!(has_six_digits(&at), "{line}");
        }
        let mut list = HubProcess::command(folder.path());
        list.args(["keys", "list"]).env("COUNTERSIGN_URL", &hub.url).env("COUNTERSIGN_TOKEN", TOKEN);
        let output = String::from_utf8(list.output().await.unwrap().stdout).unwrap();
        assert!(!times(&output).is_empty() && times(&output).into_iter().all(has_six_digits), "{output}");
        hub.kill().await;
    }
}
