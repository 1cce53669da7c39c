//! The pages of resources: form and text save what the API saves, and say beforehand what would happen.

use serde_json::{Value, json};

use crate::support::{Browser, Database, TestHub, on_both};

const ORDERS: &str = "/settings/resources/orders";

fn policy() -> Value {
    json!({
        "description": "Orders,\n\tproduction\u{a0}\u{202e}", "slots": [{"group": "dba", "needed": 1}], "timeout_seconds": 1800, "reminders": [600],
        "context_schema": {"type": "object", "properties": {"ticket": {"type": "string"}}},
        "guardrails": [
            {"name": "no-drop", "effect": "deny", "statements": ["drop table"], "reason": "never <b>here</b>", "blocks": ["DROP TABLE orders"]},
            {"name": "reading", "effect": "allow", "statements": ["select"], "passes": ["select 1"]},
        ],
    })
}

async fn orders(hub: &TestHub) -> Value {
    let mut view = hub.get("/v1/resources/orders").await.expect(200);
    view.as_object_mut().unwrap().remove("warnings");
    view
}

/// The text in the page's editor.
fn text_of(page: &str) -> String {
    let rest = page.split("<textarea id=\"text\"").nth(1).unwrap_or_else(|| panic!("no editor in {page}"));
    let text = rest.split_once('>').unwrap().1.split("</textarea>").next().unwrap();
    let text = text.strip_prefix('\n').unwrap_or(text);
    ["&#34;", "&#39;", "&#60;", "&#62;", "&#38;"]
        .iter()
        .zip(["\"", "'", "<", ">", "&"])
        .fold(text.to_owned(), |text, (entity, plain)| text.replace(entity, plain))
}

