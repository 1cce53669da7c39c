//! Query plans: every statement uses an index, and reads no more rows than it returns, for any number of rows.

use std::time::Duration;

use countersign::ids::EndpointId;
use countersign::store::membership_checks::{self, Check};
use countersign::store::queue::{self, ClaimQuota, Next, Room, Settlement};
use countersign::store::{StoreError, endpoints, health, heartbeats, replays, slack, timers};
use serde_json::json;

use super::crowd;
use super::statements::{self, Statement};
use crate::support::{Database, TestHub, on_both};

/// Tables that grow with use.
const GROWING: [&str; 14] = [
    "requests",
    "request_groups",
    "revisions",
    "votes",
    "events",
    "deliveries",
    "attempts",
    "executions",
    "grants",
    "reviews",
    "audit_entries",
    "group_members",
    "claim_values",
    "people",
];
/// The most rows that one statement may read or sort: a page of the longest list, with the rows that belong to it.
const MOST: u64 = 1_200;

/// The faults of a plan.
fn faults(statement: &Statement) -> Vec<String> {
    // An unfiltered list is read in the order of its index, up to its limit.
    let as_shown = !statement.sql.contains("WHERE") && statement.sql.contains("LIMIT");
    // At most one row per group, one person's grants on one resource, or a few hundred candidates.
    let short = ["FROM membership_checks", "requester = $2 AND ends_at", "WITH candidates AS MATERIALIZED"]
        .iter()
        .any(|known| statement.sql.contains(known));
    let bad = statement.steps.iter().filter(|step| {
        let of_growing = step.table.as_deref().is_some_and(|table| GROWING.contains(&table));
        match step.rows {
            // A table that is small for now may be read completely.
            Some(rows) => rows > MOST || (of_growing && step.way == "Seq Scan" && rows > 100),
            None => (of_growing && !as_shown) || (step.way.contains("TEMP B-TREE") && !short),
        }
    });
    bad.map(|step| format!("{step:?}\n    in {}", statement.sql)).collect()
}

/// Reports if no statement reads from this index, which SQLite names.
fn missing_index(what: &str, index: &str, statements: &[Statement]) -> Option<String> {
    let mut steps =
        statements.iter().flat_map(|statement| &statement.steps).filter(|step| step.rows.is_none()).peekable();
    let missing = steps.peek().is_some() && !steps.any(|step| step.way.contains(index));
    let ways = || {
        statements.iter().flat_map(|statement| statement.steps.iter().map(|step| step.way.as_str())).collect::<Vec<_>>()
    };
    missing.then(|| format!("{what}: not read from {index}, but {:#?}", ways()))
}

fn all_faults(what: &str, statements: &[Statement]) -> Vec<String> {
    statements.iter().flat_map(faults).map(|fault| format!("{what}: {fault}")).collect()
}

