//! Use of an approval: the execution's transitions, one by one.

use serde_json::{Value, json};

use super::path;
use crate::support::{Database, TestHub, on_both};

/// A hub and an approved request.
async fn approved(database: Database) -> (TestHub, Value) {
    let hub = TestHub::start(database).await.with_orders(json!({"use_within_seconds": 600})).await;
    let request = hub.ask_with(json!({"language": "sql", "context": {"ticket": 7}})).await.expect(201);
    let request = hub.vote(&request, "approve", "dana@example.com").await.expect(200);
    (hub, request)
}

async fn approved_again(hub: &TestHub) -> Value {
    let request = hub.ask_with(json!({})).await.expect(201);
    hub.vote(&request, "approve", "dana@example.com").await.expect(200)
}

fn claim(request: &Value) -> Value {
    json!({"digest": request["digest"], "lease_seconds": 60})
}

on_both! {
    async fn a_claim_is_given_out_once(database: Database) {
        let (hub, request) = approved(database).await;
        assert_eq!(request["execution"]["status"], "ready");
        assert_eq!(request["execution"]["use_by"], "2026-11-21T12:10:00.000000Z");
        let wrong = json!({"digest": "0".repeat(64)});
        assert_eq!(hub.post(&path(&request, "/claim"), &wrong).await.problem(412), "digest_stale");
        let claimed = hub.post(&path(&request, "/claim"), &claim(&request)).await.expect(200);
        assert_eq!(claimed, json!({
            "fence": claimed["fence"], "command": "delete from carts", "language": "sql", "context": {"ticket": 7}, "digest": request["digest"],
            "receipt": null, "lease_expires_at": "2026-11-21T12:01:00.000000Z",
        }));
        assert_eq!(hub.post(&path(&request, "/claim"), &claim(&request)).await.problem(409), "already_claimed");
        assert_eq!(hub.post(&path(&request, "/revoke"), &json!({})).await.problem(409), "already_claimed");
        let fence = claimed["fence"].as_u64().unwrap();
        let report = json!({"fence": fence, "status": "succeeded", "exit_code": 0, "output": "DELETE 3\u{0}", "output_digest": "0".repeat(64)});
        let wrong = json!({"fence": fence ^ 1, "status": "succeeded"});
        assert_eq!(hub.post(&path(&request, "/result"), &wrong).await.problem(409), "fence_stale");
        let done = hub.post(&path(&request, "/result"), &report).await.expect(200);
        assert_eq!((&done["execution"]["status"], &done["execution"]["output"]), (&json!("succeeded"), &json!("DELETE 3␀")));
        hub.post(&path(&request, "/result"), &report).await.expect(200);
        let other = json!({"fence": fence, "status": "failed"});
        assert_eq!(hub.post(&path(&request, "/result"), &other).await.problem(409), "already_finished");
        assert_eq!(hub.post(&path(&request, "/claim"), &claim(&request)).await.problem(409), "already_claimed");
        assert_eq!(hub.trail(&request).await[3..], ["execution.claimed", "execution.finished"]);
    }

    async fn a_lost_claim_answer_is_repeated_for_the_same_key(database: Database) {
        let (hub, request) = approved(database).await;
        let call = |key: &str| {
            let call = hub.call(reqwest::Method::POST, &path(&request, "/claim")).bearer_auth(&hub.token);
            hub.send(call.header("idempotency-key", key).json(&claim(&request)))
        };
        let first = call("one").await.expect(200);
        assert_eq!(call("one").await.expect(200), first);
        assert_eq!(call("two").await.problem(409), "already_claimed");
    }

    async fn only_the_claimant_reports_and_fences_cannot_be_guessed(database: Database) {
        let (hub, request) = approved(database).await;
        let executor = hub.token("requester", Some("nora")).await;
        let claimed = hub.post_as(&executor, &path(&request, "/claim"), &claim(&request)).await.expect(200);
        let again = approved_again(&hub).await;
        let other = hub.post_as(&executor, &path(&again, "/claim"), &claim(&again)).await.expect(200);
        let (fence, other) = (claimed["fence"].as_u64().unwrap(), other["fence"].as_u64().unwrap());
        // Of 2⁵³ numbers, one below 2²⁰ occurs once in eight thousand million claims.
        assert!(fence != other && [fence, other].iter().all(|fence| (1 << 20..1 << 53).contains(fence)), "{fence} {other}");
        // Another token of the same person, and an admin; neither may see a fencing token.
        let twin = hub.token("requester", Some("nora")).await;
        for token in [&twin, &hub.token] {
            let report = json!({"fence": fence, "status": "succeeded", "exit_code": 0});
            assert_eq!(hub.post_as(token, &path(&request, "/result"), &report).await.problem(403), "not_claimant");
            assert_eq!(hub.post_as(token, &path(&request, "/heartbeat"), &json!({"fence": fence})).await.problem(403), "not_claimant");
        }
        assert_eq!(hub.show(&request).await["execution"]["status"], "claimed");
        let report = json!({"fence": fence, "status": "failed", "exit_code": 3});
        let shown = hub.post_as(&executor, &path(&request, "/result"), &report).await.expect(200);
        assert_eq!(shown["execution"]["exit_code"], 3);
    }

    async fn only_the_requester_may_use_an_approval(database: Database) {
        let (hub, request) = approved(database).await;
        for (scope, person, status, code) in [
            ("requester", None, 404, "not_found"), ("requester", Some("mary"), 404, "not_found"), ("approver", Some("dana"), 403, "forbidden"),
        ] {
            let token = hub.token(scope, person).await;
            assert_eq!(hub.post_as(&token, &path(&request, "/claim"), &claim(&request)).await.problem(status), code);
        }
        let nora = hub.token("requester", Some("nora")).await;
        hub.post_as(&nora, &path(&request, "/claim"), &claim(&request)).await.expect(200);
    }

    async fn an_approval_that_is_not_used_in_time_lapses(database: Database) {
        let (hub, request) = approved(database).await;
        hub.advance(600);
        assert_eq!(hub.post(&path(&request, "/claim"), &claim(&request)).await.problem(410), "use_expired");
        hub.after(1).await;
        let shown = hub.show(&request).await;
        assert_eq!((&shown["execution"]["status"], &shown["status"]), (&json!("lapsed"), &json!("approved")));
        assert_eq!(hub.post(&path(&request, "/revoke"), &json!({})).await.problem(410), "use_expired");
        assert_eq!(hub.trail(&request).await.iter().filter(|action| *action == "execution.finished").count(), 1);
    }

    async fn a_revoked_execution_is_never_claimed(database: Database) {
        let (hub, request) = approved(database).await;
        let dana = hub.token("approver", Some("dana")).await;
        let revoked = hub.post_as(&dana, &path(&request, "/revoke"), &json!({"reason": "not today"})).await.expect(200);
        assert_eq!(revoked["execution"]["status"], "revoked");
        assert_eq!(revoked["execution"]["revoked_by"], "dana@example.com");
        hub.post_as(&dana, &path(&request, "/revoke"), &json!({})).await.expect(200);
        assert_eq!(hub.post(&path(&request, "/claim"), &claim(&request)).await.problem(409), "execution_revoked");
        let stranger = hub.token("approver", Some("stranger")).await;
        assert_eq!(hub.post_as(&stranger, &path(&request, "/revoke"), &json!({})).await.problem(404), "not_found");
    }

    async fn a_claim_without_a_report_ends_as_unknown_and_stays_so(database: Database) {
        let (hub, request) = approved(database).await;
        let fence = hub.post(&path(&request, "/claim"), &claim(&request)).await.expect(200)["fence"].clone();
        hub.advance(50);
        let beat = hub.post(&path(&request, "/heartbeat"), &json!({"fence": fence})).await.expect(200);
        assert_eq!(beat["lease_expires_at"], "2026-11-21T12:01:50.000000Z");
        hub.after(59).await;
        assert_eq!(hub.show(&request).await["execution"]["status"], "claimed");
        hub.after(1).await;
        assert_eq!(hub.show(&request).await["execution"]["status"], "unknown");
        let late = json!({"fence": fence, "status": "succeeded", "exit_code": 0});
        assert_eq!(hub.post(&path(&request, "/result"), &late).await.problem(409), "lease_over");
        assert_eq!(hub.post(&path(&request, "/heartbeat"), &json!({"fence": fence})).await.problem(409), "lease_over");
        assert_eq!(hub.post(&path(&request, "/claim"), &claim(&request)).await.problem(409), "already_claimed");
        assert_eq!(hub.show(&request).await["execution"]["status"], "unknown");
        assert_eq!(hub.trail(&request).await.last().unwrap(), "execution.reported_late", "the late report is in the trail");
    }

    async fn without_an_approval_there_is_nothing_to_use(database: Database) {
        let hub = TestHub::start(database).await.with_orders(json!({"timeout_seconds": 60})).await;
        let ask = || async { hub.ask_with(json!({})).await.expect(201) };
        let pending = ask().await;
        assert_eq!(hub.post(&path(&pending, "/claim"), &claim(&pending)).await.problem(409), "not_approved");
        let rejected = hub.vote(&ask().await, "reject", "dana@example.com").await.expect(200);
        assert_eq!(hub.post(&path(&rejected, "/claim"), &claim(&rejected)).await.problem(409), "already_decided");
        let access = hub.ask_access(60).await;
        hub.vote(&access, "approve", "dana@example.com").await.expect(200);
        assert_eq!(hub.post(&path(&access, "/claim"), &claim(&access)).await.problem(409), "not_an_action");
        hub.advance(60);
        assert_eq!(hub.post(&path(&pending, "/claim"), &claim(&pending)).await.problem(410), "expired");
        let bounds = json!({"digest": pending["digest"], "lease_seconds": 5});
        assert_eq!(hub.post(&path(&pending, "/claim"), &bounds).await.problem(422), "invalid_timeout");
    }
}
