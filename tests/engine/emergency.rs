//! Break-glass, and the review that follows.

use serde_json::json;

use super::path;
use crate::support::{Database, TestHub, on_both};

on_both! {
    async fn break_glass_needs_the_right_and_a_reason_and_is_limited(database: Database) {
        let hub = TestHub::start(database).await
            .with_orders(json!({"break_glass": {"groups": ["oncall"], "per_day": 2, "review_within_seconds": 3_600}})).await;
        hub.group("oncall", &["nora"]).await;
        let (nora, dana) = (hub.token("requester", Some("nora")).await, hub.token("approver", Some("dana")).await);
        let request = hub.ask_with(json!({})).await.expect(201);
        let glass = path(&request, "/break-glass");
        let why = json!({"reason": "the shop is down"});
        assert_eq!(hub.post(&glass, &why).await.problem(403), "forbidden", "the operator's token belongs to no person");
        assert_eq!(hub.post_as(&dana, &glass, &why).await.problem(403), "forbidden");
        assert_eq!(hub.post_as(&nora, &glass, &json!({"reason": " "})).await.problem(422), "reason_required");
        let broken = hub.post_as(&nora, &glass, &why).await.expect(200);
        assert_eq!((&broken["status"], &broken["decision"]["method"]), (&json!("approved"), &json!("break_glass")));
        assert_eq!(broken["decision"]["by"], json!(["nora@example.com"]));
        assert_eq!(broken["review"]["due_at"], "2026-11-21T13:00:00.000000Z");
        assert_eq!(broken["execution"]["status"], "ready");
        let other = hub.ask_with(json!({})).await.expect(201);
        hub.post_as(&nora, &path(&other, "/break-glass"), &why).await.expect(200);
        let third = hub.ask_with(json!({"timeout_seconds": 200_000})).await.expect(201);
        assert_eq!(hub.post_as(&nora, &path(&third, "/break-glass"), &why).await.problem(429), "too_often");
        assert_eq!(hub.show(&third).await["status"], "pending");
        hub.advance(24 * 3_600);
        hub.post_as(&nora, &path(&third, "/break-glass"), &why).await.expect(200);
        assert_eq!(hub.post_as(&nora, &glass, &why).await.problem(409), "already_decided");
    }

    async fn another_person_reviews_a_break_glass_afterwards(database: Database) {
        let hub = TestHub::start(database).await
            .with_orders(json!({"break_glass": {"groups": ["oncall"], "review_within_seconds": 60}})).await;
        hub.group("oncall", &["nora", "dana"]).await;
        let (nora, dana, erik) =
            (hub.token("approver", Some("nora")).await, hub.token("approver", Some("dana")).await, hub.token("approver", Some("erik")).await);
        let plain = hub.ask_with(json!({})).await.expect(201);
        let review = json!({"justified": true, "note": "it was"});
        assert_eq!(hub.post_as(&erik, &path(&plain, "/review"), &review).await.problem(409), "not_a_break_glass");
        let request = hub.ask_with(json!({})).await.expect(201);
        hub.post_as(&dana, &path(&request, "/break-glass"), &json!({"reason": "down"})).await.expect(200);
        assert_eq!(hub.post_as(&dana, &path(&request, "/review"), &review).await.problem(403), "forbidden", "who broke it");
        assert_eq!(hub.post_as(&nora, &path(&request, "/review"), &review).await.problem(403), "forbidden", "who asked");
        hub.after(60).await;
        hub.after(60).await;
        let shown = hub.post_as(&erik, &path(&request, "/review"), &review).await.expect(200);
        assert_eq!((&shown["review"]["justified"], &shown["review"]["reviewed_by"]), (&json!(true), &json!("erik@example.com")));
        assert_eq!(hub.post_as(&erik, &path(&request, "/review"), &review).await.problem(409), "already_reviewed");
        let trail = hub.trail(&request).await;
        assert_eq!(trail.iter().filter(|action| *action == "request.review_due").count(), 1, "recorded once");
        assert_eq!(trail.last().unwrap(), "request.reviewed");
        let summary = hub.get("/v1/analytics/summary").await.expect(200);
        assert_eq!(summary["ended"]["unasked"]["break_glass"], 1);
    }
}
