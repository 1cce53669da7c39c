//! A command's output is passed through completely, and a bounded copy goes to the hub.

use countersign::approval::Digest;
use serde_json::{Value, json};

use super::Bench;
use crate::support::{Database, eventually, on_both};

on_both! {
    async fn a_megabyte_is_passed_through_and_its_ends_are_kept(database: Database) {
        let bench = Bench::new(database).await;
        let statement = "select repeat('0123456789', 100) || n from generate_series(1, 1000) n";
        let running = bench.exec_sql(&[], statement);
        let (request, links) = bench.asked(1).await;
        bench.follow(&links, "approve", json!({})).await.expect(200);
        let out = running.end().await.expect(0);
        assert!(out.len() > 1_000_000 && out.lines().count() == 1_000);
        let execution = bench.hub.show(&request).await["execution"].clone();
        assert_eq!(execution["output_digest"], json!(Digest::of(out.as_bytes())));
        assert_eq!(execution["output_truncated"], true);
        let kept = execution["output"].as_str().unwrap();
        assert!(kept.len() > 60_000 && kept.len() <= 64 * 1024, "{}", kept.len());
        assert!(kept.starts_with(&out[..30_000]) && kept.ends_with(&out[out.len() - 30_000..]));
        assert!(kept.contains(" bytes left out …]"));
    }

    async fn progress_is_reported_in_machine_readable_lines(database: Database) {
        let bench = Bench::new(database).await;
        let running = bench.exec(&["--json"], &["sh", "-c", "echo $COUNTERSIGN_TOKEN out; exit 9"]);
        let (request, links) = bench.asked(1).await;
        bench.follow(&links, "approve", json!({"command": "sh -c 'echo changed; kill -TERM $$'"})).await.expect(200);
        let end = running.end().await;
        let progress = end.progress();
        let events: Vec<&Value> = progress.iter().map(|line| &line["event"]).collect();
        assert_eq!(events, ["asked", "voted", "approved", "modified", "running", "done"]);
        assert_eq!(progress[0]["request"], request["id"]);
        assert_eq!(progress[0]["slots"][0]["people"], json!(["Dana Reyes <dana@example.com>", "erik@example.com"]));
        assert_eq!(progress[2]["by"], json!(["dana@example.com"]));
        assert!(progress[3]["diff"].as_str().unwrap().contains("+sh -c 'echo changed"), "{}", progress[3]);
        let done = json!({
            "event": "done", "request": request["id"], "status": "approved", "ran": true, "reported": true, "exit_code": 143,
            "output_digest": Digest::of(b"changed\n"), "error": null,
        });
        assert_eq!(progress[5], done);
        assert_eq!(end.expect(143), "changed\n");
    }

    async fn the_token_is_not_passed_to_the_command(database: Database) {
        let bench = Bench::new(database).await;
        let running = bench.exec(&[], &["sh", "-c", "echo \"<$COUNTERSIGN_TOKEN>\""]);
        let (_, links) = bench.asked(1).await;
        bench.follow(&links, "approve", json!({})).await.expect(200);
        assert_eq!(running.end().await.expect(0), "<>\n");
    }

    async fn a_signal_is_forwarded_to_the_command(database: Database) {
        let bench = Bench::new(database).await;
        let script = "trap 'echo ended; exit 3' TERM; echo up | tee up; while :; do sleep 0.05; done";
        let running = bench.exec(&["--json"], &["sh", "-c", script]);
        let (request, links) = bench.asked(1).await;
        bench.follow(&links, "approve", json!({})).await.expect(200);
        let file = bench.hub.database.folder.path().join("up");
        eventually("it runs", || async { std::fs::read(&file).is_ok_and(|text| !text.is_empty()).then_some(()) }).await;
        assert_eq!(bench.hub.show(&request).await["execution"]["status"], "claimed");
        running.signal("TERM");
        assert_eq!(running.end().await.expect(3), "up\nended\n");
        assert_eq!(bench.hub.show(&request).await["execution"]["exit_code"], 3);
    }
}
