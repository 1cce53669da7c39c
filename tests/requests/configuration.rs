//! Groups, people, resources and endpoints: one by one, and by manifest.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Database, TestHub, on_both};

fn example() -> Value {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/hub.toml")).unwrap();
    toml::from_str(&text).unwrap()
}

on_both! {
    async fn the_example_is_applied_once_and_then_kept(database: Database) {
        let hub = TestHub::start(database).await;
        let planned = hub.post("/v1/apply?dry_run=true", &example()).await.expect(200);
        assert_eq!(planned["applied"], false);
        assert_eq!(hub.get("/v1/groups").await.expect(200)["items"], json!([]), "a dry run changes nothing");
        assert!(!planned.to_string().contains("whsec_"));
        let applied = hub.post("/v1/apply", &example()).await.expect(200);
        assert_eq!(applied["applied"], true);
        assert_eq!(applied["warnings"], json!([]));
        let verbs = |plan: &Value| {
            let changes = plan["changes"].as_array().unwrap().iter();
            changes.map(|change| change["verb"].as_str().unwrap().to_owned()).collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(verbs(&applied), ["create".to_owned()].into());
        assert!(applied.to_string().contains("whsec_"), "the custom endpoint's secret is shown");
        let again = hub.post("/v1/apply", &example()).await.expect(200);
        assert_eq!(verbs(&again), ["keep".to_owned()].into());
        for recipe in ["orders-db", "customers-db", "reports-db"] {
            hub.get(&format!("/v1/resources/{recipe}")).await.expect(200);
        }
    }

    async fn a_manifest_with_one_fault_changes_nothing(database: Database) {
        let hub = TestHub::start(database).await;
        let mut manifest = example();
        manifest["endpoints"][0]["url"] = json!("http://169.254.169.254/latest");
        let refused = hub.post("/v1/apply", &manifest).await;
        assert_eq!(refused.problem(422), "invalid_url");
        assert!(refused.json()["pointer"].as_str().unwrap().starts_with("/endpoints/"));
        assert_eq!(hub.get("/v1/groups").await.expect(200)["items"], json!([]));
    }

    async fn resources_and_groups_in_use_cannot_be_deleted(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let delete = |path: &str| hub.send(hub.call(Method::DELETE, path).bearer_auth(&hub.token));
        for name in ["leads", "on_call", "auditors"] {
            hub.put(&format!("/v1/groups/{name}"), &json!({"members": ["lea@example.com"]})).await.expect(200);
        }
        let policy = json!({
            "slots": [{"group": "dba"}], "escalation": [{"after_seconds": 60, "slot": "dba", "add": "leads"}],
            "break_glass": {"groups": ["on_call"]},
            "guardrails": [{"name": "audit", "effect": "require", "statements": ["drop"], "slots": [{"group": "auditors"}]}],
        });
        hub.put("/v1/resources/orders", &policy).await.expect(200);
        let request = hub.ask("orders", "delete from carts").await;
        let id = request["id"].as_str().unwrap();
        let other = json!({"slots": [{"group": "security"}]});
        for path in ["/v1/resources/orders", "/v1/resources/customers"] {
            hub.put(path, &other).await.expect(200);
        }
        for path in ["/v1/groups/dba", "/v1/groups/leads", "/v1/groups/on_call", "/v1/groups/auditors", "/v1/resources/orders"] {
            let refused = delete(path).await;
            assert_eq!(refused.problem(409), "in_use", "{path}");
            assert!(refused.text.contains(id), "it names the request: {}", refused.text);
        }
        hub.vote(&request, "approve", "dana@example.com").await.expect(200);
        assert_eq!(delete("/v1/resources/orders").await.problem(409), "in_use", "an approved request may still run");
        hub.post(&format!("/v1/requests/{id}/revoke"), &json!({})).await.expect(200);
        let access = json!({"resource": "orders", "kind": "jit", "duration_seconds": 60, "requester": {"email": "nora@example.com"}});
        let access = hub.post("/v1/requests", &access).await.expect(201);
        hub.vote(&access, "approve", "sam@example.com").await.expect(200);
        assert_eq!(delete("/v1/resources/orders").await.problem(409), "in_use", "access depends on the resource's name");
        hub.post(&format!("/v1/requests/{}/revoke", access["id"].as_str().unwrap()), &json!({})).await.expect(200);
        for path in ["/v1/groups/dba", "/v1/groups/leads", "/v1/groups/on_call", "/v1/groups/auditors", "/v1/resources/orders"] {
            assert_eq!(delete(path).await.status, 204, "{path}");
        }
    }

    async fn a_manifest_warns_of_renamed_and_missing_endpoints(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let endpoint = |name: &str| json!({"name": name, "channel": "teams", "url": "https://hooks.example.com/secret-path", "groups": ["dba"]});
        let apply = async |manifest: &Value| hub.post("/v1/apply", manifest).await.expect(200);
        let first = apply(&json!({"endpoints": [endpoint("dba-teams")], "groups": {"dba": {"members": ["dana@example.com"]}}})).await;
        assert_eq!(first["warnings"], json!([]));
        assert_eq!(first["unnamed"], json!([
            {"kind": "group", "name": "security"}, {"kind": "person", "name": "dana@example.com"},
            {"kind": "resource", "name": "customers"}, {"kind": "resource", "name": "orders"},
        ]));
        let renamed = apply(&json!({"endpoints": [endpoint("dba-chat")]})).await;
        let warning = renamed["warnings"][0].as_str().unwrap();
        assert!(warning.contains("dba-chat") && warning.contains("dba-teams") && !warning.contains("secret-path"), "{warning}");
        assert!(warning.contains("receives every message twice") && warning.contains("does not name dba-teams"), "{warning}");
        assert!(renamed["unnamed"].as_array().unwrap().contains(&json!({"kind": "endpoint", "name": "dba-teams"})));
        let both = apply(&json!({"endpoints": [endpoint("dba-teams"), endpoint("dba-chat")]})).await;
        assert_eq!(both["warnings"].as_array().unwrap().len(), 1, "{both}");
        assert!(!both["warnings"][0].as_str().unwrap().contains("does not name"), "{both}");
    }

    async fn duplicates_in_a_manifest_are_refused_or_warned_of(database: Database) {
        let hub = TestHub::start(database).await;
        let endpoint = |name: &str, url: &str| json!({"name": name, "channel": "teams", "url": url});
        let (one, other) = (endpoint("dba-teams", "https://a.example.com/x"), endpoint("dba-teams", "https://b.example.com/x"));
        let refused = hub.post("/v1/apply", &json!({"endpoints": [one, other]})).await;
        assert_eq!((refused.problem(409).as_str(), refused.json()["pointer"].as_str()), ("name_taken", Some("/endpoints/1/name")));
        let refused = hub.post("/v1/apply", &json!({"people": {"dana@example.com": {"name": "A"}, "Dana@Example.com": {"name": "B"}}})).await;
        assert_eq!(refused.problem(400), "invalid_json");
        assert!(refused.text.contains("dana@example.com is listed twice"), "{}", refused.text);
        for list in ["/v1/endpoints", "/v1/people"] {
            assert_eq!(hub.get(list).await.expect(200)["items"], json!([]), "nothing was changed");
        }
        // Different spellings of a URL count as the same target.
        let spellings = ["https://hooks.example.com/x", "HTTPS://Hooks.Example.com:443/x#top", "\u{feff}https://hooks.example.com/x\u{200b}"];
        let endpoints: Vec<Value> = ["a", "b", "c"].iter().zip(spellings).map(|(name, url)| endpoint(name, url)).collect();
        let planned = hub.post("/v1/apply", &json!({"endpoints": endpoints})).await.expect(200);
        assert!(planned["warnings"][0].as_str().unwrap().contains("endpoints a, b, c have the same target"), "{planned}");
    }

    async fn invisible_characters_around_a_value_are_removed(database: Database) {
        let hub = TestHub::start(database).await;
        let app = json!({
            "name": "app", "channel": "slack_app",
            "slack": {"bot_token": "\u{feff}xoxb-1\n", "signing_secret": " 0123456789abcdef0123456789abcdef\u{200b}", "channel": "C1\n", "team": " T1"},
        });
        let made = hub.post("/v1/endpoints", &app).await.expect(201);
        assert_eq!((made["slack"]["channel"].as_str(), made["slack"]["team"].as_str()), (Some("C1"), Some("T1")));
        let path = format!("/v1/endpoints/{}", made["id"].as_str().unwrap());
        let patch = json!({"slack": {"channel": "\u{feff}C2\n", "team": "T2\u{a0}"}, "recipient": "\u{feff}Dana@example.com\n"});
        let patched = hub.send(hub.call(Method::PATCH, &path).bearer_auth(&hub.token).json(&patch)).await.expect(200);
        assert_eq!((patched["slack"]["channel"].as_str(), patched["slack"]["team"].as_str()), (Some("C2"), Some("T2")));
        assert_eq!(patched["recipient"], "dana@example.com");
        let custom = json!({
            "name": "custom", "channel": "custom", "url": "\u{feff}https://hooks.example.com/x\n", "proxy": "\u{feff}https://proxy.example.com\n",
            "headers": {"x-key": "\u{feff}k\n"}, "auth": {"type": "basic", "username": "u\n", "password": "p\n"},
        });
        let made = hub.post("/v1/endpoints", &custom).await.expect(201);
        assert_eq!((made["url"].as_str(), made["auth"]["username"].as_str()), (Some("https://hooks.example.com/…"), Some("u")));
        let account = json!({"identities": [{"provider": "slack", "team": " T1", "user": "U1\n"}]});
        let kept = hub.put("/v1/people/dana@example.com/chat-identities", &account).await.expect(200);
        assert_eq!(kept["identities"], json!([{"provider": "slack", "team": "T1", "user": "U1"}]));
        let away = json!({"name": "Dana", "absence": {"from": "\u{feff}2026-11-29T00:00:00Z\n"}});
        let put = hub.put("/v1/people/dana@example.com", &away).await.expect(200);
        assert_eq!(put["absence"]["from"], "2026-11-29T00:00:00.000000Z");
    }

    async fn a_manifest_may_be_as_large_as_its_parts_allow(database: Database) {
        let hub = TestHub::start(database).await;
        let members: Vec<String> = (0..1_000).map(|number| format!("a-person-with-a-long-name-{number}@example.com")).collect();
        let groups: serde_json::Map<_, _> = (0..8).map(|number| (format!("group-{number}"), json!({"members": members}))).collect();
        let manifest = json!({"groups": groups});
        assert!(manifest.to_string().len() > 256 * 1024);
        hub.post("/v1/apply?dry_run=true", &manifest).await.expect(200);
        let beyond = json!({"groups": {"x": {"members": ["x".repeat(4 * 1024 * 1024)]}}});
        assert_eq!(hub.post("/v1/apply", &beyond).await.problem(413), "body_too_large");
        assert_eq!(hub.put("/v1/groups/x", &json!({"members": ["x".repeat(256 * 1024)]})).await.problem(413), "body_too_large");
    }

    async fn groups_people_and_resources_are_put_shown_listed_and_deleted(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let delete = |path: &str| hub.send(hub.call(Method::DELETE, path).bearer_auth(&hub.token));
        assert_eq!(delete("/v1/groups/dba").await.problem(409), "in_use");
        for path in ["/v1/resources/orders", "/v1/resources/customers", "/v1/groups/dba", "/v1/people/dana@example.com"] {
            hub.get(path).await.expect(200);
            assert_eq!(delete(path).await.status, 204);
            assert_eq!(hub.get(path).await.problem(404), "not_found");
            assert_eq!(delete(path).await.problem(404), "not_found");
        }
        for letter in ["a", "b", "c"] {
            hub.put(&format!("/v1/groups/{letter}"), &json!({"members": []})).await.expect(200);
        }
        let page = hub.get("/v1/groups?limit=2").await.expect(200);
        assert_eq!(page["next_cursor"], "b");
        assert_eq!(hub.get("/v1/groups?limit=2&cursor=b").await.expect(200)["items"][0]["name"], "c");
        assert_eq!(hub.put("/v1/groups/bad%20name", &json!({"members": []})).await.problem(404), "not_found");
        assert_eq!(hub.put("/v1/groups/x", &json!({"members": ["nobody"]})).await.problem(400), "invalid_json");
        for (policy, code) in [
            (json!({"slots": []}), "invalid_policy"),
            (json!({"slots": [{"group": "a", "needed": 0}]}), "invalid_policy"),
            (json!({"slots": [{"group": "a"}, {"group": "a"}]}), "invalid_policy"),
            (json!({"slots": [{"group": "a", "needed": 1_000}]}), "invalid_policy"),
            (json!({"slots": [{"group": "a"}], "timeout_seconds": 0}), "invalid_policy"),
        ] {
            assert_eq!(hub.put("/v1/resources/x", &policy).await.problem(422), code, "{policy}");
        }
    }

    async fn endpoints_are_created_once_masked_and_changed(database: Database) {
        let hub = TestHub::start(database).await;
        let input = json!({"name": "ops", "channel": "teams", "url": "https://prod.example.com/workflows/abc?sig=SECRET"});
        let make = |key: &str, input: &Value| {
            hub.send(hub.call(Method::POST, "/v1/endpoints").bearer_auth(&hub.token).header("Idempotency-Key", key).json(input))
        };
        let made = make("k", &input).await;
        let id = made.expect(201)["id"].as_str().unwrap().to_owned();
        assert!(!made.text.contains("SECRET") && made.json().get("secret").is_none());
        assert_eq!(make("k", &input).await.expect(201)["id"], id.as_str());
        assert_eq!(make("k2", &input).await.problem(409), "name_taken");
        for (change, code) in [
            (json!({"url": "http://10.0.0.1/x"}), "invalid_url"),
            (json!({"url": "http://[::ffff:169.254.169.254]/x"}), "invalid_url"),
            (json!({"url": "ftp://example.com"}), "invalid_url"),
            (json!({"url": "https://u:p@example.com"}), "invalid_url"),
            (json!({"events": ["request.exploded"]}), "unknown_event"),
            (json!({"secret": "whsec_AAAA"}), "invalid_secret"),
            (json!({"channel": "custom", "secret": "plain"}), "invalid_secret"),
        ] {
            let mut bad = input.clone();
            bad["name"] = json!("other");
            bad.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            assert_eq!(hub.post("/v1/endpoints", &bad).await.problem(422), code, "{change}");
        }
        let patch = |body: Value| hub.send(hub.call(Method::PATCH, &format!("/v1/endpoints/{id}")).bearer_auth(&hub.token).json(&body));
        let changed = patch(json!({"events": ["request.created"], "groups": ["dba"]})).await.expect(200);
        assert_eq!((&changed["name"], &changed["events"]), (&json!("ops"), &json!(["request.created"])));
        assert_eq!(patch(json!({"url": "http://127.1.1.1:1/"})).await.status, 200, "allowed by the test's settings");
        assert_eq!(patch(json!({"url": "http://192.168.0.1/"})).await.problem(422), "invalid_url");
        assert_eq!(patch(json!({"state": "deleted"})).await.problem(422), "invalid_state");
        let gone = hub.send(hub.call(Method::DELETE, &format!("/v1/endpoints/{id}")).bearer_auth(&hub.token)).await;
        assert_eq!(gone.status, 204);
        assert_eq!(hub.get("/v1/endpoints").await.expect(200)["items"], json!([]));
    }
}
