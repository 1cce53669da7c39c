//! What the page of a request tells besides the request: comments, reminders, what happened, and what was before.

use serde_json::{Value, json};

use crate::engine::path;
use crate::store::statements;
use crate::support::{Browser, Database, Receiver, TestHub, on_both};

fn page(request: &Value, rest: &str) -> String {
    format!("/requests/{}{rest}", request["id"].as_str().unwrap())
}

/// The text of a page without its tags.
fn words(page: &str) -> String {
    let pieces = page.split('<').map(|piece| piece.split_once('>').map_or(piece, |(_, text)| text));
    pieces.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

async fn signed_in<'h>(hub: &'h TestHub, person: &str) -> Browser<'h> {
    Browser::signed_in(hub, &format!("{person}@example.com")).await
}

impl TestHub {
    /// A request of nora, approved by dana, run with that result.
    async fn ran(&self, command: &str, status: &str) -> Value {
        let request = self.ask("orders", command).await;
        self.vote(&request, "approve", "dana@example.com").await.expect(200);
        let claim = json!({"digest": request["digest"]});
        let fence = self.post(&path(&request, "/claim"), &claim).await.expect(200)["fence"].clone();
        let result = json!({"fence": fence, "status": status, "exit_code": 0, "output": "41 rows"});
        self.post(&path(&request, "/result"), &result).await.expect(200);
        request
    }
}

