//! The page of a request, and its forms.

use serde_json::{Value, json};

use crate::engine::path;
use crate::support::{Browser, Database, TestHub, on_both};

/// Text that tries to break out of its place on the page.
const HOSTILE: &str = "<script>alert(1)</script> \u{202e}& \"quoted\" '<img src=x>";

/// The path of a request's page, with what follows.
fn page(request: &Value, rest: &str) -> String {
    format!("/requests/{}{rest}", request["id"].as_str().unwrap())
}

/// The fields of a vote on what the request is now.
fn seen<'v>(request: &'v Value, decision: &'v str, reason: &'v str) -> [(&'static str, &'v str); 4] {
    let revision = if request["revision"] == 1 { "1" } else { "2" };
    [
        ("decision", decision),
        ("reason", reason),
        ("revision", revision),
        ("digest", request["digest"].as_str().unwrap()),
    ]
}

/// The text of a page without its tags, for what people read.
fn words(page: &str) -> String {
    let mut text = String::new();
    for piece in page.split('<').map(|piece| piece.split_once('>').map_or(piece, |(_, text)| text)) {
        text.push_str(piece);
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

async fn signed_in<'h>(hub: &'h TestHub, person: &str) -> Browser<'h> {
    Browser::signed_in(hub, &format!("{person}@example.com")).await
}

