//! Invalid input gets a clear answer with a stable code, and changes nothing.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Database, TestHub, on_both};

async fn raw(hub: &TestHub, body: impl Into<reqwest::Body>, media_type: &str) -> Answer {
    let call = hub.call(Method::POST, "/v1/requests").bearer_auth(&hub.token).header("Content-Type", media_type);
    hub.send(call.body(body)).await
}

on_both! {
    async fn invalid_requests_are_refused(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        for (body, code) in [
            ("{", "invalid_json"),
            ("[]", "invalid_json"),
            ("null", "invalid_json"),
            ("{\"resource\": \"orders\", \"command\": \"x\"} trailing", "invalid_json"),
            ("{\"resource\": \"orders\", \"command\": \"\\ud800\"}", "invalid_json"),
            ("{\"resource\": \"orders\", \"command\": \"x\", \"unknown\": 1}", "invalid_json"),
            ("{\"resource\": \"orders\", \"command\": 5}", "invalid_json"),
            ("{\"resource\": \"no such name\", \"command\": \"x\"}", "invalid_json"),
        ] {
            assert_eq!(raw(&hub, body, "application/json").await.problem(400), code, "{body}");
        }
        assert_eq!(raw(&hub, "{}", "text/plain").await.problem(415), "unsupported_media_type");
        assert_eq!(raw(&hub, vec![b' '; 300_000], "application/json").await.problem(413), "body_too_large");
        let nested = hub.put("/v1/groups/x", &json!({"members": ["a@example.com", 5]})).await;
        assert_eq!((nested.problem(400).as_str(), nested.json()["pointer"].as_str()), ("invalid_json", Some("/members/1")));
        let twice = hub.call(Method::POST, "/v1/requests").bearer_auth(&hub.token);
        let twice = twice.header("Idempotency-Key", "a").header("Idempotency-Key", "b").json(&json!({"resource": "orders"}));
        assert_eq!(hub.send(twice).await.problem(422), "invalid_idempotency_key");
        let deep = format!("{{\"resource\": \"orders\", \"command\": \"x\", \"context\": {}1{}}}", "[".repeat(500), "]".repeat(500));
        assert_eq!(raw(&hub, deep, "application/json").await.problem(400), "invalid_json");

        for (change, status, code) in [
            (json!({"resource": "nowhere"}), 404, "not_found"),
            (json!({"command": ""}), 422, "invalid_payload"),
            (json!({"command": " \n"}), 422, "invalid_payload"),
            (json!({"command": "a\u{0}b"}), 422, "invalid_text"),
            (json!({"command": "x".repeat(70_000)}), 422, "too_long"),
            (json!({"reason": "x".repeat(5_000)}), 422, "too_long"),
            (json!({"context": {"x": "y".repeat(70_000)}}), 422, "too_long"),
            (json!({"context": {"x": 9_007_199_254_740_993_u64}}), 422, "invalid_payload"),
            (json!({"timeout_seconds": 0}), 422, "invalid_timeout"),
            (json!({"timeout_seconds": 99_999_999}), 422, "invalid_timeout"),
            (json!({"labels": (0..40).map(|n| (n.to_string(), "x".into())).collect::<serde_json::Map<_, Value>>()}), 422, "too_many"),
            (json!({"kind": "jit"}), 422, "duration_required"),
            (json!({"kind": "jit", "duration_seconds": 0}), 422, "duration_required"),
            (json!({"kind": "jit", "duration_seconds": 99_999_999}), 422, "duration_too_long"),
            (json!({"duration_seconds": 60}), 422, "duration_required"),
            (json!({"kind": "jit", "duration_seconds": 60, "requester": {"name": "cron"}}), 422, "person_required"),
            (json!({"kind": "loan"}), 400, "invalid_json"),
            (json!({"replaces": "req_00000000000000000000000000000000"}), 404, "not_found"),
        ] {
            let mut ask = json!({"resource": "orders", "command": "x", "requester": {"email": "n@example.com"}});
            ask.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            assert_eq!(hub.post("/v1/requests", &ask).await.problem(status), code, "{change}");
        }
        assert_eq!(hub.get("/v1/requests").await.expect(200)["items"], json!([]), "nothing was stored");
    }

    async fn a_resource_that_no_one_can_approve_causes_warnings(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        hub.put("/v1/groups/solo", &json!({"members": ["nora@example.com"]})).await.expect(200);
        let warned = hub.put("/v1/resources/solo", &json!({"slots": [{"group": "solo"}]})).await.expect(200);
        let warnings = warned["warnings"].to_string();
        assert!(warnings.contains("requests of nora@example.com to solo will be refused"), "{warnings}");
        assert!(warnings.contains("no endpoint notifies group solo"), "{warnings}");
        let ask = |who: &str| json!({"resource": "solo", "command": "x", "requester": {"email": who}});
        let refused = hub.post("/v1/requests", &ask("nora@example.com")).await;
        assert_eq!(refused.problem(422), "unsatisfiable");
        hub.post("/v1/requests", &ask("other@example.com")).await.expect(201);
        let warned = hub.put("/v1/resources/empty", &json!({"slots": [{"group": "ghosts"}]})).await.expect(200);
        assert_eq!(warned["warnings"].as_array().unwrap().len(), 3);
        let ask = json!({"resource": "empty", "command": "x"});
        assert_eq!(hub.post("/v1/requests", &ask).await.problem(422), "unsatisfiable");
    }

    async fn a_context_is_validated_against_its_schema(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let schema = json!({"type": "object", "required": ["ticket"], "properties": {"ticket": {"type": "string", "pattern": "^OPS-[0-9]+$"}}});
        let resource = json!({"slots": [{"group": "dba"}], "context_schema": schema});
        hub.put("/v1/resources/strict", &resource).await.expect(200);
        let ask = |context: Value| json!({"resource": "strict", "command": "x", "context": context});
        hub.post("/v1/requests", &ask(json!({"ticket": "OPS-1"}))).await.expect(201);
        let refused = hub.post("/v1/requests", &ask(json!({"ticket": "nope"}))).await;
        assert_eq!(refused.problem(422), "context_invalid");
        assert_eq!(refused.json()["pointer"], "/context/ticket");
        assert_eq!(hub.post("/v1/requests", &ask(Value::Null)).await.problem(422), "context_invalid");
        for bad in [json!({"type": 7}), json!({"$ref": "https://evil.example/schema.json"}), json!({"$ref": "file:///etc/passwd"})] {
            let resource = json!({"slots": [{"group": "dba"}], "context_schema": bad});
            assert_eq!(hub.put("/v1/resources/bad", &resource).await.problem(422), "invalid_schema", "{bad}");
        }
    }

    async fn input_of_the_wrong_type_gets_the_expected_type(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let (id, _) = hub.endpoint("ops", "custom", "https://hooks.example.com/x", &[]).await;
        let of = |action: &str| format!("/v1/endpoints/{id}{action}");
        let (endpoints, resource) = ("/v1/endpoints".to_owned(), "/v1/resources/orders".to_owned());
        let with = |name: &str, value: Value| {
            let mut endpoint = json!({"name": "new", "channel": "custom", "url": "https://hooks.example.com/x"});
            endpoint[name] = value;
            endpoint
        };
        // Serde would read each of these arrays, field by field.
        let replay = json!([["failed"], [], null, null, true, 50]);
        let ask = json!({"resource": "orders", "command": "x", "requester": ["nora@example.com", null, [], null]});
        let guardrail = json!({"name": "x", "effect": "deny", "statement": ["drop"]});
        let resource_with = |name: &str, value: Value| {
            let mut resource = json!({"slots": [{"group": "dba"}]});
            resource[name] = value;
            resource
        };
        for (method, path, body, pointer, says) in [
            ("POST", of("/replay"), replay, "", "expected an object, not an array"),
            ("POST", of("/test"), json!(["ping"]), "", "expected an object, not an array"),
            ("POST", of("/rotate-secret"), json!([null, 60]), "", "expected an object, not an array"),
            ("PATCH", of(""), json!(["other"]), "", "expected an object, not an array"),
            ("POST", "/v1/requests".to_owned(), ask, "/requester", "expected an object, not an array"),
            ("PUT", resource.clone(), json!({"slots": [["dba", 1, false]]}), "/slots/0", "expected an object, not an array"),
            ("POST", endpoints.clone(), json!("ops"), "", "expected an object, not a string"),
            ("POST", of("/test"), Value::Null, "", "expected an object, not null"),
            ("POST", endpoints.clone(), with("headers", json!([])), "/headers", "expected an object, not an array"),
            ("POST", endpoints.clone(), with("channel", json!(5)), "/channel", "expected one of teams, slack, slack_app, discord, google_chat, custom, not a number"),
            ("POST", endpoints.clone(), with("channel", json!({"teams": null})), "/channel", "expected one of teams, slack, slack_app, discord, google_chat, custom, not an object"),
            ("POST", endpoints.clone(), with("events", json!("ping")), "/events", "expected an array, not a string"),
            ("POST", endpoints.clone(), with("schedule", json!([-1])), "/schedule/0", "expected a whole number from 0 to 4294967295"),
            ("POST", endpoints.clone(), with("rate_per_second", json!("1")), "/rate_per_second", "expected a number, not a string"),
            ("POST", endpoints.clone(), with("answer_control", json!(1)), "/answer_control", "expected true or false, not a number"),
            ("POST", endpoints.clone(), with("auth", json!(5)), "/auth", "expected an object, not a number"),
            ("POST", endpoints.clone(), with("auth", json!({"type": "digest"})), "/auth/type", "expected one of `basic`, `bearer`, `oauth2`"),
            ("POST", endpoints.clone(), with("auth", json!({"type": "bearer"})), "/auth", "missing field `token`"),
            ("POST", endpoints.clone(), with("auth", json!({"type": "bearer", "token": "x", "scope": "y"})), "/auth", "unknown field `scope` for this `type`"),
            // Stored values may have fields of a newer version; input may not, at any depth.
            ("POST", endpoints.clone(), with("auth", json!({"type": "bearer", "token": "x", "realm": "y"})), "/auth/realm", "unknown field `realm`"),
            ("POST", endpoints, with("client_certificate", json!({"certificate": "x", "key": "y", "pass": "z"})), "/client_certificate/pass", "unknown field `pass`"),
            ("PUT", resource.clone(), json!({"slots": [{"group": "dba", "need": 2}]}), "/slots/0/need", "unknown field `need`"),
            ("PUT", resource.clone(), resource_with("guardrails", json!([guardrail])), "/guardrails/0/statement", "unknown field `statement`"),
            ("PUT", resource.clone(), resource_with("break_glass", json!({"groups": ["dba"], "a_day": 3})), "/break_glass/a_day", "unknown field `a_day`"),
            ("PUT", resource.clone(), resource_with("escalation", json!([{"after_seconds": 60, "slot": "dba", "add": "dba", "to": 1}])), "/escalation/0/to", "unknown field `to`"),
            ("PUT", resource.clone(), resource_with("working_hours", json!({"time_zone": "UTC", "munday": []})), "/working_hours/munday", "unknown field `munday`"),
            ("POST", "/v1/apply".to_owned(), json!({"groups": {"x": ["a@example.com"]}}), "/groups/x", "expected an object, not an array"),
        ] {
            let call = hub.call(method.parse().unwrap(), &path).bearer_auth(&hub.token).json(&body);
            let answer = hub.send(call).await;
            assert_eq!(answer.problem(400), "invalid_json", "{path} {body}");
            let problem = answer.json();
            assert_eq!(problem["pointer"].as_str().unwrap_or_default(), pointer, "{problem}");
            assert!(problem["detail"].as_str().unwrap().contains(says), "{path} {body}: {problem}");
        }
        assert_eq!(hub.get("/v1/endpoints").await.expect(200)["items"].as_array().unwrap().len(), 1);
    }

    async fn unknown_paths_methods_and_tokens_are_refused(database: Database) {
        let mut hub = TestHub::start(database).await;
        assert_eq!(hub.get("/nowhere").await.problem(404), "not_found");
        assert_eq!(hub.get("/v1/requests/req_x").await.problem(404), "not_found");
        assert_eq!(hub.get("/v1/requests/req_0190aaaaaaaa7aaaaaaaaaaaaaaaaaaa").await.problem(404), "not_found");
        assert_eq!(hub.get("/v1/requests?stat=x").await.problem(400), "invalid_parameter");
        assert_eq!(hub.get("/v1/requests?status=x").await.problem(400), "invalid_parameter");
        assert_eq!(hub.get("/v1/requests?cursor=x").await.problem(422), "invalid_cursor");
        let of_endpoint = format!("/v1/endpoints/{}", hub.endpoint("ops", "custom", "https://hooks.example.com/x", &[]).await.0);
        let of_endpoint = ["deliveries", "attempts", "replays"].map(|list| format!("{of_endpoint}/{list}"));
        let lists = ["requests", "grants", "groups", "people", "resources", "endpoints", "tokens", "audit"].map(|list| format!("/v1/{list}"));
        for list in lists.iter().chain(&of_endpoint) {
            for limit in ["0", "501", "-1", "x"] {
                assert_eq!(hub.get(&format!("{list}?limit={limit}")).await.problem(400), "invalid_parameter", "{list} {limit}");
            }
            hub.get(&format!("{list}?limit=500")).await.expect(200);
        }
        for (query, says) in [
            ("limit=x", "the query string: limit: expected a whole number"),
            ("limit=", "the query string: limit: expected a whole number"),
            ("limit=99999999999999999999", "the query string: limit: expected a whole number"),
            ("status=x", "the query string: status: unknown variant `x`"),
            ("stat=x", "the query string: stat: unknown field `stat`"),
        ] {
            let refused = hub.get(&format!("/v1/requests?{query}")).await.json();
            assert!(refused["detail"].as_str().unwrap().starts_with(says), "{refused}");
        }
        let backwards = "from=2026-11-22T00:00:00Z&to=2026-11-21T00:00:00Z";
        for list in ["requests", "analytics/summary", "analytics/export"] {
            assert_eq!(hub.get(&format!("/v1/{list}?{backwards}")).await.problem(400), "invalid_parameter", "{list}");
        }
        let filter = json!({"from": "2026-11-22T00:00:00Z", "to": "2026-11-21T00:00:00Z"});
        let refused = hub.post("/v1/requests/bulk-reject", &json!({"filter": filter, "reason": "x", "on_behalf_of": "dana@example.com"})).await;
        assert_eq!(refused.problem(422), "invalid_period");
        assert_eq!(hub.put("/v1/requests", &json!({})).await.problem(405), "method_not_allowed");
        // A program gets a problem, and a person who followed a wrong link a page.
        assert_eq!(hub.get("/nowhere").await.problem(404), "not_found");
        let page = hub.send(hub.call(Method::GET, "/nowhere").header("accept", "text/html,*/*;q=0.8")).await;
        assert!(page.expect_page(404).contains("There is no such page"), "{}", page.text);
        hub.token = "cs_wrong".to_owned();
        let refused = hub.get("/v1/requests").await;
        assert_eq!(refused.problem(401), "unauthenticated");
        assert_eq!(refused.headers["www-authenticate"], "Bearer");
        let bare = hub.send(hub.call(Method::GET, "/v1/requests")).await;
        assert_eq!(bare.problem(401), "unauthenticated");
        hub.send(hub.call(Method::GET, "/healthz")).await.expect(200);
        hub.send(hub.call(Method::GET, "/readyz")).await.expect(200);
        let schema = hub.send(hub.call(Method::GET, "/schemas/event.json")).await.expect(200);
        assert_eq!((&schema["title"], &schema["$id"]), (&json!("Event"), &json!(format!("{}/schemas/event.json", hub.url))));
        assert_eq!(hub.send(hub.call(Method::GET, "/schemas/other.json")).await.problem(404), "not_found");
    }

    async fn invalid_votes_are_refused(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let request = hub.ask("orders", "x").await;
        let path = format!("/v1/requests/{}/approve", request["id"].as_str().unwrap());
        for (body, status, code) in [
            (json!({}), 422, "voter_required"),
            (json!({"on_behalf_of": "not an address"}), 400, "invalid_json"),
            (json!({"on_behalf_of": "dana@example.com", "revision": 2}), 412, "revision_stale"),
            (json!({"on_behalf_of": "dana@example.com", "digest": "0".repeat(64)}), 412, "digest_stale"),
            (json!({"on_behalf_of": "dana@example.com", "group": "security"}), 403, "not_eligible"),
            (json!({"on_behalf_of": "dana@example.com", "command": " "}), 422, "invalid_payload"),
            (json!({"on_behalf_of": "dana@example.com", "duration_seconds": 5}), 422, "widened"),
            (json!({"on_behalf_of": "dana@example.com", "kommand": "other"}), 400, "invalid_json"),
        ] {
            assert_eq!(hub.post(&path, &body).await.problem(status), code, "{body}");
        }
        assert_eq!(hub.show(&request).await["votes"], json!([]));
        let exact = json!({"on_behalf_of": "dana@example.com", "revision": 1, "digest": request["digest"]});
        hub.post(&path, &exact).await.expect(200);
    }
}
