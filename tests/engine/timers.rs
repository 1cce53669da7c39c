//! Reminders, escalation, working hours.

use serde_json::{Value, json};

use super::path;
use crate::support::{Database, Receiver, TestHub, on_both};

fn count(trail: &[String], action: &str) -> usize {
    trail.iter().filter(|entry| *entry == action).count()
}

on_both! {
    async fn approvers_are_reminded_and_missed_reminders_are_sent_as_one(database: Database) {
        let hub = TestHub::start(database).await.with_orders(json!({"reminders": [120, 60, 180]})).await;
        let receiver = Receiver::start().await;
        let (endpoint, _) = hub.endpoint("chat", "custom", &receiver.url, &["dba"]).await;
        let request = hub.ask_with(json!({})).await.expect(201);
        hub.delivery(&endpoint, "request.created", "delivered").await;
        hub.after(59).await;
        assert_eq!(receiver.wait_for(1).await.len(), 1);
        hub.after(1).await;
        let messages = receiver.wait_for(2).await;
        let reminder = messages.iter().map(|message| message.json()).find(|message| message["type"] == "request.reminded");
        assert!(reminder.unwrap()["data"]["links"]["approve"].is_string());
        hub.delivery(&endpoint, "request.reminded", "delivered").await;
        // The hub was down for the second and the third.
        hub.clock.advance(std::time::Duration::from_secs(600));
        let hub = hub.restart().await;
        hub.after(0).await;
        hub.after(0).await;
        let page = hub.get("/v1/endpoints").await.expect(200);
        let deliveries = format!("/v1/endpoints/{}/deliveries", page["items"][0]["id"].as_str().unwrap());
        let sent = hub.get(&deliveries).await.expect(200);
        let reminders = sent["items"].as_array().unwrap().iter().filter(|delivery| delivery["event"] == "request.reminded").count();
        assert_eq!(reminders, 2);
        assert_eq!(hub.show(&request).await["status"], "pending");
    }

    async fn escalation_adds_approvers_and_lowers_no_number(database: Database) {
        let escalation = json!([{"after_seconds": 300, "slot": "dba", "add": "leads"}]);
        let hub = TestHub::start(database).await.with_orders(json!({"slots": [{"group": "dba", "needed": 2}], "escalation": escalation})).await;
        hub.group("leads", &["lea"]).await;
        let receiver = Receiver::start().await;
        hub.endpoint("leads", "custom", &receiver.url, &["leads"]).await;
        let request = hub.ask_with(json!({})).await.expect(201);
        assert_eq!(hub.vote(&request, "approve", "lea@example.com").await.problem(403), "not_eligible");
        hub.after(300).await;
        let shown = hub.show(&request).await;
        assert_eq!((&shown["slots"][0]["also"], &shown["slots"][0]["needed"]), (&json!(["leads"]), &json!(2)));
        let messages = receiver.wait_for(1).await;
        let message = messages[0].json();
        assert_eq!(message["type"], "request.escalated");
        let link = message["data"]["links"]["approve"].as_str().unwrap();
        assert!(hub.get(link).await.text.contains("lea@example.com"), "the page offers her name");
        let call = hub.call(reqwest::Method::POST, link).json(&json!({"approver": "lea@example.com"}));
        assert_eq!(hub.send(call).await.expect(200)["status"], "pending");
        assert_eq!(hub.vote(&request, "approve", "dana@example.com").await.expect(200)["status"], "approved");
        let lea = "/v1/requests?group=leads";
        assert_eq!(hub.get(lea).await.expect(200)["items"].as_array().unwrap().len(), 1);
    }

    async fn escalation_may_make_it_decidable_again(database: Database) {
        let escalation = json!([{"after_seconds": 300, "slot": "dba", "add": "leads"}]);
        let hub = TestHub::start(database).await.with_orders(json!({"slots": [{"group": "dba", "needed": 2}], "escalation": escalation})).await;
        hub.group("leads", &["lea"]).await;
        let request = hub.ask_with(json!({})).await.expect(201);
        hub.group("dba", &["dana"]).await;
        hub.after(1).await;
        assert_eq!(hub.show(&request).await["undecidable"], true);
        hub.after(300).await;
        assert_eq!(hub.show(&request).await["undecidable"], false);
    }

    async fn reminders_and_latencies_respect_working_hours(database: Database) {
        // 2026-11-21 is a Saturday; the hub's clock begins at 12:00 UTC.
        let hours = json!({"time_zone": "Europe/Berlin", "monday": ["09:00-17:00"]});
        let hub = TestHub::start(database).await
            .with_orders(json!({"reminders": [1_800], "working_hours": hours, "timeout_seconds": 1_000_000})).await;
        let request = hub.ask_with(json!({})).await.expect(201);
        let explained = hub.get(&path(&request, "/explain")).await.expect(200);
        assert_eq!(explained["next_notice_at"], "2026-11-23T08:30:00.000000Z");
        hub.after(44 * 3_600).await;
        assert_eq!(count(&hub.trail(&request).await, "request.voted"), 0);
        // Monday, 08:00 UTC: an hour later it is 10:00 in Berlin.
        hub.after(3_600).await;
        hub.vote(&request, "approve", "dana@example.com").await.expect(200);
        let summary = hub.get("/v1/analytics/summary").await.expect(200);
        let working: &Value = &summary["working_time"]["approved"];
        assert_eq!((&working["count"], &working["mean_seconds"]), (&json!(1), &json!(3_600.0)));
        assert_eq!(summary["approval_time"]["approved"]["mean_seconds"], json!(45.0 * 3_600.0));
    }

    async fn one_unreadable_row_delays_no_other(database: Database) {
        let hub = TestHub::start(database).await.with_orders(json!({"timeout_seconds": 60})).await;
        let broken = hub.ask_with(json!({})).await.expect(201);
        let fine = hub.ask_with(json!({})).await.expect(201);
        let id = broken["id"].as_str().unwrap();
        Database::run(&hub.database.url, format!("UPDATE requests SET terms = '{{' WHERE id = '{id}'")).await;
        hub.after(60).await;
        assert_eq!(hub.show(&fine).await["status"], "expired");
        assert_eq!(hub.get(&path(&broken, "")).await.problem(500), "internal");
    }

    async fn invalid_schedules_are_refused(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        for (policy, code) in [
            (json!({"reminders": [0]}), "invalid_policy"),
            (json!({"escalation": [{"after_seconds": 5, "slot": "ghosts", "add": "dba"}]}), "invalid_policy"),
            (json!({"escalation": [{"after_seconds": 5, "slot": "dba", "add": "dba"}]}), "invalid_policy"),
            (json!({"reject_needed": 0}), "invalid_policy"),
            (json!({"break_glass": {"groups": []}}), "invalid_policy"),
            (json!({"use_within_seconds": 0}), "invalid_policy"),
        ] {
            let mut input = json!({"slots": [{"group": "dba"}]});
            input.as_object_mut().unwrap().extend(policy.as_object().unwrap().clone());
            assert_eq!(hub.put("/v1/resources/orders", &input).await.problem(422), code, "{policy}");
        }
        let nowhere = json!({"slots": [{"group": "dba"}], "working_hours": {"time_zone": "Mars/Base", "monday": ["09:00-17:00"]}});
        assert!(matches!(hub.put("/v1/resources/orders", &nowhere).await.status, 400 | 422));
    }
}