on_both! {
    async fn an_approver_reads_and_approves(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let ask = json!({
            "resource": "orders", "command": "UPDATE carts SET x = 30\nWHERE id = 'a';", "language": "sql",
            "reason": "the import was wrong", "requester": {"email": "nora@example.com", "name": "Nora claims"},
            "context": {"ticket": "OPS-1"},
        });
        let request = hub.post("/v1/requests", &ask).await.expect(201);
        assert_eq!(request["url"], format!("{}{}", hub.url, page(&request, "")));
        let mut dana = signed_in(&hub, "dana").await;
        // What is in messages leads here.
        let shown = dana.open(request["url"].as_str().unwrap()).await;
        let html = shown.expect_page(200);
        assert!(html.contains("<span class=\"k\">UPDATE</span> carts <span class=\"k\">SET</span> x = <span class=\"d\">30</span>"), "{html}");
        assert!(html.contains("sql, 2 lines, 39 bytes, complete"), "{html}");
        let text = words(html);
        for part in [
            "nora@example.com asks to run a command on orders", "the import was wrong",
            "You are asked because you are in dba", "1 h left", "You can", "erik@example.com can", "0 of 1",
            "It waits for approvals: 1 of group dba.", "OPS-1", "Nora claims",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let done = dana.submit(&page(&request, "/vote"), &seen(&request, "approve", "")).await;
        assert_eq!(done.location(), page(&request, ""));
        assert_eq!(hub.show(&request).await["status"], "approved");
        let text = words(dana.open(done.location()).await.expect_page(200));
        assert!(text.contains("Approved, not run yet") && text.contains("by you") && text.contains("You approved at 12:00"), "{text}");
        assert!(!text.contains("Your decision"), "{text}");
    }

    async fn who_may_see_the_request_sees_the_page_and_nobody_else(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let people = json!({"people": {
            "nora@example.com": {"name": "Nora"}, "olga@example.com": {"name": "Olga", "roles": ["admin"]}, "ada@example.com": {"name": "Ada", "roles": ["auditor"]},
        }});
        hub.post("/v1/apply", &people).await.expect(200);
        let request = hub.ask("orders", "x").await;
        // Who, status, whether they may decide, and whether they may change it.
        for (person, status, decides, changes) in [
            ("nora", 200, false, true),
            ("olga", 200, false, true),
            ("ada", 200, false, false),
            ("sam", 404, false, false),
            ("nobody", 404, false, false),
            ("dana", 200, true, false),
        ] {
            let mut browser = signed_in(&hub, person).await;
            let text = words(browser.open(&page(&request, "")).await.expect_page(status));
            assert_eq!(text.contains("Your decision"), decides, "{person}: {text}");
            assert_eq!(text.contains("Take it back"), changes, "{person}: {text}");
            let edit = browser.open(&page(&request, "/edit")).await;
            assert_eq!(edit.status, if status == 404 { 404 } else if decides { 200 } else { 303 }, "{person}");
            // No form does more than the page offers.
            browser.open("/account").await;
            let vote = browser.submit(&page(&request, "/vote"), &seen(&request, "reject", "no")).await;
            assert_eq!(vote.status, if status == 404 { 404 } else if decides { 303 } else { 403 }, "{person}: {}", vote.text);
        }
    }

    async fn a_rejection_needs_a_reason_and_what_was_typed_stays(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let ask = json!({"resource": "access", "kind": "jit", "duration_seconds": 3600, "requester": {"email": "nora@example.com"}});
        hub.put("/v1/resources/access", &json!({"slots": [{"group": "dba"}]})).await.expect(200);
        let request = hub.post("/v1/requests", &ask).await.expect(201);
        let mut dana = signed_in(&hub, "dana").await;
        let text = words(dana.open(&page(&request, "")).await.expect_page(200));
        assert!(text.contains("asks for 1 h of access to access"), "{text}");
        let vote = page(&request, "/vote");
        let refused = dana.submit(&vote, &seen(&request, "reject", " ")).await;
        assert!(refused.expect_page(422).contains("a reason is required to reject"), "{}", refused.text);
        let [decision, _, revision, digest] = seen(&request, "approve", "");
        for (fields, error) in [
            (vec![decision, ("reason", "why <b>not</b>"), revision, digest, ("duration", "9999")], "shorter"),
            (vec![decision, ("reason", "why <b>not</b>"), revision, digest, ("duration", "soon")], "digits only"),
            (vec![("reason", "why <b>not</b>"), revision, digest], "press Approve or Reject"),
            (vec![decision, ("reason", "why <b>not</b>")], "this form is incomplete"),
            (vec![decision, ("reason", "why <b>not</b>"), revision, digest, ("seat", "no such/group")], "choose one"),
        ] {
            let answer = dana.submit(&vote, &fields).await;
            assert!((400..500).contains(&answer.status), "{}", answer.text);
            assert!(answer.text.contains(error) && answer.text.contains("why &#60;b&#62;not&#60;/b&#62;</textarea>"), "{}", answer.text);
            assert_eq!(hub.show(&request).await["status"], "pending");
        }
        let fields = [decision, ("reason", ""), revision, digest, ("duration", "600"), ("return", "/account")];
        assert_eq!(dana.submit(&vote, &fields).await.location(), "/account");
        assert_eq!(hub.show(&request).await["votes"][0]["narrowing"]["duration_seconds"], 600);
        let request = hub.ask("orders", "x").await;
        dana.open(&page(&request, "")).await;
        let rejected = dana.submit(&page(&request, "/vote"), &seen(&request, "reject", "dry run first")).await;
        assert_eq!(rejected.location(), page(&request, ""));
        assert!(dana.open(rejected.location()).await.text.contains("dry run first"));
        dana.open("/account").await;
        let fields = [&seen(&request, "reject", "again")[..], &[("return", "https://evil.example.com/")]].concat();
        assert_eq!(dana.submit(&page(&request, "/vote"), &fields).await.status, 409);
    }

    async fn a_vote_on_what_was_changed_meanwhile_is_not_counted(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let before = hub.ask("orders", "UPDATE a SET b = 1 WHERE state = 'packed'").await;
        let mut dana = signed_in(&hub, "dana").await;
        dana.open(&page(&before, "")).await;
        let change = json!({"command": "UPDATE a SET b = 1 WHERE state = 'packed' AND hub = 'LEJ'", "reason": "only one hub"});
        hub.post(&path(&before, "/revise"), &change).await.expect(200);
        let stale = dana.submit(&page(&before, "/vote"), &seen(&before, "approve", "Fine <b>until</b> Sunday")).await;
        let html = stale.expect_page(412).to_owned();
        assert!(html.contains("<ins> AND hub = &#39;LEJ&#39;</ins>"), "{html}");
        let text = words(&html);
        for part in ["was changed while you looked", "not counted", "only one hub", "you saw revision 1, it is 2 now", "Decide on revision 2"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert_eq!(hub.show(&before).await["votes"], json!([]));
        // The reason is still there on the page, and the digest is another one.
        let again = dana.open(&page(&before, "")).await;
        assert!(again.expect_page(200).contains("Fine &#60;b&#62;until&#60;/b&#62; Sunday</textarea>"), "{}", again.text);
        assert!(words(&again.text).contains("Not decided yet"), "{}", again.text);
        let now = hub.show(&before).await;
        assert_eq!(dana.submit(&page(&before, "/vote"), &seen(&now, "approve", "")).await.status, 303);
        assert_eq!(hub.show(&before).await["status"], "approved");
        // The text is for one decision.
        assert!(!dana.open(&page(&before, "")).await.text.contains("until"), "{}", dana.page);
    }

    async fn an_approver_changes_the_command_after_a_check(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let rule = json!({"name": "no-drop", "effect": "deny", "statements": ["drop table"], "reason": "restore takes a day"});
        hub.put("/v1/resources/orders", &json!({"slots": [{"group": "dba"}], "guardrails": [rule]})).await.expect(200);
        let request = hub.ask("orders", "DELETE FROM carts").await;
        let mut dana = signed_in(&hub, "dana").await;
        let html = dana.open(&page(&request, "/edit")).await.expect_page(200).to_owned();
        assert!(html.contains(">\nDELETE FROM carts</textarea>"), "{html}");
        let typed = [("command", "DELETE FROM carts WHERE id = 7"), ("reason", "only <b>one</b>")];
        let checked = dana.submit(&page(&request, "/edit"), &typed).await;
        let html = checked.expect_page(200);
        assert!(html.contains("<ins> WHERE id = 7</ins>") && html.contains("No rule refuses it"), "{html}");
        assert!(html.contains("DELETE FROM carts WHERE id = 7</textarea>") && html.contains("only &#60;b&#62;one"), "{html}");
        assert_eq!(hub.show(&request).await["revision"], 1, "a check changes nothing");
        let denied = dana.submit(&page(&request, "/edit"), &[("command", "drop table carts")]).await;
        assert!(words(denied.expect_page(200)).contains("Rule no-drop refuses this command: restore takes a day"), "{}", denied.text);
        let [_, _, revision, digest] = seen(&request, "", "");
        let empty = [("decision", "change"), ("command", " "), ("reason", "kept"), revision, digest];
        let refused = dana.submit(&page(&request, "/vote"), &empty).await;
        assert!(refused.expect_page(422).contains("Approve this command") && refused.text.contains("kept</textarea>"), "{}", refused.text);
        let fields = [("decision", "change"), typed[0], typed[1], revision, digest];
        assert_eq!(dana.submit(&page(&request, "/vote"), &fields).await.location(), page(&request, ""));
        let now = hub.show(&request).await;
        assert_eq!((&now["status"], &now["command"], &now["modified_by"]), (&json!("approved"), &json!(typed[0].1), &json!("dana@example.com")));
    }

    async fn the_requester_changes_and_takes_it_back(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        // Whom the hub knows may ask.
        hub.put("/v1/people/nora@example.com", &json!({"name": "Nora Lindqvist"})).await.expect(200);
        let request = hub.ask("orders", "x").await;
        let mut nora = signed_in(&hub, "nora").await;
        let text = words(nora.open(&page(&request, "")).await.expect_page(200));
        assert!(text.contains("You ask to run a command on orders"), "{text}");
        nora.open(&page(&request, "/revise")).await.expect_page(200);
        let fields = [("command", "y"), ("reason", "better"), ("revision", "1")];
        assert_eq!(nora.submit(&page(&request, "/revise"), &fields).await.location(), page(&request, ""));
        let now = hub.show(&request).await;
        assert_eq!((&now["command"], &now["revision"]), (&json!("y"), &json!(2)));
        // From an older page.
        nora.open(&page(&request, "")).await;
        let stale = nora.submit(&page(&request, "/revise"), &[("command", "z"), ("reason", "kept"), ("revision", "1")]).await;
        assert!(stale.expect_page(412).contains(">\nz</textarea>") && stale.text.contains("kept"), "{}", stale.text);
        assert_eq!(nora.submit(&page(&request, "/cancel"), &[("reason", "not needed")]).await.location(), page(&request, ""));
        let text = words(nora.open(&page(&request, "")).await.expect_page(200));
        assert!(text.contains("Cancelled") && text.contains("not needed"), "{text}");
        // Once more changes nothing, and it can be asked again.
        assert!(nora.page.contains(&format!("href=\"/ask?like={}\"", request["id"].as_str().unwrap())), "{}", nora.page);
        nora.open("/account").await;
        assert_eq!(nora.submit(&page(&request, "/cancel"), &[]).await.status, 303);
        assert_eq!(nora.submit(&page(&request, "/revise"), &fields).await.status, 403, "a form needs its nonce");
    }

    async fn a_stand_in_is_asked_for_the_absent_member(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let away = json!({"people": {"sam@example.com": {"name": "Sam Okafor", "absence": {"delegate": "erik@example.com"}}}});
        let applied = hub.post("/v1/apply", &away).await;
        assert_eq!(applied.status, 200, "{}", applied.text);
        let request = hub.ask("customers", "x").await;
        let mut erik = signed_in(&hub, "erik").await;
        let html = erik.open(&page(&request, "")).await.expect_page(200).to_owned();
        let text = words(&html);
        assert!(text.contains("You are asked because you are in dba and stand in for Sam Okafor in security"), "{text}");
        assert!(text.contains("Sam Okafor is away; you stand in"), "{text}");
        assert!(html.contains("value=\"security/sam@example.com\""), "{html}");
        let fields = [&seen(&request, "approve", "")[..], &[("seat", "security/sam@example.com")]].concat();
        assert_eq!(erik.submit(&page(&request, "/vote"), &fields).await.status, 303);
        let vote = &hub.show(&request).await["votes"][0];
        assert_eq!((&vote["on_behalf_of"], &vote["group"]), (&json!("sam@example.com"), &json!("security")));
    }

    async fn texts_of_people_stay_text(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        hub.put("/v1/people/erik@example.com", &json!({"name": HOSTILE})).await.expect(200);
        let ask = json!({
            "resource": "orders", "command": format!("delete from {HOSTILE}\n-- {HOSTILE}"), "language": "sql", "reason": HOSTILE,
            "context": {HOSTILE: HOSTILE}, "labels": {"note": HOSTILE},
            "requester": {"email": "nora@example.com", "name": HOSTILE},
        });
        let request = hub.post("/v1/requests", &ask).await.expect(201);
        let change = json!({"command": format!("select {HOSTILE}"), "reason": HOSTILE});
        hub.post(&path(&request, "/revise"), &change).await.expect(200);
        let now = hub.show(&request).await;
        let mut dana = signed_in(&hub, "dana").await;
        let mut pages = vec![dana.open(&page(&request, "")).await.expect_page(200).to_owned()];
        pages.push(dana.submit(&page(&request, "/vote"), &seen(&request, "approve", HOSTILE)).await.expect_page(412).to_owned());
        dana.open(&page(&request, "")).await;
        let fields = [("command", HOSTILE), ("reason", HOSTILE), ("seat", HOSTILE)];
        pages.push(dana.submit(&page(&request, "/edit"), &fields).await.expect_page(200).to_owned());
        assert_eq!(dana.submit(&page(&request, "/vote"), &seen(&now, "reject", HOSTILE)).await.status, 303);
        pages.push(dana.open(&page(&request, "")).await.expect_page(200).to_owned());
        for html in pages {
            assert!(!html.contains("<script>") && !html.contains("<img src=x") && !html.contains('\u{202e}'), "{html}");
            assert!(html.contains("&#60;script&#62;"), "{html}");
        }
    }
}
