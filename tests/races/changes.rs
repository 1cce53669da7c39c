//! Concurrent changes of the request.

use serde_json::{Value, json};

use super::{Arena, ROUNDS, at_once, id, member, one_winner, refused};
use crate::support::{Database, on_both};

/// An approval that names the first revision.
fn pinned(number: usize, request: &Value, command: Option<&str>) -> Value {
    let mut body = json!({"on_behalf_of": member(number), "revision": 1, "digest": request["digest"]});
    if let Some(command) = command {
        body["command"] = json!(command);
    }
    body
}

on_both! {
    async fn revise_or_approve(database: Database) {
        let arena = Arena::start(database).await;
        for round in 0..ROUNDS {
            let request = arena.hub().ask("one", "x").await;
            let approve = arena.about(round, &request, "approve", &pinned(0, &request, None));
            let revise = arena.about(round + 1, &request, "revise", &json!({"command": "y"}));
            let (winner, loser) = one_winner(&at_once(round, vec![approve, revise]).await);
            if winner == 0 {
                let shown = arena.ended(&request).await;
                assert_eq!((&shown["status"], &shown["revision"], &shown["command"]), (&json!("approved"), &json!(1), &json!("x")));
                assert_eq!(loser, refused(409, "already_decided"));
            } else {
                let shown = arena.hub().show(&request).await;
                assert_eq!((&shown["status"], &shown["revision"], &shown["command"]), (&json!("pending"), &json!(2), &json!("y")));
                assert_eq!((&shown["votes"], loser), (&json!([]), refused(412, "revision_stale")));
            }
        }
        arena.close().await;
    }

    async fn two_revisions(database: Database) {
        let arena = Arena::start(database).await;
        for round in 0..ROUNDS {
            let request = arena.hub().ask("one", "x").await;
            let revise = |turn, command| arena.about(turn, &request, "revise", &json!({"command": command, "revision": 1}));
            let (winner, loser) = one_winner(&at_once(round, vec![revise(0, "y"), revise(1, "z")]).await);
            let shown = arena.hub().show(&request).await;
            assert_eq!((&shown["revision"], &shown["command"]), (&json!(2), &json!(["y", "z"][winner])));
            assert_eq!((loser, arena.trail(&request).await["request.revised"]), (refused(412, "revision_stale"), 1));
        }
        arena.close().await;
    }

    async fn two_approvers_with_other_commands(database: Database) {
        let arena = Arena::start(database).await;
        for round in 0..ROUNDS {
            // With one approval needed, the first ends the request; with two, the first makes another revision.
            let resource = ["one", "two"][round % 2];
            let request = arena.hub().ask(resource, "x").await;
            let modify = |turn, command| arena.about(turn, &request, "approve", &pinned(turn, &request, Some(command)));
            let (winner, loser) = one_winner(&at_once(round / 2, vec![modify(0, "y"), modify(1, "z")]).await);
            let shown = if resource == "one" { arena.ended(&request).await } else { arena.hub().show(&request).await };
            assert_eq!((&shown["revision"], &shown["command"]), (&json!(2), &json!(["y", "z"][winner])));
            assert_eq!(shown["modified_by"], member(winner));
            assert_eq!((shown["votes"].as_array().unwrap().len(), &shown["votes"][0]["person"]), (1, &json!(member(winner))));
            assert_eq!(arena.trail(&request).await["request.revised"], 1);
            if resource == "one" {
                assert_eq!(loser, refused(409, "already_decided"));
            } else {
                assert_eq!((loser, &shown["status"]), (refused(412, "revision_stale"), &json!("pending")));
            }
        }
        arena.close().await;
    }

    async fn two_requests_replace_the_same_one(database: Database) {
        let arena = Arena::start(database).await;
        for round in 0..ROUNDS {
            let request = arena.hub().ask("one", "x").await;
            let ask = |command: &str| {
                json!({"resource": "one", "command": command, "requester": {"email": "nora@example.com"}, "replaces": id(&request)})
            };
            let calls = vec![arena.call(0, "/v1/requests", &ask("y")), arena.call(1, "/v1/requests", &ask("z"))];
            let answers = at_once(round, calls).await;
            let (winner, loser) = one_winner(&answers);
            let shown = arena.ended(&request).await;
            assert_eq!((&shown["status"], &shown["superseded_by"]), (&json!("superseded"), &answers[winner].json()["id"]));
            assert_eq!(loser, refused(409, "already_replaced"));
            let sql = format!("SELECT id, revision FROM requests WHERE supersedes = '{}'", id(&request));
            let successors = Database::tally(&arena.hub().database.url, sql).await;
            assert_eq!(successors.into_keys().collect::<Vec<_>>(), [answers[winner].json()["id"].as_str().unwrap()]);
        }
        arena.close().await;
    }

    async fn approve_or_replace(database: Database) {
        let arena = Arena::start(database).await;
        for round in 0..ROUNDS {
            let request = arena.hub().ask("one", "x").await;
            let ask = json!({"resource": "one", "command": "y", "requester": {"email": "nora@example.com"}, "replaces": id(&request)});
            let calls = vec![arena.vote(round, &request, "approve", 0), arena.call(round + 1, "/v1/requests", &ask)];
            let (winner, loser) = one_winner(&at_once(round, calls).await);
            let shown = arena.ended(&request).await;
            assert_eq!(shown["status"], ["approved", "superseded"][winner]);
            assert_eq!((loser, shown["superseded_by"].is_null()), (refused(409, "already_decided"), winner == 0));
        }
        arena.close().await;
    }
}
