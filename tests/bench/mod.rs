//! The benchmark in small: it starts its processes, ends them, reports figures, and finds no loss.

use std::process::Output;

use serde_json::Value;

use crate::support::{Database, HubProcess, on_both};

const SCENARIOS: [&str; 5] = ["rate", "latency", "fanout", "drain", "idle"];

async fn bench(database: &Database, args: &[&str]) -> Output {
    let mut command = HubProcess::command(database.folder.path());
    command.args(["bench", "--short"]).args(args).env("TMPDIR", database.folder.path());
    // Settings of another hub do not concern the benchmark.
    command.env("COUNTERSIGN_PUBLIC_URL", "https://approvals.example.com").env("COUNTERSIGN_LISTEN", "nowhere");
    if database.url.starts_with("postgres") {
        command.args(["--database", &database.url]);
    }
    command.output().await.expect("the program runs")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

on_both! {
    async fn every_scenario_reports_every_figure(database: Database) {
        let output = super::bench(&database, &["--json", "-"]).await;
        assert!(output.status.success(), "{}", text(&output));
        let figures: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!((&figures["ok"], &figures["short"]), (&true.into(), &true.into()));
        assert!(database.url.starts_with(figures["database"].as_str().unwrap()));
        for name in SCENARIOS {
            let figures = &figures["scenarios"][name];
            assert!(figures["asked"].as_u64().is_some_and(|asked| asked >= 50), "{name}: {figures}");
            assert_eq!(figures["delivered"], figures["asked"], "{name}");
            assert_eq!((&figures["lost"], &figures["refused"]), (&0.into(), &0.into()), "{name}");
        }
        let of = |scenario: &str, key: &str| figures["scenarios"][scenario][key].as_f64().unwrap_or(0.0);
        for (scenario, key) in [
            ("rate", "deliveries_per_second"), ("rate", "cpu_seconds_per_1000_hub"), ("latency", "p99_ms"),
            ("fanout", "hang_rate_ratio"), ("drain", "drain_ratio"), ("drain", "fresh_p50_ms"), ("drain", "outage_peak_rss_kib"), ("idle", "filled_start_ms"),
        ] {
            assert!(of(scenario, key) > 0.0, "{scenario} {key}: {figures}");
        }
        assert!(of("sessions", "session_ratio") > 0.0, "{figures}");
        assert!(of("render", "teams_plain_us") > 0.0 && figures["scenarios"]["render"].get("asked").is_none(), "{figures}");
        let waiting = of("idle", "filled_requests");
        assert!(of("idle", "empty_requests") == 0.0 && waiting >= of("idle", "asked"), "{waiting} wait");
        let left: Vec<_> = std::fs::read_dir(database.folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[tokio::test]
async fn a_table_for_people_and_a_file_for_programs() {
    let database = Database::sqlite();
    let file = database.folder.path().join("figures.json");
    let output = bench(&database, &["--only", "latency", "--json", file.to_str().unwrap()]).await;
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && table.contains("latency\n") && table.contains(" p99 "), "{table}");
    let figures: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert_eq!(figures["scenarios"].as_object().unwrap().len(), 1, "{figures}");
}

#[tokio::test]
async fn a_database_in_use_is_left_alone() {
    let database = Database::postgres().await;
    Database::run(&database.url, "CREATE TABLE precious (id integer)".to_owned()).await;
    let output = bench(&database, &["--only", "latency"]).await;
    assert!(!output.status.success() && text(&output).contains("empty database"), "{}", text(&output));
    let tables = "SELECT tablename::text, 1::bigint FROM pg_tables WHERE schemaname = current_schema()".to_owned();
    assert_eq!(Database::tally(&database.url, tables).await.into_keys().collect::<Vec<_>>(), ["precious"]);
}
