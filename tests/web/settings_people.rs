//! The pages of groups, people, tokens and the audit trail.

use serde_json::{Value, json};

use crate::support::{Browser, Database, TestHub, on_both};

const HOSTILE: &str = "<script>alert(1)</script> \u{202e}x";

async fn get(hub: &TestHub, path: &str) -> Value {
    hub.get(path).await.expect(200)
}

fn actions(trail: &Value) -> Vec<String> {
    let items = trail["items"].as_array().unwrap();
    items.iter().map(|entry| entry["action"].as_str().unwrap().to_owned()).collect()
}

on_both! {
    async fn groups_are_made_changed_and_deleted_as_by_the_api(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let mut browser = hub.admin().await;
        browser.open("/settings/new/group").await.expect_page(200);
        let fields = [("name", "board"), ("members", "ida@example.com\nDana@example.com, sam@example.com"), ("from_claim", "cn=board, ou=x\nboard-2")];
        assert_eq!(browser.does("/settings/new/group", &fields).await, "/settings/groups/board");
        let group = get(&hub, "/v1/groups/board").await;
        assert_eq!(group["members"], json!(["dana@example.com", "ida@example.com", "sam@example.com"]));
        assert_eq!(group["from_claim"], json!(["board-2", "cn=board, ou=x"]));
        browser.open("/settings/new/group").await.expect_page(200);
        let twice = browser.submit("/settings/new/group", &[("name", "board"), ("members", "x@example.com")]).await;
        assert!(twice.status >= 400 && twice.text.contains("id=\"name-e\"") && twice.text.contains("x@example.com"), "{}", twice.text);
        let wrong = browser.submit("/settings/new/group", &[("name", "new"), ("members", HOSTILE)]).await;
        assert!(wrong.status >= 400 && wrong.text.contains("id=\"members-e\"") && !wrong.text.contains("<script>alert"), "{}", wrong.text);
        assert!(wrong.text.contains("&#60;script&#62;alert(1)"), "what was typed stays: {}", wrong.text);

        browser.open("/settings/groups/board").await.expect_page(200);
        browser.does("/settings/groups/board/members", &[("add", "new@example.com")]).await;
        browser.open("/settings/groups/board").await.expect_page(200);
        browser.does("/settings/groups/board/members", &[("remove", "sam@example.com")]).await;
        let group = get(&hub, "/v1/groups/board").await;
        assert_eq!(group["members"], json!(["dana@example.com", "ida@example.com", "new@example.com"]));
        assert_eq!(group["from_claim"], json!(["board-2", "cn=board, ou=x"]), "the claims stay");
        browser.open("/settings/groups/board").await.expect_page(200);
        let refused = browser.submit("/settings/groups/board/members", &[("add", "nobody")]).await;
        assert!(refused.status >= 400 && refused.text.contains("id=\"add-e\""), "{}", refused.text);
        browser.open("/settings/groups/board/edit").await.expect_page(200);
        assert!(browser.page.contains("cn=board, ou=x"), "{}", browser.page);
        browser.does("/settings/groups/board/edit", &[("members", "ida@example.com"), ("from_claim", "")]).await;
        let group = get(&hub, "/v1/groups/board").await;
        assert_eq!((&group["members"], &group["from_claim"]), (&json!(["ida@example.com"]), &Value::Null));

        browser.open("/settings/groups/dba").await.expect_page(200);
        let in_use = browser.submit("/settings/groups/dba/delete", &[]).await;
        assert!(in_use.expect_page(409).contains("names group dba"), "{}", in_use.text);
        browser.open("/settings/groups/board").await.expect_page(200);
        browser.does("/settings/groups/board/delete", &[]).await;
        assert_eq!(hub.get("/v1/groups/board").await.status, 404);
        assert_eq!(hub.audited("group.").await, ["group.put", "group.members", "group.members", "group.put", "group.deleted"]);
    }

    async fn people_have_roles_absences_and_links(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let mut browser = hub.admin().await;
        browser.open("/settings/new/person").await.expect_page(200);
        let fields = [
            ("email", "erik+x@example.com"), ("name", HOSTILE), ("roles", "auditor"), ("roles", "analyst"), ("absence/from", "2026-11-20T00:00"),
            ("absence/until", "2026-12-24T08:00"), ("absence/delegate", "dana@example.com"),
        ];
        let path = browser.does("/settings/new/person", &fields).await;
        assert_eq!(path, "/settings/people/erik%2Bx%40example.com");
        let person = get(&hub, "/v1/people/erik+x@example.com").await;
        let absence = json!({"from": "2026-11-20T00:00:00.000000Z", "until": "2026-12-24T08:00:00.000000Z", "delegate": "dana@example.com"});
        assert_eq!((&person["roles"], &person["absence"]), (&json!(["analyst", "auditor"]), &absence));
        for shown in ["/settings/people", &path, "/settings/groups"] {
            let page = browser.open(shown).await;
            assert!(!page.expect_page(200).contains("<script>alert"), "{shown}: {}", page.text);
        }
        let page = browser.open(&path).await;
        assert!(page.text.contains("⟨U+202E⟩") || page.text.contains("&#60;script&#62;"), "{}", page.text);
        assert!(page.text.contains("away until") && page.text.contains("dana@example.com stands in"), "{}", page.text);
        // What the form shows and sends back unchanged stays as it is.
        browser.open(&format!("{path}/edit")).await.expect_page(200);
        assert!(browser.page.contains("value=\"2026-12-24T08:00\""), "{}", browser.page);
        let wrong = [("name", "Erik"), ("absence/from", "2026-12-24T08:00"), ("absence/until", "2026-12-24T07:00")];
        let refused = browser.submit(&format!("{path}/edit"), &wrong).await;
        assert!(refused.status == 422 && refused.text.contains("id=\"absence/until-e\""), "{}", refused.text);
        assert_eq!(browser.does(&format!("{path}/edit"), &[("name", "Erik Sund")]).await, path);
        let person = get(&hub, "/v1/people/erik+x@example.com").await;
        assert_eq!((&person["name"], &person["roles"], &person["absence"]), (&json!("Erik Sund"), &json!([]), &Value::Null));

        browser.open(&path).await.expect_page(200);
        let made = browser.submit(&format!("{path}/sign-in-link"), &[]).await;
        let link = made.expect_page(200).split("<code class=\"secret\">").nth(1).unwrap().split('<').next().unwrap().to_owned();
        let mut erik = Browser::new(&hub);
        erik.open(&link).await.expect_page(200);
        assert_eq!(erik.submit(&link, &[]).await.location(), "/");
        erik.open("/account").await.expect_page(200);
        browser.open(&path).await.expect_page(200);
        browser.does(&format!("{path}/end-sessions"), &[]).await;
        assert_eq!(erik.open("/account").await.status, 303, "signed out");
        browser.open(&path).await.expect_page(200);
        assert_eq!(browser.does(&format!("{path}/delete"), &[]).await, "/settings/people");
        assert_eq!(hub.get("/v1/people/erik+x@example.com").await.status, 404);
    }

    async fn tokens_are_shown_once_replaced_and_revoked(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let mut browser = hub.admin().await;
        browser.open("/settings/new/token").await.expect_page(200);
        let secret_of = |text: &str| text.split("<code class=\"secret\">").nth(1).unwrap().split('<').next().unwrap().to_owned();
        let fields = [("name", HOSTILE), ("scope", "requester"), ("resources", "orders"), ("agent", "on"), ("expires_at", "2026-11-30T10:00")];
        let made = browser.submit("/settings/new/token", &fields).await;
        let secret = secret_of(made.expect_page(200));
        assert!(secret.starts_with("cs_") && !made.text.contains("<script>alert"), "{}", made.text);
        let me = hub.send(hub.call(reqwest::Method::GET, "/v1/me").bearer_auth(&secret)).await.expect(200);
        assert_eq!((&me["scopes"], &me["resources"], &me["agent"], &me["expires_at"]), (&json!(["requester"]), &json!(["orders"]), &json!(true), &json!("2026-11-30T10:00:00.000000Z")));
        let id = me["id"].as_str().unwrap().to_owned();
        let list = browser.open("/settings/tokens").await;
        let text = list.expect_page(200);
        assert!(!text.contains(&secret) && !text.contains("<script>alert") && text.contains("<span class=\"tag warn\">"), "{text}");
        browser.open("/settings/new/token").await.expect_page(200);
        let refused = browser.submit("/settings/new/token", &[("name", "votes"), ("scope", "approver")]).await;
        assert!(refused.status == 422 && refused.text.contains("id=\"person-e\"") && refused.text.contains("value=\"votes\""), "{}", refused.text);
        let never = browser.submit("/settings/new/token", &[("name", "forever"), ("scope", "analyst"), ("never", "on")]).await;
        assert!(never.expect_page(200).contains("It does not expire."), "{}", never.text);

        browser.open("/settings/tokens").await.expect_page(200);
        let rotated = browser.submit(&format!("/settings/tokens/{id}/rotate"), &[("overlap_seconds", "0")]).await;
        let second = secret_of(rotated.expect_page(200));
        assert_eq!(hub.send(hub.call(reqwest::Method::GET, "/v1/me").bearer_auth(&secret)).await.status, 401);
        assert_eq!(hub.send(hub.call(reqwest::Method::GET, "/v1/me").bearer_auth(&second)).await.status, 200);
        browser.open("/settings/tokens").await.expect_page(200);
        browser.does(&format!("/settings/tokens/{id}/revoke"), &[]).await;
        assert_eq!(hub.send(hub.call(reqwest::Method::GET, "/v1/me").bearer_auth(&second)).await.status, 401);
        assert_eq!(hub.audited("token.").await, ["token.created", "token.created", "token.rotated", "token.revoked"]);
    }

    async fn the_audit_trail_is_read_newest_first_page_by_page(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        hub.put("/v1/people/eve@example.com", &json!({"name": HOSTILE})).await.expect(200);
        for number in 0..120 {
            hub.put("/v1/people/eve@example.com", &json!({"name": format!("{HOSTILE} {number}")})).await.expect(200);
        }
        let mut browser = hub.browser_of("ada@example.com", &["auditor"]).await;
        let newest = get(&hub, "/v1/audit?order=newest&limit=500").await;
        let mut oldest = actions(&get(&hub, "/v1/audit?limit=500").await);
        oldest.reverse();
        assert_eq!(actions(&newest), oldest);
        let first = get(&hub, "/v1/audit?order=newest&limit=3").await;
        let cursor = first["next_cursor"].as_str().unwrap();
        let second = get(&hub, &format!("/v1/audit?order=newest&limit=3&cursor={cursor}")).await;
        assert_eq!([first["items"].as_array().unwrap().clone(), second["items"].as_array().unwrap().clone()].concat(), newest["items"].as_array().unwrap()[..6]);
        assert_eq!(hub.get("/v1/audit?order=sideways").await.problem(400), "invalid_parameter");

        let page = browser.open("/settings/audit").await;
        let text = page.expect_page(200).to_owned();
        assert!(!text.contains("<script>alert") && text.matches("<tr id=\"e").count() == 50, "{text}");
        let (mut shown, mut text) = (50, text);
        while let Some(rest) = text.split("href=\"/settings/audit?cursor=").nth(1) {
            let next = rest.split('"').next().unwrap();
            text = browser.open(&format!("/settings/audit?cursor={next}")).await.expect_page(200).to_owned();
            shown += text.matches("<tr id=\"e").count();
        }
        assert_eq!(shown, actions(&get(&hub, "/v1/audit?limit=500").await).len());
        assert!(browser.open("/settings/audit?order=oldest").await.expect_page(200).contains("<tr id=\"e1\">"));
    }
}

