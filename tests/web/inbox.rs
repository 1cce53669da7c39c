//! The inbox: what waits for the person, in the order of deciding, with enough to decide it.

use serde_json::{Value, json};

use crate::store::statements;
use crate::support::{Answer, Browser, Database, TestHub, on_both};

const DANA: &str = "dana@example.com";
const ERIK: &str = "erik@example.com";

/// Asks with these fields, as nora where they name nobody.
async fn ask(hub: &TestHub, fields: Value) -> String {
    let mut ask = json!({"resource": "orders", "command": "select 1", "requester": {"email": "nora@example.com"}});
    ask.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    hub.post("/v1/requests", &ask).await.expect(201)["id"].as_str().unwrap().to_owned()
}

/// The rows of the page, by the ids of their requests.
fn rows(page: &str) -> Vec<&str> {
    page.split("<li class=\"ask\" id=\"").skip(1).map(|row| row.split('"').next().unwrap()).collect()
}

/// The HTML of one row.
fn row<'p>(page: &'p str, id: &str) -> &'p str {
    let (_, row) =
        page.split_once(&format!("<li class=\"ask\" id=\"{id}\"")).unwrap_or_else(|| panic!("{id} in {page}"));
    row.split("<li class=\"ask").next().unwrap().split("</ol>").next().unwrap()
}

async fn inbox(hub: &TestHub, person: &str) -> Value {
    let token = json!({"name": format!("of {person}"), "scope": "approver", "person": person});
    let secret = hub.post("/v1/tokens", &token).await.expect(201)["secret"].as_str().unwrap().to_owned();
    hub.send(hub.call(reqwest::Method::GET, "/v1/inbox").bearer_auth(&secret)).await.expect(200)
}

fn ids(inbox: &Value) -> Vec<&str> {
    inbox["items"].as_array().unwrap().iter().map(|item| item["request"]["id"].as_str().unwrap()).collect()
}

fn shows(page: &Answer, text: &str) -> bool {
    page.expect_page(200).contains(text)
}