on_both! {
    async fn a_comment_decides_nothing(database: Database) {
        let receiver = Receiver::start().await;
        let hub = TestHub::start(database).await.with_policy().await;
        let (endpoint, _) = hub.endpoint("hook", "custom", &receiver.url, &["dba"]).await;
        let discreet = Receiver::start().await;
        let link_only = json!({"name": "discreet", "channel": "custom", "url": discreet.url, "detail": "link_only"});
        hub.post("/v1/endpoints", &link_only).await.expect(201);
        hub.post("/v1/apply", &json!({"people": {"ada@example.com": {"name": "Ada", "roles": ["auditor"]}}})).await.expect(200);
        let request = hub.ask("orders", "x").await;
        let mut dana = signed_in(&hub, "dana").await;
        dana.open(&page(&request, "")).await;
        let text = "Approve <script>alert(1)</script>\u{202e}\nbackup before or after?";
        assert_eq!(dana.submit(&page(&request, "/comments"), &[("text", text)]).await.location(), page(&request, ""));
        let shown = hub.show(&request).await;
        assert_eq!((&shown["status"], &shown["votes"]), (&json!("pending"), &json!([])));
        let html = dana.open(&page(&request, "")).await.expect_page(200).to_owned();
        assert!(!html.contains("<script>") && !html.contains('\u{202e}'), "{html}");
        let seen = words(&html);
        assert!(seen.contains("You commented, which decides nothing") && seen.contains("backup before or after?"), "{seen}");
        let told = hub.delivery(&endpoint, "request.commented", "delivered").await;
        assert_eq!(told["event"], "request.commented");
        let event = receiver.wait_for(2).await.into_iter().map(|hook| hook.json()).find(|event| event["type"] == "request.commented");
        let event = event.expect("the comment is told");
        assert_eq!(event["data"]["request"]["comment"]["text"], text);
        assert_eq!(event["data"]["request"]["comment"]["person"], "dana@example.com");
        assert_eq!(hub.show(&request).await.get("comment"), None);
        let hidden = discreet.wait_for(2).await.into_iter().map(|hook| hook.json());
        let hidden = hidden.into_iter().find(|event| event["type"] == "request.commented").expect("it is told, too");
        assert_eq!(hidden["data"]["request"]["comment"]["text"], "");
        // The requester answers, also after the decision.
        hub.vote(&request, "approve", "erik@example.com").await.expect(200);
        let mut nora = signed_in(&hub, "nora").await;
        assert!(words(nora.open(&page(&request, "")).await.expect_page(200)).contains("Dana Reyes commented"));
        assert_eq!(nora.submit(&page(&request, "/comments"), &[("text", "Before.")]).await.status, 303);
        let listed = hub.get(&path(&request, "/comments")).await.expect(200);
        assert_eq!(listed["items"].as_array().unwrap().len(), 2);
        assert_eq!((&listed["items"][0]["text"], &listed["items"][1]["person"]), (&json!(text), &json!("nora@example.com")));
        assert!(hub.get(&path(&request, "/audit")).await.text.contains("request.commented"));
        // Who only reads, or may not see it, says nothing.
        for (person, status) in [("ada", 403), ("sam", 404)] {
            let mut other = signed_in(&hub, person).await;
            other.open("/account").await;
            assert_eq!(other.submit(&page(&request, "/comments"), &[("text", "x")]).await.status, status, "{person}");
        }
        let long = "x".repeat(1_001);
        for wrong in [" ", long.as_str()] {
            nora.open(&page(&request, "")).await;
            let refused = nora.submit(&page(&request, "/comments"), &[("text", wrong)]).await;
            assert!(refused.expect_page(422).contains(&format!("{wrong}</textarea>")), "{}", refused.text);
        }
        for number in 2..200 {
            hub.post(&path(&request, "/comments"), &json!({"text": format!("{number}")})).await.expect(201);
        }
        assert_eq!(hub.post(&path(&request, "/comments"), &json!({"text": "one more"})).await.problem(422), "too_many");
    }

    async fn a_reminder_is_sent_once_in_ten_minutes(database: Database) {
        let receiver = Receiver::start().await;
        let hub = TestHub::start(database).await.with_policy().await;
        let (endpoint, _) = hub.endpoint("hook", "custom", &receiver.url, &["dba"]).await;
        let request = hub.ask("orders", "x").await;
        let mut nora = signed_in(&hub, "nora").await;
        nora.open(&page(&request, "")).await;
        assert_eq!(nora.submit(&page(&request, "/remind"), &[]).await.location(), page(&request, ""));
        hub.delivery(&endpoint, "request.reminded", "delivered").await;
        let seen = words(nora.open(&page(&request, "")).await.expect_page(200));
        assert!(seen.contains("reminded those who have not decided") && seen.contains("Reminded at 12:00; again from 12:10"), "{seen}");
        let again = nora.submit(&page(&request, "/remind"), &[("text", "half <b>typed</b>")]).await;
        let html = again.expect_page(429);
        assert!(html.contains("the next one may follow at") && html.contains("half &#60;b&#62;typed"), "{html}");
        hub.advance(599);
        assert_eq!(hub.post(&path(&request, "/remind"), &json!({})).await.problem(429), "reminded_lately");
        hub.advance(1);
        let sent = hub.post(&path(&request, "/remind"), &json!({})).await.expect(200);
        assert_eq!(sent["again_from"], "2026-11-21T12:20:00.000000Z");
        hub.vote(&request, "approve", "dana@example.com").await.expect(200);
        hub.advance(600);
        assert_eq!(hub.post(&path(&request, "/remind"), &json!({})).await.problem(409), "already_decided");
    }

    async fn what_happened_is_told_in_order(database: Database) {
        let receiver = Receiver::start().await;
        let hub = TestHub::start(database).await.with_policy().await;
        let (endpoint, _) = hub.endpoint("hook", "custom", &receiver.url, &["dba"]).await;
        let request = hub.ran("DELETE FROM carts WHERE id = 6", "succeeded").await;
        hub.delivery(&endpoint, "execution.finished", "delivered").await;
        let steps = hub.get(&path(&request, "/timeline")).await.expect(200)["items"].clone();
        let what = |wanted: &str| steps.as_array().unwrap().iter().position(|step| step["what"] == wanted);
        let order: Vec<_> = ["request.created", "request.voted", "request.approved", "execution.claimed", "execution.finished"]
            .map(what).into_iter().collect::<Option<Vec<_>>>().unwrap();
        assert!(order.is_sorted(), "{steps}");
        assert!(what("told").is_some(), "{steps}");
        let mut dana = signed_in(&hub, "dana").await;
        let seen = words(dana.open(&page(&request, "")).await.expect_page(200));
        for part in [
            "Approved, and run once: succeeded", "41 rows", "Told hook", "You approved for dba, through a trusted system",
            "began to run it", "reported: succeeded, exit code 0",
        ] {
            assert!(seen.contains(part), "{part}: {seen}");
        }
    }

    async fn what_was_before_helps_to_judge(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        hub.ran("DELETE FROM carts WHERE id = 5", "failed").await;
        hub.advance(60);
        hub.ran("DELETE FROM carts  WHERE id = 6", "succeeded").await;
        let rejected = hub.ask("orders", "DELETE FROM carts WHERE id = 7").await;
        let reject = json!({"on_behalf_of": "dana@example.com", "reason": "takes <b>later</b> imports"});
        hub.post(&path(&rejected, "/reject"), &reject).await.expect(200);
        // Of another pattern, and of another resource.
        hub.ran("DELETE FROM orders WHERE id = 5", "failed").await;
        let other = json!({"resource": "customers", "command": "DELETE FROM carts WHERE id = 5"});
        hub.post("/v1/requests", &json!({"resource": other["resource"], "command": other["command"], "requester": {"email": "nora@example.com"}})).await.expect(201);
        hub.advance(60);
        let request = hub.ask("orders", "DELETE FROM carts WHERE id = 8").await;
        let history = hub.get(&path(&request, "/history")).await.expect(200);
        assert_eq!((&history["decided"], &history["approved"]), (&json!(3), &json!(2)), "{history}");
        assert_eq!(history["last_run"]["status"], "succeeded", "{history}");
        let mut dana = signed_in(&hub, "dana").await;
        let html = dana.open(&page(&request, "")).await.expect_page(200).to_owned();
        let seen = words(&html);
        for part in ["2 of 3 approved", "Rejected in 0 s by you takes", "<b>later</b>", "Succeeded", "Not run"] {
            assert!(seen.contains(&part.replace('<', "&#60;").replace('>', "&#62;")), "{part}: {seen}");
        }
        assert!(html.contains("<code>7</code>") && html.contains("<code>6</code>") && html.contains("<code>5</code>"), "{html}");
        // A revision has its own pattern.
        hub.post(&path(&request, "/revise"), &json!({"command": "SELECT 1"})).await.expect(200);
        let history = hub.get(&path(&request, "/history")).await.expect(200);
        assert_eq!((&history["decided"], &history["own"]), (&json!(0), &json!([])), "{history}");
    }

    async fn a_page_takes_few_statements(database: Database) {
        statements::listen();
        let receiver = Receiver::start().await;
        let hub = TestHub::start(database).await.with_policy().await;
        for name in ["one", "two", "three"] {
            hub.endpoint(name, "custom", &receiver.url, &["dba"]).await;
        }
        for number in 0..7 {
            hub.ran(&format!("DELETE FROM carts WHERE id = {number}"), "succeeded").await;
        }
        let request = hub.ask("customers", "DELETE FROM carts WHERE id = 8").await;
        hub.vote(&request, "approve", "sam@example.com").await.expect(200);
        let url = hub.database.url.clone();
        statements::report_plans(&url).await;
        let hub = hub.restart().await;
        let mut dana = signed_in(&hub, "dana").await;
        let path = page(&request, "");
        dana.open(&path).await.expect_page(200);
        let ran = statements::during(&url, async { dana.open(&path).await.expect_page(200); }).await;
        let texts: Vec<&str> = ran.iter().map(|one| one.sql.as_str()).collect();
        // Of the frame two, of the request two, of who may see it two, of its explanation five, and of its story three.
        assert!(texts.len() <= 14, "{}: {texts:#?}", texts.len());
    }
}
