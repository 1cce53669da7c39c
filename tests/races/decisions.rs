//! Concurrent decisions, and decisions at the deadline.

use std::collections::BTreeSet;

use serde_json::json;

use super::{Arena, ROUNDS, a_moment, at_once, member, one_winner, refused, together, verdict};
use crate::support::{Database, on_both};

on_both! {
    async fn concurrent_approvals_fill_each_seat_once(database: Database) {
        let arena = Arena::start(database).await;
        for round in 0..ROUNDS {
            let request = arena.hub().ask("three", "x").await;
            // Each of six votes twice: a repeated vote gets the same answer.
            let calls = (0..12).map(|call| arena.vote(call, &request, "approve", call / 2)).collect();
            let answers = at_once(round, calls).await;
            let shown = arena.ended(&request).await;
            assert_eq!(shown["status"], "approved");
            let by: BTreeSet<&str> = shown["decision"]["by"].as_array().unwrap().iter().map(|by| by.as_str().unwrap()).collect();
            let voters: Vec<&str> =
                shown["votes"].as_array().unwrap().iter().map(|vote| vote["person"].as_str().unwrap()).collect();
            assert_eq!((voters.len(), voters.into_iter().collect::<BTreeSet<_>>()), (3, by.clone()));
            for (call, answer) in answers.iter().enumerate() {
                let counted = by.contains(member(call / 2).as_str());
                let wanted = if counted { refused(200, "") } else { refused(409, "already_decided") };
                assert_eq!(verdict(answer), wanted, "{call}");
            }
            assert_eq!(arena.trail(&request).await["request.voted"], 3);
        }
        arena.close().await;
    }

    async fn approve_or_reject(database: Database) {
        let arena = Arena::start(database).await;
        for round in 0..ROUNDS {
            let request = arena.hub().ask("one", "x").await;
            let calls = vec![arena.vote(round, &request, "approve", 0), arena.vote(round + 1, &request, "reject", 1)];
            let (winner, loser) = one_winner(&at_once(round, calls).await);
            let shown = arena.ended(&request).await;
            assert_eq!(shown["status"], ["approved", "rejected"][winner]);
            assert_eq!(shown["decision"]["by"], json!([member(winner)]));
            assert_eq!(shown["votes"].as_array().unwrap().len(), 1);
            assert_eq!(loser, refused(409, "already_decided"));
        }
        arena.close().await;
    }

    async fn approve_or_cancel(database: Database) {
        let arena = Arena::start(database).await;
        for round in 0..ROUNDS {
            let request = arena.hub().ask("one", "x").await;
            let cancel = arena.about(round + 1, &request, "cancel", &json!({"reason": "typo"}));
            let (winner, loser) = one_winner(&at_once(round, vec![arena.vote(round, &request, "approve", 0), cancel]).await);
            let shown = arena.ended(&request).await;
            assert_eq!(shown["status"], ["approved", "cancelled"][winner]);
            assert_eq!(shown["execution"].is_null(), winner == 1, "only what is approved may be used");
            assert_eq!(loser, refused(409, "already_decided"));
        }
        arena.close().await;
    }

    async fn approve_or_expire(database: Database) {
        let arena = Arena::start(database).await;
        for round in 0..ROUNDS {
            let body = json!({"resource": "one", "command": "x", "timeout_seconds": 10, "requester": {"email": "nora@example.com"}});
            let request = arena.hub().post("/v1/requests", &body).await.expect(201);
            let calls = vec![arena.vote(round, &request, "approve", 0)];
            let answers = together(round, calls, async || {
                a_moment(round).await;
                arena.advance(10);
            }).await;
            let shown = arena.ended(&request).await;
            if answers[0].status == 200 {
                assert_eq!((&shown["status"], &shown["decided_at"]), (&json!("approved"), &shown["created_at"]));
            } else {
                assert_eq!(answers[0].problem(410), "expired");
                assert_eq!((&shown["status"], &shown["decided_at"]), (&json!("expired"), &shown["expires_at"]));
                assert_eq!(shown["votes"], json!([]));
            }
        }
        arena.close().await;
    }

    async fn every_action_at_once(database: Database) {
        let arena = Arena::start(database).await;
        for round in 0..ROUNDS {
            let body = json!({"resource": "two", "command": "x", "timeout_seconds": 10, "requester": {"email": "nora@example.com"}});
            let request = arena.hub().post("/v1/requests", &body).await.expect(201);
            let calls = vec![
                arena.vote(round, &request, "approve", 0),
                arena.vote(round + 1, &request, "approve", 1),
                arena.vote(round, &request, "approve", 2),
                arena.vote(round + 1, &request, "reject", 3),
                arena.about(round, &request, "cancel", &json!({})),
                arena.about(round + 1, &request, "revise", &json!({"command": "y", "revision": 1})),
            ];
            let answers = together(round, calls, async || {
                a_moment(round).await;
                arena.advance(10);
            }).await;
            let shown = arena.ended(&request).await;
            let verdicts: Vec<_> = answers.iter().map(verdict).collect();
            let deciding = match shown["status"].as_str().unwrap() {
                "approved" => verdicts[..3].iter().filter(|(status, _)| *status == 200).count() >= 2,
                "rejected" => verdicts[3].0 == 200,
                "cancelled" => verdicts[4].0 == 200,
                _ => verdicts.iter().any(|(status, _)| *status == 410),
            };
            assert!(deciding, "{verdicts:?} brought {shown}");
            // Nothing happened to it after its end.
            let revised = usize::from(verdicts[5].0 == 200);
            assert_eq!(shown["revision"], 1 + revised);
            let live = shown["votes"].as_array().unwrap().iter().filter(|vote| vote["voided"] == false);
            let live: Vec<_> = live.map(|vote| vote["revision"].as_u64().unwrap()).collect();
            assert!(live.iter().all(|revision| *revision == shown["revision"].as_u64().unwrap()), "{shown}");
            assert_eq!(shown["decided_at"] == shown["expires_at"], shown["status"] == "expired");
        }
        arena.close().await;
    }
}