on_both! {
    async fn what_waits_is_in_the_order_of_deciding(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let risky = json!({"slots": [{"group": "dba"}], "high_risk": true});
        hub.put("/v1/resources/billing", &risky).await.expect(200);
        let later = ask(&hub, json!({"timeout_seconds": 7_200, "command": "select later"})).await;
        let soon = ask(&hub, json!({"timeout_seconds": 600, "command": "select 'soon'"})).await;
        // Equally urgent: the one with high risk comes first, although it was asked later.
        let plain = ask(&hub, json!({"timeout_seconds": 1_200})).await;
        let high = ask(&hub, json!({"timeout_seconds": 1_210, "resource": "billing"})).await;
        ask(&hub, json!({"resource": "orders", "requester": {"email": DANA}})).await;
        let expected = [soon.as_str(), &high, &plain, &later];
        assert_eq!(ids(&inbox(&hub, DANA).await), expected);
        let mut browser = Browser::signed_in(&hub, DANA).await;
        let page = browser.open("/").await;
        assert_eq!(rows(page.expect_page(200)), expected);
        assert!(shows(&page, "<title>(4) Waiting for you · Countersign</title>") && shows(&page, ">4<span"), "{}", page.text);
        hub.advance(601);
        assert_eq!(rows(browser.open("/").await.expect_page(200)), &expected[1..], "too late to decide");
    }

    async fn a_row_says_who_what_why_and_why_the_person_is_asked(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        hub.put("/v1/people/erik@example.com", &json!({"name": "Erik Holm", "absence": {"delegate": "sam@example.com"}})).await.expect(200);
        let asked = ask(&hub, json!({
            "resource": "customers", "language": "sql", "command": "delete from carts", "reason": "They are <old>.",
            "requester": {"name": "ops-agent", "acting_for": "nora@example.com"}, "context": {"ticket": "CASE-7"},
        })).await;
        hub.vote(&json!({"id": asked}), "approve", DANA).await.expect(200);
        let mut sam = Browser::signed_in(&hub, "sam@example.com").await;
        let page = sam.open("/").await;
        let row = row(page.expect_page(200), &asked);
        for text in [
            "ops-agent (a system)", ", for <b><bdi>nora@example.com</bdi></b>,", "asks to run SQL on", ">customers<", "Agent</span>",
            ">delete</span>", " carts", "They are &#60;old&#62;.", "You are in <b>security</b>", "Dana Reyes", "1 h", "CASE-7",
        ] {
            assert!(row.contains(text), "{text} in {row}");
        }
        assert!(!row.contains("Erik Holm"), "who is in an asked group votes as themselves");
        let stands_in = ask(&hub, json!({})).await;
        let page = sam.open("/").await;
        let row = self::row(page.expect_page(200), &stands_in);
        assert!(row.contains("You stand in for <b><bdi>Erik Holm</bdi></b> in dba, away<"), "{row}");
        let item = inbox(&hub, "sam@example.com").await["items"].as_array().unwrap().iter()
            .find(|item| item["request"]["id"] == stands_in.as_str()).unwrap().clone();
        assert_eq!(item["asked_as"], json!([{"group": "dba", "stands_in_for": ERIK, "away_until": null}]));
    }

    async fn what_a_person_may_not_decide_or_has_decided_does_not_wait(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let conflicted = json!({"slots": [{"group": "dba"}], "conflicted": [ERIK]});
        hub.put("/v1/resources/audited", &conflicted).await.expect(200);
        hub.put("/v1/resources/own", &json!({"slots": [{"group": "dba"}], "allow_self_approval": true})).await.expect(200);
        hub.put("/v1/people/erik@example.com", &json!({"name": "Erik Holm", "absence": {"delegate": "sam@example.com"}})).await.expect(200);
        let both = json!({"id": ask(&hub, json!({"resource": "customers"})).await});
        let audited = ask(&hub, json!({"resource": "audited"})).await;
        let own = ask(&hub, json!({"resource": "own", "requester": {"email": ERIK}})).await;
        for fields in [
            json!({"requester": {"email": ERIK}}), json!({"beneficiary": ERIK}), json!({"requester": {"name": "bot", "acting_for": ERIK}}),
        ] {
            ask(&hub, fields).await;
        }
        let id = both["id"].as_str().unwrap();
        assert_eq!(ids(&inbox(&hub, ERIK).await), [id, own.as_str()]);
        // The stand-in may not approve in a place that its member may not fill.
        assert_eq!(ids(&inbox(&hub, "sam@example.com").await), [id, own.as_str()]);
        assert!(ids(&inbox(&hub, DANA).await).contains(&audited.as_str()));
        hub.vote(&both, "approve", ERIK).await.expect(200);
        assert_eq!(ids(&inbox(&hub, ERIK).await), [own.as_str()]);
        assert_eq!(ids(&inbox(&hub, DANA).await).len(), 6, "each asks dba too");
        hub.vote(&json!({"id": own}), "approve", DANA).await.expect(200);
        assert_eq!(ids(&inbox(&hub, ERIK).await), Vec::<&str>::new());
        let operator = hub.get("/v1/inbox").await;
        assert_eq!(operator.problem(403), "forbidden");
    }

    async fn the_count_is_exact_up_to_99_and_pages_follow_each_other(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let first = ask(&hub, json!({})).await;
        for number in 0..101 {
            ask(&hub, json!({"command": format!("select {}", "x".repeat(number + 1))})).await;
        }
        let mut browser = Browser::signed_in(&hub, DANA).await;
        let page = browser.open("/").await;
        assert!(shows(&page, ">99+<span") && shows(&page, "<title>(99+) "), "{}", page.text);
        let mut seen: Vec<String> = Vec::new();
        let mut next = "/".to_owned();
        for expected in [50, 50, 2] {
            let page = browser.open(&next).await;
            let found = rows(page.expect_page(200));
            assert_eq!(found.len(), expected);
            seen.extend(found.into_iter().map(str::to_owned));
            next = page.text.split("href=\"/?cursor=").nth(1).map_or(String::new(), |rest| format!("/?cursor={}", rest.split('"').next().unwrap()));
        }
        assert_eq!(next, "");
        assert_eq!(seen.iter().collect::<std::collections::BTreeSet<_>>().len(), 102);
        for id in seen.iter().take(3) {
            hub.vote(&json!({"id": id}), "reject", DANA).await.expect(200);
        }
        assert_eq!(seen[0], first);
        assert!(shows(&browser.open("/account").await, ">99<span"), "on every page");
        hub.vote(&json!({"id": seen[3]}), "reject", ERIK).await.expect(200);
        assert!(shows(&browser.open("/account").await, ">98<span"));
        browser.open("/?cursor=x").await.expect_page(422);
        browser.open("/?other=x").await.expect_page(400);
    }

    async fn approve_is_offered_only_where_the_whole_command_is_on_screen(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        for (name, more) in [("billing", json!({"high_risk": true})), ("fresh", json!({"fresh_sign_in_seconds": 60}))] {
            let mut policy = json!({"slots": [{"group": "dba"}]});
            policy.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            hub.put(&format!("/v1/resources/{name}"), &policy).await.expect(200);
        }
        let mut browser = Browser::signed_in(&hub, DANA).await;
        let five = ask(&hub, json!({"command": "1\n2\n3\n4\n5"})).await;
        let six = ask(&hub, json!({"command": "1\n2\n3\n4\n5\nsixth"})).await;
        let long = ask(&hub, json!({"command": format!("{}marker", "x".repeat(60_000))})).await;
        let risky = ask(&hub, json!({"resource": "billing"})).await;
        let fresh = ask(&hub, json!({"resource": "fresh"})).await;
        let approve = "value=\"approve\"";
        let page = browser.open("/").await;
        let page = page.expect_page(200);
        for (id, is_offered) in [(&five, true), (&six, false), (&long, false), (&risky, false), (&fresh, true)] {
            let row = row(page, id);
            assert_eq!(row.contains(approve), is_offered, "{row}");
            assert!(row.contains("value=\"reject\"") && row.contains(&format!("href=\"/requests/{id}")), "{row}");
        }
        assert!(row(page, &six).contains("1 more line of this command") && row(page, &six).contains("sixth"));
        assert!(!page.contains("marker"), "the page stays small");
        hub.advance(61);
        let page = browser.open("/").await;
        let row = row(page.expect_page(200), &fresh);
        assert!(!row.contains(approve) && row.contains("recent sign-in") && row.contains("href=\"/sign-in?return=%2F\""), "{row}");
    }

    async fn a_vote_needs_no_script(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let (one, other) = (ask(&hub, json!({})).await, ask(&hub, json!({"resource": "customers"})).await);
        let mut browser = Browser::signed_in(&hub, DANA).await;
        let page = browser.open("/").await;
        let field = |id: &str, name: &str| {
            let rest = row(&page.text, id).split_once(&format!("name=\"{name}\" value=\"")).unwrap().1;
            rest.split('"').next().unwrap().to_owned()
        };
        let (digest, path) = (field(&one, "digest"), |id: &str| format!("/requests/{id}/vote"));
        let fields = [("revision", "1"), ("digest", digest.as_str()), ("return", "/?cursor=1"), ("decision", "approve")];
        assert_eq!(browser.submit(&path(&one), &fields).await.location(), "/?cursor=1");
        assert_eq!(hub.show(&json!({"id": one})).await["status"], "approved");
        browser.open("/").await;
        let wrong = "0".repeat(64);
        let fields = [("digest", wrong.as_str()), ("return", "https://elsewhere.example.com/"), ("decision", "approve")];
        let page = browser.submit(&path(&other), &fields).await;
        assert!(page.expect_page(412).contains("digest does not match") && page.text.contains("href=\"/\""), "{}", page.text);
        browser.open("/").await;
        let digest = field(&other, "digest");
        let page = browser.submit(&path(&other), &[("decision", "reject"), ("digest", digest.as_str())]).await;
        assert!(page.expect_page(422).contains("a reason is required"), "{}", page.text);
        let fields = [("decision", "reject"), ("reason", "No."), ("digest", digest.as_str())];
        assert_eq!(browser.submit(&path(&other), &fields).await.location(), format!("/requests/{other}"));
        assert_eq!(hub.show(&json!({"id": other})).await["decision"]["reason"], "No.");
        assert!(shows(&browser.open("/").await, "Nothing waits for you."));
        browser.page.clear();
        let page = browser.submit(&path(&other), &[("decision", "reject")]).await;
        assert_eq!(page.status, 403, "a form needs its nonce");
    }

    async fn a_changed_command_says_that_the_vote_no_longer_counts(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let id = ask(&hub, json!({"resource": "customers", "command": "delete from carts"})).await;
        hub.vote(&json!({"id": id}), "approve", DANA).await.expect(200);
        let change = json!({"command": "delete from carts where old", "reason": "Only <old> ones."});
        hub.post(&format!("/v1/requests/{id}/revise"), &change).await.expect(200);
        let mut browser = Browser::signed_in(&hub, DANA).await;
        let page = browser.open("/").await;
        let row = row(page.expect_page(200), &id);
        for text in ["Changed, revision 2", "delete from carts where old", "Only &#60;old&#62; ones.", "Your vote was for revision 1"] {
            assert!(row.contains(text), "{text} in {row}");
        }
    }

    async fn a_page_takes_six_statements_at_most(database: Database) {
        statements::listen();
        let hub = TestHub::start(database).await.with_policy().await;
        for number in 0..60 {
            let id = ask(&hub, json!({"resource": "customers", "command": format!("select {}", "x".repeat(number + 1))})).await;
            hub.vote(&json!({"id": id}), "approve", if number % 2 == 0 { ERIK } else { "sam@example.com" }).await.expect(200);
        }
        let url = hub.database.url.clone();
        statements::report_plans(&url).await;
        let hub = hub.restart().await;
        let mut browser = Browser::signed_in(&hub, DANA).await;
        let page = browser.open("/").await;
        let next = page.text.split("href=\"/?cursor=").nth(1).unwrap().split('"').next().unwrap().to_owned();
        for (path, most) in [("/".to_owned(), 5), (format!("/?cursor={next}"), 6), ("/account".to_owned(), 6)] {
            let ran = statements::during(&url, async { browser.open(&path).await.expect_page(200); }).await;
            let texts: Vec<&str> = ran.iter().map(|one| one.sql.as_str()).collect();
            assert!(texts.len() <= most, "{path}: {texts:#?}");
        }
    }
}

