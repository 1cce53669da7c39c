//! `/metrics` in both formats; Prometheus' own tool checks the older one.

use std::process::Stdio;

use reqwest::Method;
use tokio::io::AsyncWriteExt;

use crate::support::{Answer, Database, Receiver, TestHub, on_both};

async fn metrics(hub: &TestHub, accept: &str) -> Answer {
    hub.send(hub.call(Method::GET, "/metrics").header("Accept", accept)).await
}

on_both! {
    async fn metrics_come_in_the_requested_format(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        let (endpoint, _) = hub.endpoint("bus", "custom", &receiver.url, &["dba"]).await;
        hub.ask("orders", "select 1").await;
        hub.delivery(&endpoint, "request.created", "delivered").await;

        let open = metrics(&hub, "application/openmetrics-text;version=1.0.0,text/plain;q=0.5").await;
        assert_eq!(open.headers["content-type"], "application/openmetrics-text; version=1.0.0; charset=utf-8");
        assert!(open.text.ends_with("# EOF\n"));
        let plain = metrics(&hub, "text/plain;version=0.0.4").await;
        assert_eq!(plain.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
        assert!(!plain.text.contains("# EOF") && !plain.text.contains("# UNIT"));
        let sample = r#"countersign_delivery_attempts_total{channel="custom",class="success"} 1"#;
        assert!([&open, &plain].iter().all(|answer| answer.text.lines().any(|line| line == sample)), "{}", plain.text);
        assert!(plain.text.contains("# TYPE countersign_delivery_attempts_total counter\n"), "{}", plain.text);
    }
}

/// Every family has a help text, and a name as Prometheus recommends.
#[tokio::test]
async fn promtool_finds_no_fault() {
    let hub = TestHub::start(Database::sqlite()).await;
    let plain = metrics(&hub, "text/plain").await.text;
    let mut check = tokio::process::Command::new("promtool");
    check.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = check.spawn().expect("promtool is installed: scripts/test.sh sees to it");
    child.stdin.take().unwrap().write_all(plain.as_bytes()).await.unwrap();
    let output = child.wait_with_output().await.unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && stderr.trim().is_empty(), "{stderr}\n{plain}");
}
