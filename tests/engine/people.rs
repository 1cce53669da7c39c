//! Who may decide: membership changes, conflicts, stand-ins, and lists of pending requests.

use countersign::ids::RequestId;
use countersign::store::StoreError;
use countersign::store::membership_checks::{self, Check};
use serde_json::{Value, json};

use super::path;
use crate::support::{Database, TestHub, on_both};

fn ids(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect()
}

on_both! {
    async fn a_voter_who_left_the_group_no_longer_counts(database: Database) {
        let hub = TestHub::start(database).await.with_orders(json!({"slots": [{"group": "dba", "needed": 2}]})).await;
        hub.group("dba", &["dana", "erik", "olga"]).await;
        let request = hub.ask_with(json!({})).await.expect(201);
        hub.vote(&request, "approve", "dana@example.com").await.expect(200);
        hub.group("dba", &["erik", "olga"]).await;
        let shown = hub.vote(&request, "approve", "erik@example.com").await.expect(200);
        assert_eq!(shown["status"], "pending", "dana's approval no longer counts");
        assert_eq!(shown["votes"][0]["voided"], true);
        assert!(hub.trail(&request).await.contains(&"vote.voided".to_owned()));
        assert_eq!(hub.vote(&request, "approve", "olga@example.com").await.expect(200)["status"], "approved");
    }

    async fn a_request_that_becomes_undecidable_raises_an_alarm(database: Database) {
        let hub = TestHub::start(database).await.with_orders(json!({"slots": [{"group": "dba", "needed": 2}]})).await;
        let request = hub.ask_with(json!({})).await.expect(201);
        hub.vote(&request, "approve", "erik@example.com").await.expect(200);
        hub.group("dba", &["dana"]).await;
        hub.after(1).await;
        let shown = hub.show(&request).await;
        assert_eq!((&shown["undecidable"], &shown["status"]), (&json!(true), &json!("pending")));
        assert_eq!(shown["votes"][0]["voided"], true, "erik left");
        hub.group("dba", &["dana", "erik"]).await;
        hub.after(1).await;
        assert_eq!(hub.show(&request).await["undecidable"], false);
        let alarms = hub.trail(&request).await;
        assert_eq!(alarms.iter().filter(|action| *action == "request.undecidable").count(), 1);
        assert_eq!(alarms.last().unwrap(), "request.decidable");
    }

    async fn a_membership_check_covers_the_requests_pending_at_the_change(database: Database) {
        let hub = TestHub::start(database).await.with_orders(json!({"slots": [{"group": "dba"}]})).await;
        hub.group("idle", &["dana"]).await;
        let first: RequestId = hub.ask_with(json!({})).await.expect(201)["id"].as_str().unwrap().parse().unwrap();
        let second = hub.ask_with(json!({})).await.expect(201)["id"].as_str().unwrap().to_owned();
        let (dba, idle, now) = ("dba".parse().unwrap(), "idle".parse().unwrap(), hub.now());
        // In one transaction, so that the timer does not run it meanwhile.
        let checks = hub.server.store().write::<_, _, StoreError>(move |tx| {
            Box::pin(async move {
                membership_checks::ask(tx.session(), &idle, now).await?;
                let for_nothing = membership_checks::next(tx.session()).await?;
                membership_checks::ask(tx.session(), &dba, now).await?;
                Ok((for_nothing, membership_checks::next(tx.session()).await?.expect("a check")))
            })
        });
        let (for_nothing, check) = checks.await.unwrap();
        assert_eq!((for_nothing, &check.until), (None, &second));
        let earlier = Check { until: first.to_string(), ..check };
        let session = &mut hub.server.store().read().await.unwrap();
        assert_eq!(membership_checks::part(session, &earlier, 64).await.unwrap(), [first], "the later request has another group");
    }

    async fn rejections_can_make_a_request_undecidable(database: Database) {
        let hub = TestHub::start(database).await.with_orders(json!({"slots": [{"group": "dba", "needed": 2}], "reject_needed": 2})).await;
        let request = hub.ask_with(json!({})).await.expect(201);
        let shown = hub.vote(&request, "reject", "dana@example.com").await.expect(200);
        assert_eq!((&shown["status"], &shown["undecidable"]), (&json!("pending"), &json!(true)));
    }

    async fn a_beneficiary_may_reject_and_a_person_acts_only_for_themselves(database: Database) {
        let hub = TestHub::start(database).await.with_orders(json!({})).await;
        let nora = hub.token("requester", Some("nora")).await;
        let ask = |more: Value| {
            let mut ask = json!({"resource": "orders", "command": "delete from carts"});
            ask.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let (hub, nora) = (&hub, &nora);
            async move { hub.post_as(nora, "/v1/requests", &ask).await }
        };
        assert_eq!(ask(json!({"requester": {"acting_for": "dana@example.com"}})).await.problem(403), "forbidden");
        ask(json!({"requester": {"name": "agent", "acting_for": "nora@example.com"}})).await.expect(201);
        let request = ask(json!({"beneficiary": "dana@example.com"})).await.expect(201);
        let dana = hub.token("approver", Some("dana")).await;
        assert_eq!(hub.post_as(&dana, &path(&request, "/approve"), &json!({})).await.problem(403), "conflict_of_interest");
        let shown = hub.post_as(&dana, &path(&request, "/reject"), &json!({})).await.expect(200);
        assert_eq!((&shown["status"], &shown["decision"]["by"]), (&json!("rejected"), &json!(["dana@example.com"])));
    }

    async fn no_requester_approves_their_own_request(database: Database) {
        let hub = TestHub::start(database).await.with_orders(json!({"conflicted": ["olga@example.com"]})).await;
        hub.group("dba", &["dana", "erik", "nora", "bene", "human", "olga", "carl"]).await;
        let request = hub.ask_with(json!({
            "requester": {"email": "nora@example.com", "acting_for": "human@example.com"}, "beneficiary": "bene@example.com",
        })).await.expect(201);
        for person in ["nora", "human", "bene", "olga"] {
            let answer = hub.vote(&request, "approve", &format!("{person}@example.com")).await;
            assert_eq!(answer.problem(403), "conflict_of_interest", "{person}");
        }
        assert_eq!(request["excluded"], json!([
            {"person": "nora@example.com", "as": "requester", "by": "request"},
            {"person": "human@example.com", "as": "acting_for", "by": "request"},
            {"person": "bene@example.com", "as": "beneficiary", "by": "request"},
            {"person": "olga@example.com", "as": "conflicted", "by": "policy"},
        ]));
        assert_eq!(request["slots"][0]["eligible"], 3);
        // The owner of the asking token counts as a requester, no matter for whom it asks.
        let carl = hub.token("admin", Some("carl")).await;
        let ask = json!({"resource": "orders", "command": "x", "requester": {"email": "mary@example.com"}, "beneficiary": "dana@example.com"});
        let own = hub.post_as(&carl, "/v1/requests", &ask).await.expect(201);
        assert_eq!(hub.vote(&own, "approve", "carl@example.com").await.problem(403), "conflict_of_interest");
        assert_eq!(hub.vote(&own, "approve", "dana@example.com").await.problem(403), "conflict_of_interest");
        assert_eq!(hub.vote(&own, "approve", "erik@example.com").await.expect(200)["status"], "approved");
    }

    async fn allowed_self_approval_is_reported_every_time(database: Database) {
        let hub = TestHub::start(database).await.with_orders(json!({"allow_self_approval": true, "conflicted": ["erik@example.com"]})).await;
        hub.group("dba", &["nora", "erik"]).await;
        let request = hub.ask_with(json!({})).await.expect(201);
        assert_eq!(hub.vote(&request, "approve", "erik@example.com").await.problem(403), "conflict_of_interest", "self-approval does not apply to them");
        assert_eq!(hub.vote(&request, "approve", "nora@example.com").await.expect(200)["status"], "approved");
        assert!(hub.trail(&request).await.contains(&"request.self_approved".to_owned()));
    }

    async fn a_person_who_may_not_ask_sees_no_resource(database: Database) {
        let hub = TestHub::start(database).await.with_orders(json!({"requester_groups": ["dev"]})).await;
        assert_eq!(hub.ask_with(json!({})).await.problem(404), "not_found");
        let with_groups = json!({"requester": {"email": "nora@example.com", "groups": ["dev"]}});
        hub.ask_with(with_groups.clone()).await.expect(201);
        // A person's own token proves nothing about their groups.
        let nora = hub.token("requester", Some("nora")).await;
        let mut own = with_groups;
        own.as_object_mut().unwrap().extend(json!({"resource": "orders", "command": "x"}).as_object().unwrap().clone());
        assert_eq!(hub.post_as(&nora, "/v1/requests", &own).await.problem(404), "not_found");
        hub.group("dev", &["nora"]).await;
        hub.post_as(&nora, "/v1/requests", &own).await.expect(201);
        let stranger = hub.token("requester", Some("mary")).await;
        // Nor by what is wrong with the request.
        for path in ["/v1/requests", "/v1/evaluate"] {
            let ask = json!({"resource": "orders", "command": "", "timeout_seconds": 0});
            assert_eq!(hub.post_as(&stranger, path, &ask).await.problem(404), "not_found");
        }
        let ask = json!({"resource": "orders", "command": "x"});
        let (hidden, missing) = (hub.post_as(&stranger, "/v1/evaluate", &ask).await, hub.post_as(&stranger, "/v1/evaluate", &json!({"resource": "nothing", "command": "x"})).await);
        assert_eq!(hidden.text, missing.text, "not even by the text of the answer");
    }

    async fn a_stand_in_votes_in_an_absent_members_place(database: Database) {
        let hub = TestHub::start(database).await.with_orders(json!({"slots": [{"group": "dba", "needed": 2}]})).await;
        let away = json!({"name": "Dana", "absence": {"until": "2026-11-21T13:00:00Z", "delegate": "sub@example.com"}});
        hub.put("/v1/people/dana@example.com", &away).await.expect(200);
        let sub = hub.token("approver", Some("sub")).await;
        let request = hub.ask_with(json!({})).await.expect(201);
        assert_eq!(ids(&hub.get_as(&sub, "/v1/requests?waiting_for=me").await.expect(200)), [request["id"].as_str().unwrap()]);
        let shown = hub.post_as(&sub, &path(&request, "/approve"), &json!({})).await.expect(200);
        assert_eq!((&shown["votes"][0]["person"], &shown["votes"][0]["on_behalf_of"]), (&json!("sub@example.com"), &json!("dana@example.com")));
        assert_eq!(shown["slots"][0]["approved"], 1);
        // One member has one vote: dana's own vote replaces the one cast for her.
        let shown = hub.vote(&request, "approve", "dana@example.com").await.expect(200);
        assert_eq!((&shown["status"], &shown["votes"][0]["voided"], &shown["slots"][0]["approved"]), (&json!("pending"), &json!(true), &json!(1)));
        assert_eq!(hub.post_as(&sub, &path(&request, "/approve"), &json!({})).await.problem(409), "seat_taken");
        assert_eq!(hub.vote(&request, "approve", "erik@example.com").await.expect(200)["status"], "approved");
        // A stand-in cannot vote where the absent member may not.
        hub.group("dba", &["dana", "erik", "olga"]).await;
        let own = hub.ask_with(json!({"requester": {"email": "dana@example.com"}})).await.expect(201);
        assert_eq!(hub.post_as(&sub, &path(&own, "/approve"), &json!({})).await.problem(403), "conflict_of_interest");
        // The absence is over.
        let late = hub.ask_with(json!({"timeout_seconds": 7_200})).await.expect(201);
        hub.advance(3_600);
        assert_eq!(hub.post_as(&sub, &path(&late, "/approve"), &json!({})).await.problem(404), "not_found");
    }

    async fn invalid_absences_are_refused(database: Database) {
        let hub = TestHub::start(database).await;
        for absence in [json!({"delegate": "dana@example.com"}), json!({"from": "2026-12-01T00:00:00Z", "until": "2026-11-01T00:00:00Z"})] {
            let person = json!({"name": "Dana", "absence": absence});
            assert_eq!(hub.put("/v1/people/dana@example.com", &person).await.problem(422), "invalid_absence");
        }
    }

    async fn lists_find_the_requests_that_wait_for_a_person(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let orders = hub.ask("orders", "a").await;
        let both = hub.ask("customers", "b").await;
        let access = hub.ask_access(60).await;
        let [orders, both, access] = [&orders, &both, &access].map(|request| request["id"].as_str().unwrap());
        let sam = hub.token("approver", Some("sam")).await;
        assert_eq!(ids(&hub.get_as(&sam, "/v1/requests?waiting_for=me").await.expect(200)), [both]);
        assert_eq!(hub.get_as(&sam, "/v1/requests?waiting_for=dana@example.com").await.problem(403), "forbidden");
        assert_eq!(hub.get_as(&sam, "/v1/requests").await.problem(403), "forbidden");
        let dana = |rest: &str| format!("/v1/requests?waiting_for=dana@example.com{rest}");
        assert_eq!(ids(&hub.get(&dana("")).await.expect(200)), [access, both, orders]);
        assert_eq!(ids(&hub.get(&dana("&kind=jit")).await.expect(200)), [access]);
        let first = hub.get(&dana("&limit=2")).await.expect(200);
        assert_eq!(ids(&first), [access, both]);
        let rest = hub.get(&dana(&format!("&limit=2&cursor={}", first["next_cursor"].as_str().unwrap()))).await.expect(200);
        assert_eq!((ids(&rest), &rest["next_cursor"]), (vec![orders], &json!(null)));
        hub.post(&format!("/v1/requests/{both}/approve"), &json!({"on_behalf_of": "dana@example.com"})).await.expect(200);
        assert_eq!(ids(&hub.get(&dana("")).await.expect(200)), [access, orders], "voted");
        assert_eq!(ids(&hub.get("/v1/requests?approver=dana@example.com").await.expect(200)), [both]);
        assert_eq!(ids(&hub.get("/v1/requests?group=security").await.expect(200)), [both]);
        assert_eq!(hub.get("/v1/requests?group=dba&approver=dana@example.com").await.problem(400), "invalid_parameter");
        assert_eq!(hub.get("/v1/requests?waiting_for=me").await.problem(400), "invalid_parameter");
    }
}