on_both! {
    async fn lists_and_timers_read_no_more_rows_than_they_return(database: Database) {
        statements::listen();
        let mut hub = crowd::start(database).await;
        let url = hub.database.url.clone();
        let mut faults = Vec::new();
        for (path, index) in LISTS {
            let ran = statements::during(&url, async {
                let page = hub.get(path).await.expect(200);
                assert!(page["allowed"] == true || !page["items"].as_array().unwrap().is_empty(), "{path}");
            }).await;
            faults.extend(all_faults(path, &ran));
            faults.extend(missing_index(path, index, &ran));
        }
        for (list, index) in OF_AN_ENDPOINT {
            let endpoints = hub.get("/v1/endpoints").await.expect(200);
            let path = format!("/v1/endpoints/{}/{list}", endpoints["items"][0]["id"].as_str().unwrap());
            let ran = statements::during(&url, async {
                assert!(!hub.get(&path).await.expect(200)["items"].as_array().unwrap().is_empty(), "{path}");
            }).await;
            faults.extend(all_faults(&path, &ran));
            faults.extend(missing_index(&path, index, &ran));
        }
        let dana = json!({"name": "dana", "scope": "approver", "person": "dana@example.com"});
        hub.token = hub.post("/v1/tokens", &dana).await.expect(201)["secret"].as_str().unwrap().to_owned();
        for from in ["", "&cursor=req_00000000000000000000001000060000", "&cursor=req_00000000000000000000001000001000"] {
            let path = format!("/v1/requests?waiting_for=me&limit=200{from}");
            let ran = statements::during(&url, async {
                assert_eq!(hub.get(&path).await.expect(200)["items"].as_array().unwrap().len(), 200);
            }).await;
            faults.extend(all_faults(&path, &ran));
            faults.extend(missing_index(&path, "request_groups_open (group_name=? AND request_id<?)", &ran));
        }
        faults.extend(inbox_faults(&mut hub).await);
        let ran = statements::during(&url, query_timers(&hub)).await;
        faults.extend(all_faults("timers", &ran));
        faults.extend(TIMERS.iter().flat_map(|index| missing_index("timers", index, &ran)));
        assert_eq!(faults, Vec::<String>::new(), "\n{}", faults.join("\n"));
    }

    async fn memberships_of_a_voter_cost_the_same_for_any_number_of_sign_ins(database: Database) {
        statements::listen();
        let hub = TestHub::start(database).await.with_policy().await;
        let request = hub.ask("orders", "x").await;
        hub.put("/v1/groups/dba", &json!({"members": [], "from_claim": ["everyone", "db-admins"]})).await.expect(200);
        hub.server.hub().run_due().await.unwrap();
        let url = hub.database.url.clone();
        let signed_in = hub.now().as_micros();
        let (database, _) = hub.stop().await;
        let numbers = "WITH RECURSIVE numbers (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < 20000)";
        Database::run(&url, format!("INSERT INTO claim_values (person, value, signed_in_at) {numbers}
            SELECT 'p' || CAST(i AS TEXT) || '@example.com', 'everyone', {signed_in} FROM numbers")).await;
        if url.starts_with("postgres") {
            Database::run(&url, "VACUUM ANALYZE".to_owned()).await;
        }
        statements::report_plans(&url).await;
        let hub = TestHub::start(database).await;
        let ran = statements::during(&url, async {
            let input = json!({"name": "p7", "scope": "approver", "person": "p7@example.com"});
            let p7 = hub.post("/v1/tokens", &input).await.expect(201)["secret"].as_str().unwrap().to_owned();
            let waiting = hub.send(hub.call(reqwest::Method::GET, "/v1/requests?waiting_for=me").bearer_auth(&p7)).await;
            assert_eq!(waiting.expect(200)["items"][0]["id"], request["id"]);
            hub.server.hub().record_claims("p8@example.com".parse().unwrap(), ["everyone".to_owned()].into()).await.unwrap();
            assert_eq!(hub.vote(&request, "approve", "p8@example.com").await.expect(200)["status"], "approved");
        }).await;
        let faults = all_faults("a vote", &ran);
        assert_eq!(faults, Vec::<String>::new(), "\n{}", faults.join("\n"));
    }

    async fn a_poll_of_the_queue_costs_the_same_for_any_backlog(database: Database) {
        statements::listen();
        let hub = TestHub::start(database).await.with_policy().await;
        let input = json!({"name": "away", "channel": "custom", "url": "http://127.0.0.1:9/"});
        hub.post("/v1/endpoints", &input).await.expect(201);
        hub.post("/v1/endpoints", &json!({"name": "far", "channel": "custom", "url": "http://127.0.0.1:9/x"})).await.expect(201);
        hub.ask("orders", "x").await;
        let url = hub.database.url.clone();
        let (server, database) = (hub.server, hub.database);
        server.shut_down().await;
        Database::run(&url, crowd::retries("2099-01-01")).await;
        if url.starts_with("postgres") {
            Database::run(&url, "VACUUM ANALYZE".to_owned()).await;
        }
        statements::report_plans(&url).await;
        let store = database.store().await;
        let known = endpoints::all(&mut store.read().await.unwrap()).await.unwrap();
        let endpoints: Vec<EndpointId> = known.iter().map(|endpoint| endpoint.id).collect();
        let now = "2026-12-24T12:00:00Z".parse().unwrap();
        let ran = statements::during(&url, async {
            let session = &mut store.read().await.unwrap();
            assert!(!queue::due_times(session).await.unwrap().is_empty());
            queue::next_overrun(session).await.unwrap();
            queue::overdue(session, now, 1_000).await.unwrap();
            let claimed = write!(store, |session| {
                let room = Room { fresh: 64, later: 64 };
                let wishes: Vec<ClaimQuota> =
                    endpoints.iter().map(|endpoint| ClaimQuota { endpoint: *endpoint, room, due: [true; 3] }).collect();
                queue::release_overrun(session, now).await?;
                queue::claim(session, &wishes, now, Duration::from_secs(9)).await
            }).unwrap();
            let settlements: Vec<_> =
                claimed.iter().map(|claimed| Settlement::untried(claimed, Next::GiveBack(now))).collect();
            let held = write!(store, |session| queue::settle(session, &settlements, now).await).unwrap();
            assert_eq!((claimed.len(), held.len()), (2, 2), "the rest is not due");
        }).await;
        assert_eq!(all_faults("queue", &ran), Vec::<String>::new());
        for index in ["deliveries_due (endpoint_id=? AND tier=?", "deliveries USING PRIMARY KEY (id=?)"] {
            assert_eq!(missing_index("queue", index, &ran), None);
        }
        drop(database);
    }

    async fn a_vote_costs_the_same_for_any_group_size(database: Database) {
        statements::listen();
        let hub = TestHub::start(database).await;
        hub.post("/v1/apply", &crowd::broad_policies()).await.expect(200);
        let url = hub.database.url.clone();
        if url.starts_with("postgres") {
            Database::run(&url, "ANALYZE".to_owned()).await;
        }
        statements::report_plans(&url).await;
        let hub = hub.restart().await;
        let mut costs = Vec::new();
        for resource in ["narrow", "wide"] {
            let request = hub.ask(resource, "x").await;
            let vote = async |group: usize| {
                statements::during(&url, async {
                    let voter = format!("{resource}{group}.1@example.com");
                    let voted = hub.vote(&request, "approve", &voter).await.expect(200);
                    assert_eq!(voted["votes"].as_array().unwrap().len(), group + 1);
                }).await
            };
            let mut cost = Vec::new();
            for group in 0..3 {
                let ran = vote(group).await;
                assert_eq!(all_faults(resource, &ran), Vec::<String>::new());
                assert_eq!(missing_index(resource, "email=?", &ran), None);
                cost.push(weigh(&ran));
            }
            costs.push(cost);
        }
        assert_eq!(costs[0], costs[1]);
        assert!(costs[0].iter().flatten().all(|(_, rows)| *rows <= 20), "{costs:#?}");
    }
}

/// The faults of pages of the inbox, at its beginning and far behind it.
async fn inbox_faults(hub: &mut TestHub) -> Vec<String> {
    let (url, mut faults, mut from) = (hub.database.url.clone(), Vec::new(), String::new());
    for _ in 0..3 {
        let (path, mut next) = (format!("/v1/inbox?limit=50{from}"), String::new());
        let ran = statements::during(&url, async {
            let page = hub.get(&path).await.expect(200);
            assert_eq!((page["items"].as_array().unwrap().len(), &page["waiting"]["count"]), (50, &json!(99)));
            next = page["next_cursor"].as_str().unwrap().to_owned();
        })
        .await;
        faults.extend(all_faults(&path, &ran));
        faults.extend(missing_index(&path, "request_groups_by_deadline (group_name=?", &ran));
        faults.extend((ran.len() > 6).then(|| format!("{path}: {} statements", ran.len())));
        from = format!("&cursor={next}");
    }
    faults
}

/// The statements of a vote about people and groups, with the rows that each returned or read.
fn weigh(statements: &[Statement]) -> Vec<(String, u64)> {
    let asks = |statement: &&Statement| ["group_members", " people "].iter().any(|table| statement.sql.contains(table));
    let rows_read = |statement: &Statement| statement.steps.iter().filter_map(|step| step.rows).sum();
    let weighed =
        statements.iter().filter(asks).map(|one| (one.sql.clone(), one.returned.unwrap_or_else(|| rows_read(one))));
    weighed.collect()
}

/// Lists, and the index that SQLite must read each from.
const LISTS: [(&str, &str); 18] = [
    ("/v1/access?resource=orders&requester=u4@example.com", "grants_open (resource=? AND requester=? AND ends_at>?)"),
    ("/v1/requests?limit=100", "SCAN requests"),
    ("/v1/requests?group=dba", "PRIMARY KEY (group_name=? AND request_id<?)"),
    ("/v1/requests?group=dba&status=approved", "PRIMARY KEY (group_name=? AND request_id<?)"),
    ("/v1/requests?approver=v7@example.com", "votes_by_person (person=? AND request_id<?)"),
    ("/v1/requests?approver=dana@example.com&status=approved", "votes_by_person (person=? AND request_id<?)"),
    ("/v1/requests?status=pending", "requests_by_status (status=?)"),
    ("/v1/requests?status=approved&limit=100", "requests_by_status (status=?)"),
    ("/v1/requests?resource=orders", "requests_by_resource (resource=?)"),
    ("/v1/requests?resource=rare&limit=100", "requests_by_resource (resource=?)"),
    ("/v1/requests?resource=rare&status=pending", "requests_by_resource (resource=?)"),
    ("/v1/requests?requester=u4@example.com&status=approved", "requests_by_requester (requester_email=?)"),
    ("/v1/requests?requester=u0@example.com&resource=orders", "requests_by_requester (requester_email=?)"),
    ("/v1/requests?kind=action", "requests_by_kind (kind=?)"),
    ("/v1/grants?requester=u4@example.com", "grants_by_requester (requester=? AND id<?)"),
    ("/v1/grants?resource=orders", "grants_by_resource (resource=? AND id<?)"),
    ("/v1/grants?status=active", "grants_by_status (status=? AND id<?)"),
    ("/v1/people?limit=500", "PRIMARY KEY (email>?)"),
];

/// An endpoint's lists, and the index that SQLite must read each from.
const OF_AN_ENDPOINT: [(&str, &str); 6] = [
    ("deliveries?limit=500", "deliveries_by_endpoint (endpoint_id=? AND id>? AND id<?)"),
    ("deliveries?state=delivered&event=request.created", "deliveries_by_endpoint (endpoint_id=? AND id>? AND id<?)"),
    ("deliveries?state=failed", "deliveries_unsuccessful (endpoint_id=? AND id>? AND id<?)"),
    ("attempts?limit=500", "attempts_by_endpoint (endpoint_id=? AND started_at>? AND started_at<?)"),
    ("attempts?status=404", "attempts_by_endpoint (endpoint_id=? AND started_at>? AND started_at<?)"),
    ("attempts?class=success&limit=500", "attempts_by_endpoint (endpoint_id=? AND started_at>? AND started_at<?)"),
];

/// The indexes that SQLite must read for each timer, for its next time and for what is due.
const TIMERS: [&str; 12] = [
    "requests_pending (status=? AND expires_at>?)",
    "requests_pending (status=? AND (expires_at,id)>(?,?) AND expires_at<?)",
    "requests_notice (notice_at",
    "executions_due (due_at",
    "grants_due (due_at",
    "reviews_due (due_at",
    "request_groups_open (group_name=? AND request_id>? AND request_id<?)",
    "endpoint_heartbeats_due (due_at",
    "endpoint_probes (probe_at",
    "replays_due (step_at",
    "slack_jobs_due (run_at",
    "attempts_by_endpoint (endpoint_id=?",
];

/// Every query of the timers, and one part of a membership check.
async fn query_timers(hub: &TestHub) {
    hub.server.hub().run_due().await.unwrap();
    let (soon, later) = (hub.now(), hub.now() + Duration::from_secs(3_600));
    let jobs = hub.server.store().write::<_, _, StoreError>(move |tx| {
        Box::pin(async move { slack::jobs::claim(tx.session(), soon, later, 64).await })
    });
    assert!(jobs.await.unwrap().is_empty());
    let session = &mut hub.server.store().read().await.unwrap();
    assert!(timers::next(session, hub.now()).await.unwrap().is_some());
    assert_eq!(membership_checks::next(session).await.unwrap(), None);
    let endpoint = endpoints::all(session).await.unwrap().remove(0).id;
    heartbeats::due(session, "2026-12-24T12:00:00Z".parse().unwrap()).await.unwrap();
    health::due_probes(session, soon, later).await.unwrap();
    replays::due(session, soon, later, 64).await.unwrap();
    assert!(heartbeats::last_attempt(session, endpoint).await.unwrap().is_some());
    let after = "req_00000000000000000000001000050000".to_owned();
    let check = Check { group: "dba".parse().unwrap(), after, until: "req_~".to_owned() };
    assert_eq!(membership_checks::part(session, &check, 64).await.unwrap().len(), 64);
}
