//! Rows written by a newer version: known fields are read, and unreadable rows are set apart. One of them affects no
//! other row.

use serde_json::{Value, json};

use crate::support::{Database, Receiver, TestHub, eventually, on_both};

/// Raises the version of the configuration, so that the caches are read again.
async fn reread(hub: &TestHub) {
    hub.put("/v1/groups/other", &json!({"members": [format!("p{}@example.com", hub.now().as_micros())]}))
        .await
        .expect(200);
    hub.advance(1);
}

async fn change(hub: &TestHub, sql: &str) {
    Database::run(&hub.database.url, sql.to_owned()).await;
    reread(hub).await;
}

fn names(list: &Value) -> Vec<&str> {
    list["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect()
}

/// Makes one row of each list unreadable, and two requests.
async fn make_rows_unreadable(hub: &TestHub, fine: &str, first: &str, second: &str) {
    // A newer version may write these values; the constraints are those of this version.
    let (before, after) = if hub.database.url.starts_with("sqlite") {
        ("PRAGMA ignore_check_constraints = 1;", "PRAGMA ignore_check_constraints = 0;")
    } else {
        ("ALTER TABLE tokens DROP CONSTRAINT tokens_scope_check; ALTER TABLE deliveries DROP CONSTRAINT deliveries_state_check;
          ALTER TABLE grants DROP CONSTRAINT grants_status_check; ALTER TABLE grants DROP CONSTRAINT grant_due_iff_open;", "")
    };
    let sql = format!(
        "{before}
        UPDATE audit_entries SET entry = '{{\"actor\":{{\"kind\":\"oracle\"}}}}' WHERE seq = 1;
        UPDATE audit_entries SET entry = '7' WHERE request_id = '{fine}' AND action = 'request.created';
        UPDATE tokens SET scope = 'oracle' WHERE name = 'one';
        UPDATE people SET delegate = 'nobody' WHERE email = 'one@example.com';
        INSERT INTO groups (name, updated_at) VALUES ('(', 1);
        INSERT INTO people (email, name, updated_at) VALUES ('jürgen', 'Jürgen', 1);
        INSERT INTO group_members (group_name, email) VALUES ('dba', 'jürgen');
        UPDATE outcome_rollups SET method = 'oracle' WHERE outcome = 'approved';
        UPDATE latency_rollups SET method = 'oracle' WHERE outcome = 'approved';
        UPDATE grants SET status = 'frozen';
        UPDATE deliveries SET state = 'frozen', next_attempt_at = NULL, ended_at = 1 WHERE id IN (
            SELECT id FROM deliveries ORDER BY id DESC LIMIT 1);
        UPDATE requests SET terms = '7' WHERE id IN ('{first}', '{second}');
        {after}"
    );
    change(hub, &sql).await;
}

on_both! {
    async fn unknown_fields_of_a_newer_version_are_ignored(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let rules = json!([{"name": "no-drop", "effect": "deny", "statements": ["drop"]}]);
        let resource = json!({
            "slots": [{"group": "dba"}], "guardrails": rules, "break_glass": {"groups": ["dba"]},
            "escalation": [{"after_seconds": 600, "slot": "dba", "add": "security"}],
            "working_hours": {"time_zone": "UTC", "monday": ["09:00-17:00"]},
        });
        hub.put("/v1/resources/orders", &resource).await.expect(200);
        let auth = json!({"type": "basic", "username": "u", "password": "p"});
        let endpoint = json!({"name": "ops", "channel": "custom", "url": "https://hooks.example.com/x", "auth": auth, "concurrency": 2});
        hub.post("/v1/endpoints", &endpoint).await.expect(201);
        let request = hub.ask("orders", "select 1").await;
        // One more field in every object of each stored text.
        // The transport is sealed; one in clear is read as well.
        let transport = r#"{"auth":{"type":"basic","username":"u","password":"p"},"concurrency":2}"#;
        change(&hub, &format!("UPDATE endpoints SET transport = '{transport}'")).await;
        for (table, column) in [("endpoints", "transport"), ("resources", "policy"), ("requests", "terms")] {
            change(&hub, &format!("UPDATE {table} SET {column} = replace({column}, '{{\"', '{{\"of_the_future\":1,\"')")).await;
        }
        assert_eq!(hub.get("/readyz").await.expect(200), json!({"status": "ready"}));
        hub.ask("orders", "select 2").await;
        let denied = json!({"resource": "orders", "command": "drop table x", "requester": {"email": "nora@example.com"}});
        assert_eq!(hub.post("/v1/evaluate", &denied).await.expect(200)["rule"], "no-drop");
        let shown = hub.get("/v1/endpoints").await.expect(200);
        assert_eq!((&shown["items"][0]["auth"]["type"], &shown["items"][0]["concurrency"]), (&json!("basic"), &json!(2)));
        assert_eq!(hub.vote(&request, "approve", "dana@example.com").await.expect(200)["status"], "approved");
    }

    async fn an_unreadable_endpoint_delays_no_other(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        let (fine, _) = hub.endpoint("fine", "custom", &receiver.url, &[]).await;
        let odd = json!({"name": "odd", "channel": "custom", "url": "https://hooks.example.com/x", "heartbeat_seconds": 3600});
        let odd = hub.post("/v1/endpoints", &odd).await.expect(201)["id"].as_str().unwrap().to_owned();
        // A probe and a heartbeat of it are due, and a delivery waits for it.
        hub.post(&format!("/v1/endpoints/{odd}/pause"), &json!({})).await.expect(200);
        hub.ask("orders", "select 1").await;
        hub.delivery(&fine, "request.created", "delivered").await;
        change(&hub, &format!(
            "UPDATE endpoints SET transport = '[7]' WHERE id = '{odd}';
            INSERT INTO endpoint_health (endpoint_id, failing_since, failures, warned, probe_at, updated_at) VALUES ('{odd}', 1, 1, 0, 1, 1)"
        )).await;
        hub.advance(2 * 3_600);
        for number in 2..4 {
            let request = hub.ask("orders", &format!("select {number}")).await;
            let id = request["id"].as_str().unwrap();
            eventually("the other endpoint gets its message", || async { receiver.find(|message| message.body.contains(id).then_some(())) }).await;
        }
        let waits = format!("SELECT state, count(*) FROM deliveries WHERE endpoint_id = '{odd}' GROUP BY state");
        assert_eq!(Database::tally(&hub.database.url, waits).await, [("pending".to_owned(), 1)].into(), "until the row is readable again");
        let at = "SELECT 'next', due_at FROM endpoint_heartbeats UNION ALL SELECT 'probe', probe_at FROM endpoint_health";
        eventually("both are postponed", || async {
            let moments = Database::tally(&hub.database.url, at.to_owned()).await;
            moments.values().all(|moment| *moment > hub.now().as_micros()).then_some(())
        })
        .await;
    }

    async fn an_unreadable_vote_sets_its_request_apart(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let odd = hub.ask("customers", "select 1").await;
        let fine = hub.ask("customers", "select 2").await;
        for request in [&odd, &fine] {
            hub.vote(request, "approve", "dana@example.com").await.expect(200);
        }
        change(&hub, &format!("UPDATE votes SET groups = '7' WHERE request_id = '{}'", odd["id"].as_str().unwrap())).await;
        let list = hub.get("/v1/requests").await.expect(200);
        assert_eq!((list["items"].as_array().unwrap().len(), &list["items"][0]["id"]), (1, &fine["id"]));
        assert!(hub.get("/readyz").await.text.contains("votes.groups"));
    }

    async fn unreadable_rows_are_set_apart_counted_and_named(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        for name in ["one", "two", "three"] {
            hub.endpoint(name, "custom", "https://hooks.example.com/x", &[]).await;
        }
        let odd = hub.ask("orders", "select 1").await;
        let request = hub.ask("orders", "select 2").await;
        change(&hub, "UPDATE endpoints SET transport = '{\"concurrency\":\"many\"}' WHERE name = 'two'").await;
        change(&hub, "UPDATE resources SET policy = '{\"slots\":\"of another kind\"}' WHERE name = 'customers'").await;
        let sql = format!("UPDATE requests SET terms = '{{\"slots\":7}}' WHERE id = '{}'", odd["id"].as_str().unwrap());
        change(&hub, &sql).await;

        hub.ask("orders", "select 3").await;
        assert_eq!(hub.vote(&request, "approve", "dana@example.com").await.expect(200)["status"], "approved");
        assert_eq!(names(&hub.get("/v1/endpoints").await.expect(200)), ["one", "three"]);
        assert_eq!(names(&hub.get("/v1/endpoints?limit=1").await.expect(200)), ["one"]);
        assert_eq!(names(&hub.get("/v1/resources").await.expect(200)), ["orders"]);
        let list = hub.get("/v1/requests").await.expect(200);
        assert_eq!(list["items"].as_array().unwrap().len(), 2, "{list}");
        let pages = hub.get("/v1/requests?limit=1").await.expect(200);
        let cursor = pages["next_cursor"].as_str().expect("there is more behind it").to_owned();
        let second = hub.get(&format!("/v1/requests?limit=1&cursor={cursor}")).await.expect(200);
        assert_eq!(second["items"][0]["id"], request["id"]);

        let ready = hub.get("/readyz").await.expect(200);
        let named: Vec<&str> = ready["unreadable"].as_array().unwrap().iter().map(|row| row.as_str().unwrap()).collect();
        for start in ["endpoints.transport of ep_", "requests.terms of req_", "resources.policy of customers"] {
            assert!(named.iter().any(|row| row.starts_with(start)), "{start} in {named:?}");
        }
        let metrics = hub.get("/metrics").await.text;
        for table in ["endpoints", "requests", "resources"] {
            let line = format!("countersign_rows_unreadable{{table=\"{table}\"}} 1");
            assert!(metrics.lines().any(|found| found == line), "{line} in\n{metrics}");
        }
        change(&hub, "UPDATE endpoints SET transport = '{}' WHERE name = 'two'").await;
        hub.ask("orders", "select 4").await;
        assert!(!hub.get("/readyz").await.text.contains("endpoints.transport"), "it is readable again");
    }

    async fn no_list_ends_at_an_unreadable_row(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let (ops, _) = hub.endpoint("ops", "custom", "https://hooks.example.com/x", &[]).await;
        hub.post(&format!("/v1/endpoints/{ops}/pause"), &json!({})).await.expect(200);
        for name in ["one", "two"] {
            hub.post("/v1/tokens", &json!({"name": name, "scope": "requester"})).await.expect(201);
            let away = json!({"name": name, "absence": {"delegate": "erik@example.com"}});
            hub.put(&format!("/v1/people/{name}@example.com"), &away).await.expect(200);
        }
        let rejection = json!({"on_behalf_of": "dana@example.com", "reason": "no"});
        // The last one that ended, and the last ones that are pending.
        let fine = hub.ask("customers", "select 1").await;
        hub.post(&format!("/v1/requests/{}/reject", fine["id"].as_str().unwrap()), &rejection).await.expect(200);
        let mut odd = Vec::new();
        for command in ["select 2", "select 3"] {
            let request = hub.ask("orders", command).await;
            odd.push(request["id"].as_str().unwrap().to_owned());
        }
        let access = json!({"resource": "orders", "kind": "jit", "command": "read", "duration_seconds": 600, "requester": {"email": "nora@example.com"}});
        let access = hub.post("/v1/requests", &access).await.expect(201);
        hub.vote(&access, "approve", "dana@example.com").await.expect(200);
        let fine = fine["id"].as_str().unwrap();
        let (first, second) = (&odd[0], &odd[1]);
        make_rows_unreadable(&hub, fine, first, second).await;
        let items = async |path: &str| hub.get(path).await.expect(200)["items"].as_array().unwrap().len();
        let trail = hub.get(&format!("/v1/requests/{fine}/audit")).await.expect(200);
        assert!(trail["items"].as_array().unwrap_or_else(|| trail.as_array().unwrap()).len() > 1, "{trail}");
        let audit = hub.get("/v1/audit?limit=1").await.expect(200);
        assert_eq!(audit["items"][0]["seq"], 2, "the gap shows");
        assert_eq!(items("/v1/tokens").await, 1);
        assert_eq!(items("/v1/people?limit=1").await, 1);
        assert!(items("/v1/groups").await >= 2);
        assert_eq!(items("/v1/grants").await, 0);
        assert!(items(&format!("/v1/endpoints/{ops}/deliveries?limit=1")).await == 1);
        let newest = hub.get("/v1/requests?limit=1&status=pending").await.expect(200);
        assert_eq!((&newest["items"], &newest["next_cursor"]), (&json!([]), &Value::Null), "and the list ends");
        let summary = hub.get("/v1/analytics/summary").await.expect(200);
        assert!(summary.to_string().contains("rejected"), "{summary}");
        let export = hub.get("/v1/analytics/export?format=csv").await;
        assert_eq!(export.status, 200);
        assert!(export.text.contains(fine) && !export.text.contains(first.as_str()), "whole: {}", export.text);
        // A person whose address only a newer version can read does not affect the rest of the group.
        let request = hub.ask("customers", "select 4").await;
        hub.get(&format!("/v1/requests/{}/explain", request["id"].as_str().unwrap())).await.expect(200);
        hub.post(&format!("/v1/requests/{}/reject", request["id"].as_str().unwrap()), &rejection).await.expect(200);
        let ready = hub.get("/readyz").await.text;
        for row in ["audit_entries.entry of 1 ", "tokens.scope", "people.delegate of one@", "groups.name of (", "group_members.email",
            "outcome_rollups.method of approved by oracle", "grants.status", "deliveries.state", "requests.terms"] {
            assert!(ready.contains(row), "{row} in {ready}");
        }
    }
}
