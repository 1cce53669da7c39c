//! The page to ask: fields by the resource's schema, what would happen as the API says it, and one request a form.

use serde_json::{Value, json};

use crate::store::statements;
use crate::support::{Browser, Database, TestHub, on_both};

/// A hub on which nora, who is known, may ask about `orders` and `ledger`, and nobody but finance about `payroll`.
async fn hub_of(database: Database) -> TestHub {
    let hub = TestHub::start(database).await.with_policy().await;
    hub.put("/v1/people/nora@example.com", &json!({"name": "Nora Lindqvist"})).await.expect(200);
    let schema = json!({
        "type": "object", "required": ["ticket"], "additionalProperties": false,
        "properties": {
            "ticket": {"type": "string", "title": "Ticket", "pattern": "^FIN-[0-9]+$"},
            "rows": {"type": "integer"}, "backup": {"type": "boolean"},
            "environment": {"enum": ["production", "staging"]}, "hosts": {"type": "array"},
        },
    });
    let ledger = json!({
        "slots": [{"group": "dba", "needed": 2}], "reason_required": true, "max_duration_seconds": 7_200,
        "context_schema": schema,
        "guardrails": [
            {"name": "no-drops", "effect": "deny", "statements": ["drop"], "reason": "Ask <b>dba</b> first."},
            {"name": "reads", "effect": "allow", "statements": ["select"]},
        ],
    });
    hub.put("/v1/resources/ledger", &ledger).await.expect(200);
    hub.put("/v1/groups/finance", &json!({"members": ["mary@example.com"]})).await.expect(200);
    let payroll = json!({"slots": [{"group": "dba"}], "requester_groups": ["finance"]});
    hub.put("/v1/resources/payroll", &payroll).await.expect(200);
    hub
}

/// The value of the hidden field that ties repeated sends together.
fn key(page: &str) -> String {
    let rest = page.split("name=\"key\" value=\"").nth(1).expect("a key");
    rest.split('"').next().unwrap().to_owned()
}

/// A form as a person would fill it.
fn fields<'f>(what: &'f str, key: &'f str, changed: &[(&'f str, &'f str)]) -> Vec<(&'f str, &'f str)> {
    let mut fields = vec![
        ("do", what),
        ("key", key),
        ("resource", "ledger"),
        ("kind", "action"),
        ("command", "update invoices set state = 'void';"),
        ("language", "sql"),
        ("context.ticket", "FIN-2304"),
        ("reason", "Sent twice"),
    ];
    for (name, value) in changed {
        fields.retain(|known| known.0 != *name);
        fields.push((*name, *value));
    }
    fields
}

async fn requests(hub: &TestHub) -> Vec<Value> {
    hub.get("/v1/requests").await.expect(200)["items"].as_array().unwrap().clone()
}