/// What a requester, a rule or a voter writes is text, wherever it is shown.
#[tokio::test(flavor = "multi_thread")]
async fn stored_script_stays_text() {
    let hub = TestHub::start(Database::sqlite()).await.with_policy().await;
    let script = "</textarea></pre><script>marker</script>\u{202e}\" onload=\"marker";
    hub.put("/v1/people/erik@example.com", &json!({"name": script, "absence": {"delegate": "sam@example.com"}}))
        .await
        .expect(200);
    let rule = json!({"name": "careful", "effect": "require", "statements": ["delete"], "slots": [{"group": "security"}], "reason": script,
        "blocks": ["delete from a"], "passes": ["select 1"]});
    hub.put("/v1/resources/guarded", &json!({"slots": [{"group": "dba"}], "guardrails": [rule]})).await.expect(200);
    let fields = json!({
        "resource": "guarded", "command": format!("delete from a -- {script}"), "language": "sql", "reason": script, "context": {script: script},
        "labels": {"label": script}, "requester": {"name": script, "email": "nora@example.com"},
    });
    let id = ask(&hub, fields.clone()).await;
    for number in 0..3 {
        let mut alike = fields.as_object().unwrap().clone();
        alike.insert("resource".to_owned(), "orders".into());
        alike.insert("command".to_owned(), format!("{number} <script>marker</script>").into());
        ask(&hub, Value::Object(alike)).await;
    }
    hub.vote(&json!({"id": id}), "approve", DANA).await.expect(200);
    let change = json!({"command": format!("delete from b -- {script}"), "reason": script});
    hub.post(&format!("/v1/requests/{id}/revise"), &change).await.expect(200);
    let mut browser = Browser::signed_in(&hub, "sam@example.com").await;
    let page = browser.open("/").await;
    let text = page.expect_page(200);
    assert!(text.contains("marker") && text.contains("of the same pattern"));
    assert!(!text.contains("<script>marker") && !text.contains('\u{202e}') && !text.contains("\" onload"), "{text}");
    assert_eq!(text.matches("<script").count(), 1, "the hub's own");
}