#[tokio::test]
async fn long_lists_of_groups_and_people_go_on_behind_the_last_name() {
    let hub = TestHub::start(Database::sqlite()).await;
    let groups: serde_json::Map<_, _> =
        (0..60).map(|n| (format!("g{n:02}"), json!({"members": ["dana@example.com"]}))).collect();
    let people: serde_json::Map<_, _> =
        (0..120).map(|n| (format!("p{n:03}@example.com"), json!({"name": format!("P {n}")}))).collect();
    hub.post("/v1/apply", &json!({"groups": groups, "people": people})).await.expect(200);
    hub.put("/v1/people/dana@example.com", &json!({"name": "Dana", "absence": {"until": null}})).await.expect(200);
    let mut browser = hub.admin().await;
    for (path, rows, last) in [("/settings/groups", 60, "g49"), ("/settings/people", 122, "p097@example.com")] {
        let first = browser.open(path).await.expect_page(200).to_owned();
        let cursor = first.split(&format!("{path}?cursor=")).nth(1).unwrap().split('"').next().unwrap().to_owned();
        assert_eq!(cursor.replace("%40", "@"), last);
        let second = browser.open(&format!("{path}?cursor={cursor}")).await.expect_page(200).to_owned();
        let count = |text: &str| text.matches("<tr><th scope=\"row\">").count();
        assert_eq!(count(&first) + count(&second), rows, "{path}");
    }
}

#[tokio::test]
async fn a_group_that_a_directory_manages_says_so() {
    let hub = TestHub::start(Database::sqlite()).await.with_policy().await;
    let scim = hub.token_of("scim").await;
    let user = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "ida@example.com", "active": true});
    let call = hub.call(reqwest::Method::POST, "/scim/v2/Users").bearer_auth(&scim).json(&user);
    let id = hub.send(call).await.expect(201)["id"].clone();
    let group = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "board", "members": [{"value": id}]});
    let call = hub.call(reqwest::Method::POST, "/scim/v2/Groups").bearer_auth(&scim).json(&group);
    hub.send(call).await.expect(201);
    let mut browser = hub.admin().await;
    let page = browser.open("/settings/groups/board").await;
    assert!(
        page.expect_page(200).contains("A directory manages the members") && !page.text.contains("Remove"),
        "{}",
        page.text
    );
    browser.open("/settings/groups/board/edit").await.expect_page(200);
    let refused = browser.submit("/settings/groups/board/edit", &[("members", "x@example.com")]).await;
    assert!(
        refused.expect_page(409).contains("Nothing was saved.") && refused.text.contains("x@example.com"),
        "{}",
        refused.text
    );
}
