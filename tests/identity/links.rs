//! Links under identity: who signed in is who votes, and what was typed survives the sign-in.

use serde_json::{Value, json};

use crate::support::{Browser, Database, Receiver, TestHub, on_both};

/// A hub whose resource `vault` has these settings, a pending request for it, and the links of its message.
async fn asked(database: Database, settings: Value) -> (TestHub, Receiver, Value, Value) {
    let hub = TestHub::start(database).await.with_policy().await;
    let mut resource = json!({"slots": [{"group": "dba", "needed": 2}]});
    resource.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    hub.put("/v1/resources/vault", &resource).await.expect(200);
    let receiver = Receiver::start().await;
    hub.endpoint("dba", "custom", &receiver.url, &["dba"]).await;
    let request = hub.ask("vault", "delete from carts").await;
    let links = receiver.wait_for(1).await[0].json()["data"]["links"].clone();
    (hub, receiver, request, links)
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no {pointer} in {value}"))
}

on_both! {
    async fn without_a_session_a_person_is_led_through_the_sign_in_and_back(database: Database) {
        let (hub, _receiver, request, links) = asked(database, json!({"min_assurance": "token"})).await;
        let link = text(&links, "/approve");
        let mut browser = Browser::new(&hub);
        let page = browser.open(link).await;
        assert!(page.expect_page(200).contains("Sign in to approve") && !page.text.contains("<select"), "{}", page.text);
        assert!(page.text.contains("delete from carts"), "the request is shown before the sign-in");
        let typed = [("decision", "reject"), ("reason", "not on a Friday"), ("approver", "erik@example.com")];
        let path = link.strip_prefix(&hub.url).unwrap();
        let sign_in = browser.submit(link, &typed).await.location().to_owned();
        assert_eq!(sign_in, format!("/sign-in?return={}", path.replace('/', "%2F")));
        assert_eq!(hub.show(&request).await["votes"], json!([]));

        let input = json!({"name": "dana", "scope": "approver", "person": "dana@example.com"});
        let made = hub.post("/v1/tokens", &input).await.expect(201);
        browser.open(&sign_in).await.expect_page(200);
        let fields = [("token", text(&made, "/secret")), ("return", path)];
        assert_eq!(browser.submit("/sign-in/token", &fields).await.location(), path);
        let back = browser.open(path).await;
        let page = back.expect_page(200);
        assert!(page.contains("You are <b>Dana Reyes</b>") && page.contains("not on a Friday"), "{page}");
        assert!(page.contains("Not decided yet.") && page.contains("press Reject"), "{page}");
        assert_eq!(hub.show(&request).await["votes"], json!([]), "coming back decides nothing");

        // The name in the form does not count: who signed in is who votes.
        browser.submit(path, &typed).await.location();
        let vote = hub.show(&request).await["votes"][0].clone();
        assert_eq!((text(&vote, "/person"), text(&vote, "/assurance")), ("dana@example.com", "token"));
        assert_eq!((text(&vote, "/reason"), text(&vote, "/channel")), ("not on a Friday", "custom"));
        let path = format!("/v1/requests/{}/audit", text(&request, "/id"));
        let trail = hub.get(&path).await.expect(200);
        let actors: Vec<&str> = trail["items"].as_array().unwrap().iter().map(|entry| text(entry, "/actor/kind")).collect();
        assert!(actors.contains(&"session"), "{trail}");
    }

    async fn two_people_vote_with_one_link_when_they_sign_in(database: Database) {
        let (hub, _receiver, request, links) = asked(database, json!({"min_assurance": "token"})).await;
        for (person, status) in [("dana@example.com", "pending"), ("erik@example.com", "approved")] {
            let mut browser = Browser::signed_in(&hub, person).await;
            browser.open(text(&links, "/approve")).await;
            browser.submit(text(&links, "/approve"), &[("decision", "approve")]).await.location();
            assert_eq!(hub.show(&request).await["status"], status);
        }
    }

    async fn who_may_not_decide_is_told_so(database: Database) {
        let (hub, _receiver, request, links) = asked(database, json!({})).await;
        let link = text(&links, "/review");
        // Without a session, and without a need for one: as before.
        assert!(Browser::new(&hub).open(link).await.expect_page(200).contains("<select"));
        let mut sam = Browser::signed_in(&hub, "sam@example.com").await;
        let page = sam.open(link).await;
        assert!(page.text.contains("You are signed in as sam@example.com, who may not decide"), "{}", page.text);
        assert!(!page.text.contains("<form"));
        // The form of another page, and that of nobody.
        let mut anonymous = Browser::new(&hub);
        anonymous.open(link).await;
        sam.page = anonymous.page.clone();
        let stale = sam.submit(link, &[("decision", "approve"), ("approver", "dana@example.com")]).await;
        assert!(stale.expect_page(403).contains("no longer valid"), "{}", stale.text);
        let mut dana = Browser::signed_in(&hub, "dana@example.com").await;
        dana.open(link).await;
        anonymous.page = dana.page.clone();
        let stale = anonymous.submit(link, &[("decision", "approve"), ("approver", "erik@example.com")]).await;
        assert_eq!(stale.status, 403, "{}", stale.text);
        assert_eq!(hub.show(&request).await["votes"], json!([]));
    }

    async fn a_link_for_one_person_names_them_to_another(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        let endpoint = json!({"name": "dana", "channel": "custom", "url": receiver.url, "groups": ["dba"], "recipient": "dana@example.com"});
        hub.post("/v1/endpoints", &endpoint).await.expect(201);
        hub.ask("orders", "delete from carts").await;
        let links = receiver.wait_for(1).await[0].json()["data"]["links"].clone();
        let link = text(&links, "/approve");
        let mut erik = Browser::signed_in(&hub, "erik@example.com").await;
        let page = erik.open(link).await;
        assert!(page.text.contains("This link was sent to dana@example.com, and only they can decide with it."), "{}", page.text);
        assert!(page.text.contains("You are signed in as erik@example.com"));
        let refused = erik.submit(link, &[("decision", "approve"), ("approver", "dana@example.com")]).await;
        assert_eq!(refused.status, 403);
        let mut dana = Browser::signed_in(&hub, "dana@example.com").await;
        dana.open(link).await;
        dana.submit(link, &[("decision", "approve")]).await.location();
    }

    async fn a_resource_can_demand_a_recent_sign_in(database: Database) {
        let (hub, _receiver, request, links) = asked(database, json!({"fresh_sign_in_seconds": 300})).await;
        let link = text(&links, "/approve");
        let mut browser = Browser::signed_in(&hub, "dana@example.com").await;
        browser.open(link).await.expect_page(200);
        hub.advance(300);
        // The page was shown in time, and the form is sent too late.
        let to_sign_in = browser.submit(link, &[("decision", "approve"), ("reason", "checked")]).await;
        assert!(to_sign_in.location().starts_with("/sign-in?return="));
        let page = browser.open(link).await;
        assert!(page.text.contains("requires a recent sign-in") && page.text.contains("checked"), "{}", page.text);
        // A token has no sign-in.
        let path = format!("/v1/requests/{}/approve", text(&request, "/id"));
        let on_behalf = json!({"on_behalf_of": "erik@example.com"});
        assert_eq!(hub.post(&path, &on_behalf).await.problem(403), "sign_in_stale");
        let mut again = Browser::signed_in(&hub, "dana@example.com").await;
        again.open(link).await;
        again.submit(link, &[("decision", "approve")]).await.location();
        assert_eq!(hub.show(&request).await["votes"][0]["person"], "dana@example.com");
    }

    async fn what_is_typed_is_kept_for_this_browser_and_link_and_a_quarter_of_an_hour(database: Database) {
        let (hub, receiver, _, links) = asked(database, json!({"min_assurance": "token"})).await;
        let link = text(&links, "/approve");
        let mut browser = Browser::new(&hub);
        browser.open(link).await;
        let command = "delete from carts\r\n  where old";
        browser.submit(link, &[("decision", "change"), ("command", command), ("reason", "narrower")]).await.location();
        let page = browser.open(link).await;
        assert!(page.text.contains("delete from carts\n  where old") && page.text.contains("narrower"), "{}", page.text);
        assert!(!Browser::new(&hub).open(link).await.text.contains("narrower"));
        hub.ask("vault", "another").await;
        let other = receiver.wait_for(2).await[1].json()["data"]["links"].clone();
        assert!(!browser.open(text(&other, "/approve")).await.text.contains("narrower"));
        let long = "x".repeat(20_000);
        browser.open(link).await;
        let refused = browser.submit(link, &[("decision", "reject"), ("reason", &long)]).await;
        assert_eq!(refused.status, 422, "{}", refused.text);
        hub.advance(900);
        assert!(!browser.open(link).await.text.contains("narrower"));
    }

    async fn without_a_provider_a_page_says_that_nobody_can_decide_with_sso(database: Database) {
        let (hub, _receiver, _, links) = asked(database, json!({"min_assurance": "sso"})).await;
        let mut browser = Browser::signed_in(&hub, "dana@example.com").await;
        for page in [browser.open(text(&links, "/approve")).await, Browser::new(&hub).open(text(&links, "/approve")).await] {
            assert!(page.expect_page(200).contains("this hub has no identity provider"), "{}", page.text);
            assert!(!page.text.contains("<form"), "{}", page.text);
        }
        let warnings = hub.get("/v1/resources/vault").await.expect(200)["warnings"].to_string();
        assert!(warnings.contains("this hub has no identity provider"), "{warnings}");
    }

    async fn a_path_that_is_no_text_is_a_page(database: Database) {
        let hub = TestHub::start(database).await;
        for path in ["/c/%ff", "/sign-in/link/%ff"] {
            assert!(Browser::new(&hub).open(path).await.expect_page(404).contains("not one of this hub"));
        }
    }
}
