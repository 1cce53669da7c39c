//! Access for a limited time: the grant's transitions one by one, and the answers to an enforcer.

use serde_json::{Value, json};

use super::path;
use crate::support::{Database, Receiver, TestHub, on_both};

const QUESTION: &str = "/v1/access?resource=orders&requester=nora@example.com";

async fn allowed(hub: &TestHub) -> Value {
    hub.get(QUESTION).await.expect(200)["allowed"].clone()
}

on_both! {
    async fn access_begins_with_the_approval_and_ends_at_its_time(database: Database) {
        let hub = TestHub::start(database).await.with_orders(json!({"max_duration_seconds": 3_600})).await;
        let receiver = Receiver::start().await;
        let (endpoint, _) = hub.endpoint("feed", "custom", &receiver.url, &[]).await;
        assert_eq!(hub.ask_with(json!({"kind": "jit", "duration_seconds": 3_601})).await.problem(422), "duration_too_long");
        let request = hub.ask_access(3_600).await;
        assert_eq!(allowed(&hub).await, false);
        hub.advance(5);
        let shown = hub.vote(&request, "approve", "dana@example.com").await.expect(200);
        assert_eq!(shown["grant"]["status"], "active");
        for kind in ["request.created", "request.approved", "grant.started"] {
            hub.delivery(&endpoint, kind, "delivered").await;
        }
        assert_eq!(shown["grant"]["ends_at"], "2026-11-21T13:00:05.000000Z");
        let access = hub.get(QUESTION).await.expect(200);
        assert_eq!((&access["allowed"], &access["grant"]["id"]), (&json!(true), &shown["grant"]["id"]));
        assert_eq!(hub.get("/v1/access?resource=orders&requester=mary@example.com").await.expect(200)["allowed"], false);
        hub.advance(3_599);
        assert_eq!(allowed(&hub).await, true);
        hub.advance(1);
        assert_eq!(allowed(&hub).await, false, "by the clock, not by the timer");
        hub.after(0).await;
        let grant = hub.get(&format!("/v1/grants/{}", shown["grant"]["id"].as_str().unwrap())).await.expect(200);
        assert_eq!((&grant["status"], &grant["ended_at"]), (&json!("ended"), &json!("2026-11-21T13:00:05.000000Z")));
        hub.delivery(&endpoint, "grant.ended", "delivered").await;
    }

    async fn a_second_approval_with_a_shorter_window_counts(database: Database) {
        let hub = TestHub::start(database).await.with_orders(json!({"slots": [{"group": "dba", "needed": 2}]})).await;
        let request = hub.ask_access(600).await;
        let dana = json!({"on_behalf_of": "dana@example.com"});
        hub.post(&path(&request, "/approve"), &dana).await.expect(200);
        let narrowed = json!({"on_behalf_of": "dana@example.com", "duration_seconds": 60});
        for _ in 0..2 {
            let shown = hub.post(&path(&request, "/approve"), &narrowed).await.expect(200);
            let votes: Vec<_> =
                shown["votes"].as_array().unwrap().iter().map(|vote| (vote["voided"].clone(), vote["narrowing"]["duration_seconds"].clone())).collect();
            assert_eq!(votes, [(json!(true), json!(null)), (json!(false), json!(60))]);
        }
        let shown = hub.vote(&request, "approve", "erik@example.com").await.expect(200);
        assert_eq!((&shown["grant"]["status"], &shown["grant"]["ends_at"]), (&json!("active"), &json!("2026-11-21T12:01:00.000000Z")));
        hub.post(&path(&request, "/approve"), &narrowed).await.expect(200);
        assert_eq!(hub.post(&path(&request, "/approve"), &dana).await.problem(409), "already_decided", "the unshortened window is not the recorded vote");
    }

    async fn approvers_may_shorten_or_delay_the_window_but_not_extend_it(database: Database) {
        let hub = TestHub::start(database).await.with_orders(json!({"slots": [{"group": "dba", "needed": 2}]})).await;
        let request = hub.ask_access(3_600).await;
        let vote = |who: &str, more: Value| {
            let mut body = json!({"on_behalf_of": format!("{who}@example.com")});
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let (hub, request) = (&hub, &request);
            async move { hub.post(&path(request, "/approve"), &body).await }
        };
        assert_eq!(vote("dana", json!({"duration_seconds": 3_601})).await.problem(422), "widened");
        vote("dana", json!({"duration_seconds": 1_800})).await.expect(200);
        let shown = vote("erik", json!({"starts_at": "2026-11-21T14:00:00Z"})).await.expect(200);
        let grant = &shown["grant"];
        assert_eq!(
            (&grant["status"], &grant["starts_at"], &grant["ends_at"]),
            (&json!("scheduled"), &json!("2026-11-21T14:00:00.000000Z"), &json!("2026-11-21T14:30:00.000000Z"))
        );
        let access = hub.get(QUESTION).await.expect(200);
        assert_eq!((&access["allowed"], &access["grant"]["status"]), (&json!(false), &json!("scheduled")));
        hub.after(7_200).await;
        assert_eq!(allowed(&hub).await, true);
        assert_eq!(hub.show(&request).await["grant"]["status"], "active");
    }

    async fn a_window_that_passed_while_the_hub_was_down_is_reported_in_order(database: Database) {
        let hub = TestHub::start(database).await.with_orders(json!({})).await;
        let request = hub.ask_access(60).await;
        let later = json!({"on_behalf_of": "dana@example.com", "starts_at": "2026-11-21T12:10:00Z"});
        hub.post(&path(&request, "/approve"), &later).await.expect(200);
        let clock = hub.clock.clone();
        clock.advance(std::time::Duration::from_secs(3_600));
        let hub = hub.restart().await;
        hub.after(0).await;
        let trail = hub.trail(&request).await;
        assert_eq!(trail[trail.len() - 2..], ["grant.started", "grant.ended"]);
        assert_eq!(hub.show(&request).await["grant"]["ended_at"], "2026-11-21T12:11:00.000000Z");
    }

    async fn access_is_revoked_by_its_holder_its_approvers_and_admins(database: Database) {
        let hub = TestHub::start(database).await.with_orders(json!({})).await;
        let nora = hub.token("requester", Some("nora")).await;
        let dana = hub.token("approver", Some("dana")).await;
        let stranger = hub.token("approver", Some("stranger")).await;
        for token in [&nora, &dana, &hub.token.clone()] {
            let request = hub.ask_access(3_600).await;
            let shown = hub.vote(&request, "approve", "erik@example.com").await.expect(200);
            let revoke = format!("/v1/grants/{}/revoke", shown["grant"]["id"].as_str().unwrap());
            assert_eq!(hub.post_as(&stranger, &revoke, &json!({})).await.problem(404), "not_found");
            assert_eq!(hub.post_as(token, &revoke, &json!({"reason": "done"})).await.expect(200)["status"], "revoked");
            assert_eq!(allowed(&hub).await, false);
            hub.post_as(token, &revoke, &json!({})).await.expect(200);
            assert!(hub.trail(&request).await.contains(&"grant.revoked".to_owned()));
        }
        let page = hub.get("/v1/grants?status=revoked&requester=nora@example.com&resource=orders&limit=2").await.expect(200);
        assert_eq!(page["items"].as_array().unwrap().len(), 2);
        assert!(page["next_cursor"].is_string());
        assert_eq!(hub.get_as(&stranger, QUESTION).await.problem(403), "forbidden");
        assert_eq!(hub.get_as(&nora, QUESTION).await.expect(200)["allowed"], false);
    }
}
