//! Stored templates: the API's rules, and which template renders a message.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Database, Options, Receiver, TestHub, eventually, on_both};

const MINE: &str = r#"{"type": "{{event.type}}", "timestamp": "{{event.at}}", "data": {"request": {{json request}}, "links": {}, "mine": "MARK", "who": "{{cut request.requester.email 20}}"}}"#;

fn mine(mark: &str) -> Value {
    json!({"template": MINE.replace("MARK", mark)})
}

impl TestHub {
    async fn delete(&self, path: &str) -> Answer {
        self.send(self.call(Method::DELETE, path).bearer_auth(&self.token)).await
    }

    /// The `data` of the message about a new request, which must be the receiver's `count`-th message.
    async fn next_data(&self, receiver: &Receiver, resource: &str, count: usize) -> Value {
        self.ask(resource, "select 1").await;
        receiver.wait_for(count).await;
        let received = receiver.received();
        serde_json::from_str::<Value>(&received[count - 1].body).unwrap()["data"].clone()
    }
}

async fn listener(hub: &TestHub, name: &str, receiver: &Receiver) -> String {
    let input = json!({"name": name, "channel": "custom", "url": receiver.url, "events": ["request.created"]});
    hub.post("/v1/endpoints", &input).await.expect(201)["id"].as_str().unwrap().to_owned()
}

