//! Concurrent use of an approval, and concurrent break-glass.

use serde_json::{Value, json};

use super::{Arena, ROUNDS, a_moment, at_once, id, member, one_winner, refused, together, verdict};
use crate::support::{Database, TestHub, on_both};

async fn approved(hub: &TestHub, resource: &str) -> Value {
    let request = hub.ask(resource, "x").await;
    hub.vote(&request, "approve", &member(0)).await.expect(200)
}

fn digest(request: &Value) -> Value {
    json!({"digest": request["digest"]})
}

on_both! {
    async fn a_claim_is_given_out_once(database: Database) {
        let arena = Arena::start(database).await;
        for round in 0..ROUNDS {
            let request = approved(arena.hub(), "one").await;
            let calls = (0..6).map(|call| arena.about(call, &request, "claim", &digest(&request))).collect();
            let verdicts: Vec<_> = at_once(round, calls).await.iter().map(verdict).collect();
            assert_eq!(verdicts.iter().filter(|verdicts| **verdicts == refused(200, "")).count(), 1, "{verdicts:?}");
            assert_eq!(verdicts.iter().filter(|verdicts| **verdicts == refused(409, "already_claimed")).count(), 5, "{verdicts:?}");
            assert_eq!(arena.trail(&request).await["execution.claimed"], 1);
        }
        arena.close().await;
    }

    async fn the_same_claim_again_gets_the_same_answer(database: Database) {
        let arena = Arena::start(database).await;
        for round in 0..ROUNDS {
            let request = approved(arena.hub(), "one").await;
            let claim = |call| arena.about(call, &request, "claim", &digest(&request)).header("Idempotency-Key", "run-1");
            let answers = at_once(round, vec![claim(0), claim(1), claim(2)]).await;
            let first = answers[0].expect(200);
            assert!(answers.iter().all(|answer| answer.expect(200) == first) && first["fence"].is_u64());
            assert_eq!(arena.trail(&request).await["execution.claimed"], 1);
        }
        arena.close().await;
    }

    async fn claim_or_revoke(database: Database) {
        let arena = Arena::start(database).await;
        for round in 0..ROUNDS {
            let request = approved(arena.hub(), "one").await;
            let claim = arena.about(round, &request, "claim", &digest(&request));
            let revoke = arena.about(round + 1, &request, "revoke", &json!({"reason": "no"}));
            let (winner, loser) = one_winner(&at_once(round, vec![claim, revoke]).await);
            let shown = arena.ended(&request).await;
            let trail = arena.trail(&request).await;
            assert_eq!(trail.keys().filter(|action| action.starts_with("execution.")).count(), 1, "{trail:?}");
            if winner == 0 {
                assert_eq!((&shown["execution"]["status"], loser), (&json!("claimed"), refused(409, "already_claimed")));
                assert_eq!(trail["execution.claimed"], 1);
            } else {
                assert_eq!((&shown["execution"]["status"], loser), (&json!("revoked"), refused(409, "execution_revoked")));
                assert_eq!(trail["execution.finished"], 1);
            }
        }
        arena.close().await;
    }

    async fn claim_or_lapse(database: Database) {
        let arena = Arena::start(database).await;
        for round in 0..ROUNDS {
            let request = approved(arena.hub(), "timed").await;
            let calls = vec![arena.about(round, &request, "claim", &digest(&request))];
            let answers = together(round, calls, async || {
                a_moment(round).await;
                arena.advance(300);
            }).await;
            arena.settle().await;
            let execution = &arena.hub().show(&request).await["execution"];
            let trail = arena.trail(&request).await;
            let steps: Vec<_> = trail.iter().filter(|(action, _)| action.starts_with("execution.")).collect();
            if answers[0].status == 200 {
                assert_eq!((&execution["status"], &execution["claimed_at"]), (&json!("claimed"), &request["decided_at"]));
                assert_eq!(steps, [(&"execution.claimed".to_owned(), &1)]);
            } else {
                assert_eq!((&execution["status"], &execution["finished_at"]), (&json!("lapsed"), &execution["use_by"]));
                assert_eq!(answers[0].problem(410), "use_expired");
                assert_eq!(steps, [(&"execution.finished".to_owned(), &1)]);
            }
        }
        arena.close().await;
    }

    async fn reports_or_the_end_of_the_lease(database: Database) {
        let arena = Arena::start(database).await;
        for round in 0..ROUNDS {
            let request = approved(arena.hub(), "one").await;
            let claim = json!({"digest": request["digest"], "lease_seconds": 10});
            let fence = arena.hub().post(&format!("/v1/requests/{}/claim", id(&request)), &claim).await.expect(200)["fence"].clone();
            let report = |status: &str| json!({"fence": fence, "status": status, "exit_code": 0});
            let calls = vec![
                arena.about(round, &request, "result", &report("succeeded")),
                arena.about(round + 1, &request, "result", &report("failed")),
                arena.about(round, &request, "result", &json!({"fence": 7, "status": "failed"})),
            ];
            let answers = together(round, calls, async || {
                a_moment(round).await;
                arena.advance(10);
            }).await;
            arena.settle().await;
            let ended = arena.hub().show(&request).await["execution"]["status"].clone();
            let verdicts: Vec<_> = answers.iter().map(verdict).collect();
            let wanted = match ended.as_str().unwrap() {
                "succeeded" => [(200, ""), (409, "already_finished"), (409, "fence_stale")],
                "failed" => [(409, "already_finished"), (200, ""), (409, "fence_stale")],
                _ => [(409, "lease_over"), (409, "lease_over"), (409, "fence_stale")],
            };
            assert_eq!(verdicts, wanted.map(|(status, code)| refused(status, code)), "{ended}");
            assert_eq!(arena.trail(&request).await["execution.finished"], 1);
        }
        arena.close().await;
    }

    async fn access_is_revoked_or_ends(database: Database) {
        let arena = Arena::start(database).await;
        for round in 0..ROUNDS {
            let ask = json!({
                "resource": "one", "kind": "jit", "command": "x", "duration_seconds": 60, "requester": {"email": "nora@example.com"},
            });
            let request = arena.hub().post("/v1/requests", &ask).await.expect(201);
            arena.hub().vote(&request, "approve", &member(0)).await.expect(200);
            let calls = (0..2).map(|call| arena.about(call, &request, "revoke", &json!({}))).collect();
            let answers = together(round, calls, async || {
                a_moment(round).await;
                arena.advance(60);
            }).await;
            arena.settle().await;
            let grant = arena.hub().show(&request).await["grant"].clone();
            let mut trail = arena.trail(&request).await;
            trail.retain(|action, _| action.starts_with("grant."));
            let verdicts: Vec<_> = answers.iter().map(verdict).collect();
            let end = if grant["status"] == "revoked" {
                assert!(verdicts.contains(&refused(200, "")), "{verdicts:?}");
                "grant.revoked"
            } else {
                assert_eq!(verdicts, vec![refused(409, "already_finished"); 2]);
                "grant.ended"
            };
            assert_eq!(trail, [(end.to_owned(), 1), ("grant.started".to_owned(), 1)].into());
        }
        arena.close().await;
    }

    async fn concurrent_break_glass_keeps_the_daily_limit(database: Database) {
        let arena = Arena::start(database).await;
        for person in 0..8 {
            let token = json!({"name": format!("of {person}"), "scope": "approver", "person": member(person)});
            let token = arena.hub().post("/v1/tokens", &token).await.expect(201)["secret"].as_str().unwrap().to_owned();
            let mut calls = Vec::new();
            for turn in 0..8 {
                let request = arena.hub().ask("glass", "x").await;
                let path = format!("/v1/requests/{}/break-glass", id(&request));
                let hub = &arena.hubs[turn % arena.hubs.len()];
                calls.push(hub.call(reqwest::Method::POST, &path).bearer_auth(&token).json(&json!({"reason": "fire"})));
            }
            let verdicts: Vec<_> = at_once(person, calls).await.iter().map(verdict).collect();
            assert_eq!(verdicts.iter().filter(|verdicts| **verdicts == refused(200, "")).count(), 3, "{verdicts:?}");
            assert_eq!(verdicts.iter().filter(|verdicts| **verdicts == refused(429, "too_often")).count(), 5, "{verdicts:?}");
        }
        arena.close().await;
    }
}