on_both! {
    async fn text_and_form_save_what_they_show(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        hub.put("/v1/resources/orders", &policy()).await.expect(200);
        let before = orders(&hub).await;
        let mut browser = hub.admin().await;
        let text = format!("{ORDERS}/text");
        let shown = text_of(browser.open(&text).await.expect_page(200));
        assert!(shown.starts_with("[resources.orders]\n"), "{shown}");
        // What is shown and sent back changes nothing: not a tab, nor an invisible character.
        assert_eq!(browser.does(&text, &[("text", &shown)]).await, ORDERS);
        assert_eq!(orders(&hub).await, before);
        let changed = shown.replace("timeout_seconds = 1800", "timeout_seconds = 900").replace("no-drop", "no-dropping");
        browser.open(&text).await.expect_page(200);
        browser.does(&text, &[("text", &changed)]).await;
        let after = orders(&hub).await;
        assert_eq!((&after["timeout_seconds"], &after["guardrails"][0]["name"]), (&json!(900), &json!("no-dropping")));

        let edit = format!("{ORDERS}/edit");
        browser.open(&edit).await.expect_page(200);
        let fields = [
            ("description", "Orders"), ("slots/0/group", "dba"), ("slots/0/needed", "2"), ("slots/1/group", ""), ("slots/2/group", "security"),
            ("slots/2/shared", "on"), ("timeout_seconds", ""), ("reject_needed", "2"), ("reason_required", "on"), ("high_risk", "on"), ("detail", "redacted"),
            ("requester_groups", "dba, security"), ("conflicted", "eve@example.com"), ("min_assurance", "token"), ("use_within_seconds", "60"),
        ];
        assert_eq!(browser.does(&edit, &fields).await, ORDERS);
        let now = orders(&hub).await;
        assert_eq!(now["slots"], json!([{"group": "dba", "needed": 2, "shared": false}, {"group": "security", "needed": 1, "shared": true}]));
        assert_eq!((&now["timeout_seconds"], &now["reject_needed"], &now["reason_required"]), (&Value::Null, &json!(2), &json!(true)));
        assert_eq!((&now["high_risk"], &now["detail"], &now["min_assurance"]), (&json!(true), &json!("redacted"), &json!("token")));
        assert_eq!((&now["requester_groups"], &now["conflicted"], &now["use_within_seconds"]), (&json!(["dba", "security"]), &json!(["eve@example.com"]), &json!(60)));
        for kept in ["guardrails", "reminders", "context_schema"] {
            assert_eq!(now[kept], after[kept], "the form keeps what it does not show");
        }
        assert_eq!(hub.audited("resource.").await, ["resource.put"; 4]);
    }

    async fn a_refused_text_is_kept_with_the_line_at_fault(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        hub.put("/v1/resources/orders", &policy()).await.expect(200);
        let before = orders(&hub).await;
        let mut browser = hub.admin().await;
        let path = format!("{ORDERS}/text");
        let shown = text_of(browser.open(&path).await.expect_page(200));
        let line = |text: &str, part: &str| 1 + text.lines().position(|line| line.contains(part)).unwrap();
        for (from, to, at, says) in [
            ("timeout_seconds = 1800", "timeout_secs = 1800", "timeout_secs", "unknown field"),
            ("timeout_seconds = 1800", "timeout_seconds = 'x'", "timeout_seconds", "expected"),
            ("timeout_seconds = 1800", "timeout_seconds = ", "timeout_seconds", ""),
            ("DROP TABLE orders", "select 1", "blocks", "no-drop"),
        ] {
            let text = shown.replace(from, to);
            let refused = browser.submit(&path, &[("text", &text)]).await;
            assert!([400, 422].contains(&refused.status), "{}", refused.text);
            assert_eq!(text_of(&refused.text), text, "what was typed stays");
            let number = line(&text, at);
            assert!(refused.text.contains(&format!("Nothing was saved: line {number}")), "{from} to {to}, line {number}: {}", refused.text);
            assert!(refused.text.contains(says) && refused.text.matches("<li class=\"bad\">").count() == 1, "{}", refused.text);
        }
        for (text, says) in [
            ("[resources.others]\nslots = [{ group = \"dba\" }]\n", "a resource keeps its name"),
            (&format!("{shown}\n[groups]\nx = {{ members = [] }}\n"), "countersign apply"),
            ("<script>alert(1)</script>", ""),
        ] {
            let refused = browser.submit(&path, &[("text", text)]).await;
            assert!(refused.status >= 400 && refused.text.contains(says) && !refused.text.contains("<script>alert"), "{}", refused.text);
        }
        browser.open(&format!("{ORDERS}/edit")).await.expect_page(200);
        let refused = browser.submit(&format!("{ORDERS}/edit"), &[("slots/0/group", "no group"), ("description", "kept"), ("reject_needed", "1"), ("detail", "full")]).await;
        assert!(refused.text.contains("id=\"slots/0/group-e\"") && refused.text.contains("value=\"no group\"") && refused.text.contains("kept</textarea>"), "{}", refused.text);
        let refused = browser.submit(&format!("{ORDERS}/edit"), &[("reject_needed", "1"), ("detail", "full")]).await;
        assert!(refused.status == 422 && refused.text.contains("slots is empty"), "{}", refused.text);
        assert_eq!(orders(&hub).await, before, "nothing was saved");
    }

    async fn a_check_says_what_would_happen_and_changes_nothing(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let before = orders(&hub).await;
        for command in ["select 1", "drop table orders", "delete from carts"] {
            hub.ask("orders", command).await;
        }
        hub.advance(31 * 86_400);
        for command in ["select 2", "select '<b>3</b>'", "drop table orders", "delete from carts"] {
            hub.ask("orders", command).await;
        }
        let input = json!({"resource": policy(), "command": "select 1; drop table orders", "language": "sql"});
        let trial = hub.post("/v1/resources/orders/trial", &input).await.expect(200);
        assert_eq!(trial["verb"], "update");
        assert_eq!((&trial["command"]["outcome"], &trial["command"]["rule"], &trial["command"]["reason"]), (&json!("denied"), &json!("no-drop"), &json!("never <b>here</b>")));
        assert_eq!(trial["history"]["now"], json!({"asked": 4, "allowed": 0, "denied": 0, "approvals": 4}));
        assert_eq!(trial["history"]["then"], json!({"asked": 1, "allowed": 2, "denied": 1, "approvals": 1}));
        assert_eq!((&trial["history"]["tried"], &trial["history"]["changed"]), (&json!(4), &json!(3)));
        assert_eq!(trial["history"]["examples"][0]["command"], "drop table orders");
        let new = hub.post("/v1/resources/new-db/trial", &json!({"resource": policy()})).await.expect(200);
        assert_eq!((&new["verb"], &new["command"], &new["history"]["tried"]), (&json!("create"), &Value::Null, &json!(0)));
        let mut wrong = policy();
        wrong["guardrails"][0]["blocks"] = json!(["select 1"]);
        let refused = hub.post("/v1/resources/orders/trial", &json!({"resource": wrong})).await;
        assert_eq!(refused.problem(422), "guardrail_example");
        assert_eq!(refused.json()["pointer"], "/guardrails/0/blocks/0");

        let mut browser = hub.admin().await;
        let path = format!("{ORDERS}/text");
        browser.open(&path).await.expect_page(200);
        let text = "[resources.orders]\nslots = [{ group = \"nobody\" }]\nguardrails = [{ name = \"reading\", effect = \"allow\", statements = [\"select\"] }]\n";
        let checked = browser.submit(&path, &[("text", text), ("check", "yes"), ("try/command", "select 1"), ("try/language", "sql")]).await;
        let page = checked.expect_page(200);
        for says in ["Saving changes it", "group nobody has no members yet", "It runs without asking anybody (rule reading).", "It says something else to 2 of them.", "&#60;b&#62;3"] {
            assert!(page.contains(says), "{says}: {page}");
        }
        assert_eq!(text_of(page), text);
        browser.open(&format!("{ORDERS}/edit")).await.expect_page(200);
        let checked = browser.submit(&format!("{ORDERS}/edit"), &[("slots/0/group", "dba"), ("slots/0/needed", "1"), ("reject_needed", "1"), ("detail", "full"), ("check", "yes")]).await;
        assert!(checked.expect_page(200).contains("Saving changes nothing"), "{}", checked.text);
        assert_eq!(orders(&hub).await, before);
        assert_eq!(hub.audited("resource.").await, Vec::<String>::new());
        assert_eq!(hub.audited("configuration.").await.len(), 1, "that of the set-up");
    }

    async fn a_resource_is_made_shown_evaluated_and_deleted(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let mut browser = hub.admin().await;
        browser.open("/settings/new/resource").await.expect_page(200);
        let fields = [("name", "carts"), ("slots/0/group", "dba"), ("slots/0/needed", "1"), ("reject_needed", "1"), ("detail", "full")];
        assert_eq!(browser.does("/settings/new/resource", &fields).await, "/settings/resources/carts");
        browser.open("/settings/new/resource").await.expect_page(200);
        let twice = browser.submit("/settings/new/resource", &fields).await;
        assert!(twice.status >= 400 && twice.text.contains("id=\"name-e\""), "{}", twice.text);
        hub.put("/v1/resources/orders", &policy()).await.expect(200);
        let page = browser.open(ORDERS).await;
        let text = page.expect_page(200);
        for says in ["1 of dba", "30 min", "no-drop", "DROP TABLE orders", "⟨U+202E⟩", "&#60;b&#62;here", "resources.orders", "no endpoint notifies group dba"] {
            assert!(text.contains(says), "{says}: {text}");
        }
        let list = browser.open("/settings/resources").await;
        assert!(list.expect_page(200).contains("no endpoint notifies group dba of requests to orders"), "{}", list.text);

        let mut auditor = hub.browser_of("ada@example.com", &["auditor"]).await;
        for (command, says) in [("drop table x", "A rule denies it."), ("select 1", "approved at once"), ("delete from x", "People are asked.")] {
            auditor.open(ORDERS).await.expect_page(200);
            let tried = auditor.submit(&format!("{ORDERS}/evaluate"), &[("command", command), ("context", "{}"), ("language", "sql")]).await;
            assert!(tried.expect_page(200).contains(says) && tried.text.contains(&format!("{command}</textarea>")), "{command}: {}", tried.text);
        }
        let refused = auditor.submit(&format!("{ORDERS}/evaluate"), &[("command", "select 1"), ("context", "{<b>")]).await;
        assert!(refused.status == 400 && refused.text.contains("id=\"context-e\"") && refused.text.contains("{&#60;b&#62;</textarea>"), "{}", refused.text);
        assert_eq!(hub.get("/v1/requests").await.expect(200)["items"], json!([]), "nothing was asked");
        browser.open("/settings/resources/carts").await.expect_page(200);
        browser.does("/settings/resources/carts/delete", &[]).await;
        assert_eq!(hub.get("/v1/resources/carts").await.status, 404);
    }
}

#[tokio::test]
async fn what_toml_cannot_say_is_changed_by_the_api() {
    let hub = TestHub::start(Database::sqlite()).await.with_policy().await;
    let schema = json!({"enum": ["a", null]});
    hub.put("/v1/resources/orders", &json!({"slots": [{"group": "dba"}], "context_schema": schema})).await.expect(200);
    let mut browser: Browser<'_> = hub.admin().await;
    assert!(browser.open(ORDERS).await.expect_page(200).contains("which TOML cannot say"));
    assert_eq!(browser.open(&format!("{ORDERS}/text")).await.status, 422);
    browser.open(&format!("{ORDERS}/edit")).await.expect_page(200);
    browser
        .does(
            &format!("{ORDERS}/edit"),
            &[("slots/0/group", "dba"), ("reject_needed", "1"), ("detail", "full"), ("high_risk", "on")],
        )
        .await;
    let now = hub.get("/v1/resources/orders").await.expect(200);
    assert_eq!((&now["context_schema"], &now["high_risk"]), (&schema, &json!(true)));
}