on_both! {
    async fn only_what_a_person_may_ask_about_is_offered(database: Database) {
        let hub = hub_of(database).await;
        let mut nora = Browser::signed_in(&hub, "nora@example.com").await;
        let page = nora.open("/ask").await.expect_page(200).to_owned();
        assert!(page.contains("<option value=\"ledger\"") && page.contains("<option value=\"orders\""), "{page}");
        assert!(!page.contains("payroll"), "{page}");
        let page = nora.open("/ask?resource=payroll").await.expect_page(200).to_owned();
        assert!(!page.contains("payroll"), "{page}");
        let key = key(&page);
        for what in ["check", "ask"] {
            let refused = nora.submit("/ask", &fields(what, &key, &[("resource", "payroll")])).await;
            assert!(refused.expect_page(422).contains("id=\"resource-error\""), "{}", refused.text);
        }
        let mut mary = Browser::signed_in(&hub, "mary@example.com").await;
        assert!(mary.open("/ask").await.expect_page(200).contains("<option value=\"payroll\""));
        let call = hub.call(reqwest::Method::GET, "/v1/me/resources").header("Sec-Fetch-Site", "same-origin");
        let names: Vec<Value> = mary.send(call).await.expect(200)["items"].as_array().unwrap().iter().map(|item| item["name"].clone()).collect();
        assert_eq!(names, ["customers", "ledger", "orders", "payroll"]);
        // Who is not known may not ask.
        let mut stranger = Browser::signed_in(&hub, "somebody@example.com").await;
        stranger.open("/ask").await.expect_page(403);
        assert_eq!(requests(&hub).await.len(), 0);
    }

    async fn the_context_has_fields_by_the_schema(database: Database) {
        let hub = hub_of(database).await;
        let mut nora = Browser::signed_in(&hub, "nora@example.com").await;
        let page = nora.open("/ask?resource=ledger").await.expect_page(200).to_owned();
        for part in [
            "name=\"context.ticket\" value=\"\" dir=\"auto\" autocomplete=\"off\" required",
            "name=\"context.rows\" value=\"\" dir=\"auto\" autocomplete=\"off\" inputmode=\"decimal\"",
            "<option value=\"true\">Yes</option>",
            "<option value=\"staging\">staging</option>",
            ">Ticket <span>(needed)</span></label>",
            "More context as JSON",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        let more = [("context.rows", "2"), ("context.backup", "true"), ("context.environment", "staging"), ("rest", "{\"hosts\": [\"a\"]}")];
        let made = nora.submit("/ask", &fields("ask", &key(&page), &more)).await.location().to_owned();
        let request = &requests(&hub).await[0];
        assert_eq!(made, format!("/requests/{}", request["id"].as_str().unwrap()));
        let context = json!({"ticket": "FIN-2304", "rows": 2, "backup": true, "environment": "staging", "hosts": ["a"]});
        assert_eq!(request["context"], context);
        assert_eq!((&request["requester"]["email"], &request["reason"]), (&json!("nora@example.com"), &json!("Sent twice")));
    }

    async fn errors_stand_at_their_fields_and_typed_text_stays(database: Database) {
        let hub = hub_of(database).await;
        let mut nora = Browser::signed_in(&hub, "nora@example.com").await;
        let page = nora.open("/ask?resource=ledger").await.text;
        let key = key(&page);
        let command = "update t\tset a = '\u{202e}⟨';</textarea><script>x</script>";
        let long = "x".repeat(65 * 1024);
        for (changed, field) in [
            (vec![("context.ticket", "")], "context-3"),
            (vec![("context.ticket", "FIN 1")], "context-3"),
            (vec![("context.rows", "two")], "context-2"),
            (vec![("context.environment", "prod")], "context-1"),
            (vec![("rest", "{\"other\": 1}")], "rest"),
            (vec![("rest", "{")], "rest"),
            (vec![("rest", "{\"a\": 1, \"a\": 2}")], "rest"),
            (vec![("reason", " ")], "reason"),
            (vec![("command", " ")], "command"),
            (vec![("command", long.as_str())], "command"),
            (vec![("kind", "jit"), ("length", "")], "length"),
            (vec![("kind", "jit"), ("length", "3"), ("unit", "h")], "length"),
            (vec![("beneficiary", "nobody")], "beneficiary"),
            (vec![("timeout", "0")], "timeout"),
            (vec![("labels", "no label")], "labels"),
        ] {
            for what in ["check", "ask"] {
                nora.open("/ask?resource=ledger").await;
                let refused = nora.submit("/ask", &fields(what, &key, &changed)).await;
                let page = refused.expect_page(422);
                assert!(page.contains(&format!("id=\"{field}-error\"")), "{changed:?}: {field}");
                assert!(page.contains(&format!("aria-describedby=\"{field}-error\"")), "{changed:?}: {field}");
                assert!(page.contains(&format!("href=\"#{field}\"")), "{changed:?}: {field}");
                assert!(page.contains("1 thing to mend"), "{changed:?}");
            }
        }
        nora.open("/ask?resource=ledger").await;
        let refused = nora.submit("/ask", &fields("ask", &key, &[("command", command), ("reason", "")])).await;
        let page = refused.expect_page(422);
        let kept = "update t\tset a = &#39;\u{202e}⟨&#39;;&#60;/textarea&#62;&#60;script&#62;x&#60;/script&#62;</textarea>";
        assert!(page.contains(kept), "{page}");
        assert!(page.contains("not show in the field: line 1."), "{page}");
        assert!(page.contains("value=\"FIN-2304\"") && page.contains(&format!("value=\"{key}\"")), "{page}");
        assert_eq!(requests(&hub).await.len(), 0);
    }

    async fn a_check_says_what_the_api_says_and_creates_nothing(database: Database) {
        let hub = hub_of(database).await;
        let mut nora = Browser::signed_in(&hub, "nora@example.com").await;
        for (command, says) in [
            ("update invoices set state = 'void';", "2 people would be asked"),
            ("select * from invoices;", "Approved at once"),
            ("drop table invoices;", "Rule no-drops denies it"),
        ] {
            let ask = json!({"resource": "ledger", "command": command, "language": "sql", "reason": "Sent twice", "context": {"ticket": "FIN-2304"}});
            let call = hub.call(reqwest::Method::POST, "/v1/evaluate").header("Sec-Fetch-Site", "same-origin").json(&ask);
            let api = nora.send(call).await.expect(200);
            nora.open("/ask?resource=ledger").await;
            let key = key(&nora.page);
            for path in ["/ask/check", "/ask"] {
                nora.open("/ask?resource=ledger").await;
                let page = nora.submit(path, &fields("check", &key, &[("command", command)])).await;
                let page = page.expect_page(200);
                assert!(page.contains(says), "{command}: {page}");
                for slot in api["slots"].as_array().unwrap() {
                    assert!(page.contains(&format!("<b>{}</b>", slot["group"].as_str().unwrap())), "{page}");
                    for person in slot["people"].as_array().unwrap() {
                        assert!(page.contains(&format!("<bdi>{}</bdi>", person["name"].as_str().unwrap())), "{page}");
                    }
                }
                assert!(!page.contains("<b>dba</b> first") && (path == "/ask") == page.contains("<html"), "{page}");
            }
        }
        assert_eq!(requests(&hub).await.len(), 0);
    }

    async fn a_form_that_is_sent_twice_makes_one_request(database: Database) {
        let hub = hub_of(database).await;
        let mut nora = Browser::signed_in(&hub, "nora@example.com").await;
        let page = nora.open("/ask?resource=ledger").await.text;
        let key = key(&page);
        let first = nora.submit("/ask", &fields("ask", &key, &[])).await.location().to_owned();
        nora.open("/ask").await;
        assert_eq!(nora.submit("/ask", &fields("ask", &key, &[])).await.location(), first);
        assert_eq!(requests(&hub).await.len(), 1);
        // Somebody went back, and changed what the form had sent.
        nora.open("/ask").await;
        let again = nora.submit("/ask", &fields("ask", &key, &[("command", "delete from invoices;")])).await;
        let page = again.expect_page(422);
        assert!(page.contains("already made a request") && page.contains("delete from invoices;"), "{page}");
        let fresh = self::key(page);
        assert_ne!(fresh, key);
        let other = nora.submit("/ask", &fields("ask", &fresh, &[("command", "delete from invoices;")])).await;
        assert_ne!(other.location(), first);
        assert_eq!(requests(&hub).await.len(), 2);
    }

    async fn a_page_takes_six_statements_at_most(database: Database) {
        statements::listen();
        let hub = hub_of(database).await;
        let url = hub.database.url.clone();
        statements::report_plans(&url).await;
        let hub = hub.restart().await;
        let mut nora = Browser::signed_in(&hub, "nora@example.com").await;
        let page = nora.open("/ask?resource=ledger").await.text;
        let key = key(&page);
        nora.submit("/ask", &fields("check", &key, &[])).await.expect_page(200);
        for path in ["open", "/ask", "/ask/check"] {
            nora.open("/ask?resource=ledger").await;
            let ran = statements::during(&url, async {
                match path {
                    "open" => nora.open("/ask?resource=ledger").await,
                    path => nora.submit(path, &fields("check", &key, &[])).await,
                }
            });
            let texts: Vec<String> = ran.await.into_iter().map(|one| one.sql).collect();
            assert!(texts.len() <= 6, "{path}: {texts:#?}");
        }
    }

    async fn an_expired_request_is_asked_again_and_access_is_extended(database: Database) {
        let hub = hub_of(database).await;
        let mut nora = Browser::signed_in(&hub, "nora@example.com").await;
        let ask = json!({
            "resource": "ledger", "kind": "jit", "duration_seconds": 5_400, "command": "psql\tledger", "reason": "r \u{200f}",
            "context": {"ticket": "FIN-1", "hosts": ["a"]}, "labels": {"team": "a"}, "requester": {"email": "nora@example.com"},
        });
        let made = hub.post("/v1/requests", &ask).await.expect(201);
        let id = made["id"].as_str().unwrap();
        let page = nora.open(&format!("/ask?like={id}")).await.expect_page(200).to_owned();
        for part in ["psql\tledger</textarea>", "r \u{200f}</textarea>", "value=\"FIN-1\"", "value=\"90\"", "team = a", "&#34;hosts&#34;: ["] {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert!(page.contains("It takes the place of the earlier request") && !page.contains("data-keep"), "{page}");
        let more = [
            ("kind", "jit"), ("length", "90"), ("unit", "min"), ("command", "psql\tledger"), ("labels", "team = a"),
            ("rest", "{\"hosts\": [\"a\"]}"), ("earlier", id), ("replaces", "yes"), ("language", ""),
        ];
        let again = nora.submit("/ask", &fields("ask", &key(&page), &more)).await.location().to_owned();
        assert_eq!(hub.show(&made).await["status"], "superseded");
        let again = json!({"id": again.trim_start_matches("/requests/")});
        let shown = hub.show(&again).await;
        assert_eq!((&shown["supersedes"], &shown["labels"]), (&json!(id), &json!({"team": "a"})));
        assert_eq!((&shown["duration_seconds"], &shown["command"]), (&json!(5_400), &json!("psql\tledger")));

        hub.vote(&again, "approve", "dana@example.com").await.expect(200);
        let approved = hub.vote(&again, "approve", "erik@example.com").await.expect(200);
        let grant = approved["grant"]["id"].as_str().unwrap();
        let page = nora.open(&format!("/ask?extends={grant}")).await.expect_page(200).to_owned();
        assert!(page.contains(&format!("extends = {grant}")) && page.contains("Longer access is a new request"), "{page}");
        assert!(!page.contains("takes the place"), "{page}");
        let mut stranger = Browser::signed_in(&hub, "mary@example.com").await;
        for path in [format!("/ask?like={id}"), format!("/ask?extends={grant}"), "/ask?like=nothing".to_owned()] {
            stranger.open(&path).await.expect_page(404);
        }
    }
}