on_both! {
    async fn the_most_specific_template_renders_the_message(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        let endpoint = listener(&hub, "feed", &receiver).await;
        let path = "/v1/templates/custom/request.created";
        let built_in = hub.get("/v1/templates/custom/default").await.expect(200);
        assert_eq!((&built_in["source"], &built_in["version"]), (&json!("built_in"), &Value::Null));
        assert!(built_in["template"].as_str().unwrap().contains("{{json request}}"));
        assert!(hub.next_data(&receiver, "orders", 1).await["request"].is_object());

        let made = hub.put(path, &mine("all")).await.expect(200);
        assert_eq!((&made["source"], &made["version"]["number"], &made["endpoint"]), (&json!("stored"), &json!(1), &Value::Null));
        let next_data = hub.next_data(&receiver, "orders", 2).await;
        assert_eq!((&next_data["mine"], &next_data["who"]), (&json!("all"), &json!("nora@example.com")));

        hub.put(&format!("{path}?resource=customers"), &mine("customers")).await.expect(200);
        assert_eq!(hub.next_data(&receiver, "customers", 3).await["mine"], "customers");
        assert_eq!(hub.next_data(&receiver, "orders", 4).await["mine"], "all");

        let for_endpoint = format!("{path}?endpoint=feed");
        let made = hub.put(&for_endpoint, &mine("feed")).await.expect(200);
        assert_eq!(made["endpoint"], json!({"id": endpoint, "name": "feed"}));
        assert_eq!(hub.next_data(&receiver, "customers", 5).await["mine"], "feed", "an endpoint's template has priority over a resource's");
        let list = hub.get("/v1/templates").await.expect(200);
        let listed: Vec<_> = list["items"].as_array().unwrap().iter().map(|item| (&item["endpoint"]["name"], &item["resource"])).collect();
        assert_eq!(listed, [(&Value::Null, &Value::Null), (&json!("feed"), &Value::Null), (&Value::Null, &json!("customers"))]);
        assert!(list["items"][0].get("template").is_none());

        assert_eq!(hub.delete(&for_endpoint).await.status, 204);
        assert_eq!(hub.delete(&for_endpoint).await.problem(404), "not_found");
        assert_eq!(hub.next_data(&receiver, "customers", 6).await["mine"], "customers");
        let versions = hub.get(&for_endpoint.replace("?", "/versions?")).await.expect(200);
        let numbers: Vec<_> = versions["items"].as_array().unwrap().iter().map(|one| (&one["number"], &one["is_deletion"])).collect();
        assert_eq!(numbers, [(&json!(2), &json!(true)), (&json!(1), &json!(false))]);
        let back = hub.post(&for_endpoint.replace("?", "/restore?"), &json!({"version": 1})).await.expect(200);
        assert_eq!(back["version"]["number"], 3);
        assert_eq!(hub.next_data(&receiver, "customers", 7).await["mine"], "feed");
        assert_eq!(hub.post(&for_endpoint.replace("?", "/restore?"), &json!({"version": 2})).await.problem(404), "not_found");
        // Storing the same text again makes no new version.
        let again = hub.put(&for_endpoint, &mine("feed")).await.expect(200);
        assert_eq!(again["version"]["number"], 3);
    }

    async fn a_template_that_fails_with_any_sample_is_refused(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        listener(&hub, "feed", &receiver).await;
        for (path, text, says) in [
            ("teams/request.created", "{\"type\": \"message\",\n\"oops\" 1}", "line 2"),
            ("teams/request.created", "{\n\"type\": \"{{nothing}}\"}", "line 2"),
            ("teams/request.created", "{{{command}}}", "unescaped"),
            ("teams/request.created", "{\n\"type\": \"message\",\n\"attachments\": []}", "teams-message.json"),
            ("teams/_ask", "{{#> _card}}\n{{requester}}\n{{/_card}}", "line 2"),
            ("teams/_card", "{{> _ask}}", "contains itself"),
            ("custom/default", "{\"type\": \"x\", \"timestamp\": \"{{event.at}}\", \"data\": {}}", "event.json"),
            // Fails with one sample only: some requesters have no name.
            ("custom/request.created", "{\"type\": \"{{event.type}}\", \"timestamp\": \"{{event.at}}\", \"data\": {\"request\": {{json request}}, \"links\": {}, \"n\": \"x\"{{#unless request.requester.name}}oops{{/unless}}}}", "empty"),
        ] {
            let refused = hub.put(&format!("/v1/templates/{path}"), &json!({"template": text})).await;
            let body = refused.expect(422);
            let detail = body["detail"].as_str().unwrap();
            assert_eq!((&body["code"], &body["pointer"]), (&json!("invalid_template"), &json!("/template")), "{detail}");
            assert!(detail.contains(says), "{path}: {detail}");
            let problems = body["problems"].as_array().unwrap();
            assert!(!problems.is_empty() && problems.len() <= 10 && problems[0]["problem"]["template"].is_string(), "{body}");
        }
        assert_eq!(hub.get("/v1/templates").await.expect(200)["items"], json!([]));
        let put = |path: &str, body: Value| { let path = format!("/v1/templates/{path}"); let hub = &hub; async move { hub.put(&path, &body).await } };
        assert_eq!(put("teams/request.aproved", mine("x")).await.problem(422), "unknown_event");
        assert_eq!(put("teams/default", mine("x")).await.problem(422), "unknown_event", "no event would use it");
        assert_eq!(put("fax/request.created", mine("x")).await.problem(404), "not_found");
        assert_eq!(put("custom/ping?endpoint=none", mine("x")).await.problem(404), "not_found");
        assert_eq!(put("teams/ping?endpoint=feed", mine("x")).await.problem(400), "invalid_parameter");
        assert_eq!(put("custom/ping?endpoint=feed&resource=orders", mine("x")).await.problem(400), "invalid_parameter");
        assert_eq!(put("custom/ping", json!({"template": "x".repeat(70_000)})).await.problem(422), "too_long");
        let token = hub.token_of("auditor").await;
        let call = hub.call(Method::PUT, "/v1/templates/custom/ping").bearer_auth(token).json(&mine("x"));
        assert_eq!(hub.send(call).await.problem(403), "forbidden");
    }

    async fn a_template_that_breaks_later_falls_back_and_reports_it(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        let endpoint = listener(&hub, "feed", &receiver).await;
        let part = |text: &str| json!({"template": text});
        hub.put("/v1/templates/custom/_data?endpoint=feed", &part("{\"request\": {{json request}}, \"links\": {}, \"mine\": \"part\"}")).await.expect(200);
        let body = "{\"type\": \"{{event.type}}\", \"timestamp\": \"{{event.at}}\",\n\"data\": {{> _data}}}";
        hub.put("/v1/templates/custom/request.created?endpoint=feed", &part(body)).await.expect(200);
        assert_eq!(hub.next_data(&receiver, "orders", 1).await["mine"], "part");
        let problem = || async { hub.get(&format!("/v1/endpoints/{endpoint}")).await.expect(200)["template_problem"].clone() };
        assert_eq!(problem().await, Value::Null);
        // An operator deletes a part that the template uses.
        assert_eq!(hub.delete("/v1/templates/custom/_data?endpoint=feed").await.status, 204);
        let next_data = hub.next_data(&receiver, "orders", 2).await;
        assert!(next_data["request"].is_object(), "the built-in one renders it: {next_data}");
        let found = eventually("the problem shows", || async { Some(problem().await).filter(Value::is_object) }).await;
        assert_eq!((&found["event"], &found["template"], &found["line"]), (&json!("request.created"), &json!("custom/request.created.hbs"), &json!(2)));
        assert!(found["detail"].as_str().unwrap().contains("there is no part _data"), "{found}");
        let listed = hub.get("/v1/endpoints").await.expect(200);
        assert_eq!(listed["items"][0]["template_problem"], found);
        let trial = hub.post(&format!("/v1/endpoints/{endpoint}/test"), &json!({})).await.expect(200);
        assert!(trial["template_problem"].as_str().unwrap().contains("_data") && trial["delivered"] == true, "{trial}");
        // Once it is repaired, the problem is no longer shown.
        hub.put("/v1/templates/custom/_data?endpoint=feed", &part("{\"request\": {{json request}}, \"links\": {}, \"mine\": \"again\"}")).await.expect(200);
        assert_eq!(problem().await, Value::Null);
        // The third message was the test message.
        assert_eq!(hub.next_data(&receiver, "orders", 4).await["mine"], "again");
    }

    async fn previews_show_body_size_and_faults(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let preview = |body: Value| { let hub = &hub; async move { hub.post("/v1/templates/preview", &body).await } };
        let all = preview(json!({"channel": "teams", "event": "request.created"})).await.expect(200);
        let previews = all["previews"].as_array().unwrap();
        assert_eq!((all["ok"].as_bool(), previews.len()), (Some(true), 6));
        assert!(previews.iter().all(|one| one["size"].as_u64().unwrap() > 500 && one["budget"] == 28_000 && one["body"]["attachments"].is_array()));
        let one = preview(json!({"channel": "slack", "event": "_ask", "events": ["request.voted"], "samples": ["right-to-left"]})).await.expect(200);
        assert_eq!((one["previews"][0]["event"].as_str(), one["previews"][0]["sample"].as_str()), (Some("request.voted"), Some("right-to-left")));
        let broken = json!({"channel": "teams", "event": "request.created", "template": "{\n\"attachments\": [], \"type\": \"message\"}", "samples": ["plain"]});
        let broken = preview(broken).await.expect(200);
        let found = &broken["previews"][0];
        assert_eq!((&broken["ok"], &found["body"], &found["problem"]["line"]), (&json!(false), &Value::Null, &json!(2)), "{broken}");
        assert!(found["problem"]["detail"].as_str().unwrap().contains("\"/attachments\""), "{found}");
        assert_eq!(preview(json!({"channel": "teams", "event": "request.created", "samples": ["odd"]})).await.problem(400), "invalid_json");
        assert_eq!(preview(json!({"channel": "teams", "event": "ping", "events": ["odd"]})).await.problem(422), "unknown_event");
    }

    async fn a_manifest_brings_endpoints_and_their_templates(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        let endpoint = json!({"name": "feed", "channel": "custom", "url": receiver.url, "events": ["request.created"]});
        let template = |text: &Value| json!({"channel": "custom", "event": "request.created", "endpoint": "feed", "template": text["template"]});
        let manifest = json!({"endpoints": [endpoint], "templates": [template(&mine("manifest"))]});
        let dry = hub.post("/v1/apply?dry_run=true", &manifest).await.expect(200);
        assert_eq!(dry["changes"][1], json!({"verb": "create", "kind": "template", "name": "custom/request.created for endpoint:feed"}));
        assert_eq!(hub.get("/v1/templates").await.expect(200)["items"], json!([]));
        hub.post("/v1/apply", &manifest).await.expect(200);
        assert_eq!(hub.next_data(&receiver, "orders", 1).await["mine"], "manifest");
        let again = hub.post("/v1/apply", &manifest).await.expect(200);
        assert!(again["changes"].as_array().unwrap().iter().all(|change| change["verb"] == "keep"), "{again}");
        let broken = json!({"groups": {"new": {"members": []}}, "templates": [template(&json!({"template": "{{{x}}}"}))]});
        let refused = hub.post("/v1/apply", &broken).await.expect(422);
        assert_eq!((&refused["code"], &refused["pointer"]), (&json!("invalid_template"), &json!("/templates/0/template")));
        assert_eq!(hub.get("/v1/groups/new").await.problem(404), "not_found", "all or nothing");
        let file = json!({"templates": [{"channel": "custom", "event": "ping", "file": "/etc/passwd"}]});
        let refused = hub.post("/v1/apply", &file).await.expect(422);
        assert!(refused["detail"].as_str().unwrap().contains("reads no files"), "{refused}");
        let twice = json!({"templates": [template(&mine("a")), template(&mine("b"))]});
        assert_eq!(hub.post("/v1/apply", &twice).await.problem(409), "name_taken");
    }

    async fn versions_are_bounded_and_recorded_in_the_trail(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let path = "/v1/templates/custom/ping";
        let plain = |number: u32| json!({"template": format!("{{\"type\": \"ping\", \"timestamp\": \"{{{{event.at}}}}\", \"data\": {{\"n\": {number}}}}}")});
        for number in 1..=53 {
            hub.put(path, &plain(number)).await.expect(200);
        }
        let versions = hub.get(&format!("{path}/versions")).await.expect(200);
        let items = versions["items"].as_array().unwrap();
        assert_eq!((items.len(), &items[0]["number"], &items[49]["number"]), (50, &json!(53), &json!(4)));
        hub.delete(path).await;
        assert_eq!(hub.audited("template.").await.len(), 54);
    }

    async fn template_files_may_be_for_an_endpoint_or_a_resource(database: Database) {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join("custom").join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("request.created.hbs", &MINE.replace("MARK", "file"));
        write("resources/customers/request.created.hbs", &MINE.replace("MARK", "resource file"));
        write("endpoints/feed/request.created.hbs", &MINE.replace("MARK", "endpoint file"));
        let options = Options { templates_dir: Some(folder.path().to_owned()), ..Options::default() };
        let hub = TestHub::start_with(database, options).await.with_policy().await;
        let (feed, other) = (Receiver::start().await, Receiver::start().await);
        listener(&hub, "feed", &feed).await;
        listener(&hub, "other", &other).await;
        assert_eq!(hub.next_data(&other, "orders", 1).await["mine"], "file");
        assert_eq!(hub.next_data(&other, "customers", 2).await["mine"], "resource file");
        assert_eq!(hub.next_data(&feed, "customers", 3).await["mine"], "endpoint file");
        let path = "/v1/templates/custom/request.created";
        let shown = hub.get(&format!("{path}?endpoint=feed")).await.expect(200);
        assert_eq!(shown["source"], "file");
        assert!(shown["template"].as_str().unwrap().contains("endpoint file"), "{shown}");
        hub.put(path, &mine("stored")).await.expect(200);
        assert_eq!(hub.next_data(&other, "orders", 4).await["mine"], "stored");
        assert_eq!(hub.next_data(&other, "customers", 5).await["mine"], "resource file", "the more specific template has priority");
        hub.put(&format!("{path}?resource=customers"), &mine("stored for it")).await.expect(200);
        assert_eq!(hub.next_data(&other, "customers", 6).await["mine"], "stored for it");
        assert_eq!(hub.next_data(&feed, "customers", 7).await["mine"], "endpoint file");
    }

    async fn a_part_can_be_repaired_while_other_templates_fail(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        let endpoint = listener(&hub, "feed", &receiver).await;
        let text = |text: &str| json!({"template": text});
        let body = |part: &str| text(&format!("{{\"type\": \"{{{{event.type}}}}\", \"timestamp\": \"{{{{event.at}}}}\", \"data\": {{{{> {part}}}}}}}"));
        let data = text("{\"request\": {{json request}}, \"links\": {}, \"mine\": 1}");
        for name in ["_one", "_two"] {
            hub.put(&format!("/v1/templates/custom/{name}"), &data).await.expect(200);
        }
        hub.put("/v1/templates/custom/request.created", &body("_one")).await.expect(200);
        hub.put("/v1/templates/custom/request.approved", &body("_two")).await.expect(200);
        assert_eq!(hub.delete("/v1/templates/custom/_two").await.status, 204);
        // A template that fails for a missing part affects no other, and does not prevent storing others.
        assert_eq!(hub.next_data(&receiver, "orders", 1).await["mine"], 1);
        hub.put("/v1/templates/custom/_one", &text("{\"request\": {{json request}}, \"links\": {}, \"mine\": 2}")).await.expect(200);
        assert_eq!(hub.next_data(&receiver, "orders", 2).await["mine"], 2);
        let refused = hub.put("/v1/templates/custom/_one", &text("{{nothing}}")).await.expect(422);
        assert!(refused["detail"].as_str().unwrap().contains("there is no value nothing"), "{refused}");
        // A template is deleted with its endpoint.
        hub.put("/v1/templates/custom/ping?endpoint=feed", &text("{\"type\": \"ping\", \"timestamp\": \"{{event.at}}\", \"data\": {}}")).await.expect(200);
        assert_eq!(hub.delete(&format!("/v1/endpoints/{endpoint}")).await.status, 204);
        let left = hub.get("/v1/templates").await.expect(200);
        assert!(left["items"].as_array().unwrap().iter().all(|item| item["endpoint"].is_null()), "{left}");
    }
}
