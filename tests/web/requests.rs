//! The list of requests: what the API lists, with its filters as the address, and views that people name.

use reqwest::Method;
use serde_json::{Value, json};

use crate::store::statements;
use crate::support::{Browser, Database, TestHub, on_both};

/// A hub with people: olga reads everything, nora asks.
async fn hub_of(database: Database) -> TestHub {
    let hub = TestHub::start(database).await.with_policy().await;
    hub.put("/v1/people/olga@example.com", &json!({"name": "Olga Petrova", "roles": ["auditor"]})).await.expect(200);
    hub.put("/v1/people/nora@example.com", &json!({"name": "Nora Lindqvist"})).await.expect(200);
    hub
}

/// The secret of a new token of that person.
async fn secret_of(hub: &TestHub, scope: &str, person: &str) -> String {
    let made = hub.post("/v1/tokens", &json!({"name": person, "scope": scope, "person": person})).await.expect(201);
    made["secret"].as_str().unwrap().to_owned()
}

/// The requests of a page, in order.
fn ids(page: &str) -> Vec<String> {
    page.split("<a href=\"/requests/req_").skip(1).map(|rest| format!("req_{}", &rest[..32])).collect()
}

/// Where a link with that text leads.
fn link(page: &str, text: &str) -> Option<String> {
    let before = page.split(&format!(">{text}</a>")).next().filter(|before| before.len() < page.len())?;
    let path = before.rsplit("href=\"").next()?.split('"').next()?;
    Some(path.replace("&#38;", "&"))
}

async fn listed(hub: &TestHub, query: &str) -> (Vec<String>, Option<String>) {
    let page = hub.get(&format!("/v1/requests?{query}")).await.expect(200);
    let ids = page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect();
    (ids, page["next_cursor"].as_str().map(str::to_owned))
}

on_both! {
    async fn filters_and_pages_are_those_of_the_api(database: Database) {
        let hub = hub_of(database).await;
        for number in 0..120 {
            let resource = if number % 3 == 0 { "customers" } else { "orders" };
            let made = hub.ask(resource, &format!("select {number};")).await;
            match number % 5 {
                0 => drop(hub.vote(&made, "approve", "dana@example.com").await),
                1 => drop(hub.vote(&made, "reject", "erik@example.com").await),
                _ => {}
            }
            hub.advance(60);
        }
        let mut olga = Browser::signed_in(&hub, "olga@example.com").await;
        for query in [
            "",
            "status=pending",
            "status=rejected&resource=orders",
            "kind=jit",
            "requester=nora@example.com&resource=customers",
            "group=security",
            "approver=dana@example.com",
            "approver=erik@example.com&status=pending",
            "waiting_for=sam@example.com",
            "from=2026-11-21T12:30:00Z&to=2026-11-21T13:30:00Z",
        ] {
            let mut path = format!("/requests?{query}");
            let (mut cursor, mut pages) = (None, Vec::new());
            loop {
                let more = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
                let (expected, next) = listed(&hub, &format!("{query}{more}")).await;
                let page = olga.open(&path).await.expect_page(200).to_owned();
                assert_eq!(ids(&page), expected, "{query}");
                pages.push(expected);
                assert_eq!(link(&page, "Older").is_some(), next.is_some(), "{query}");
                let (Some(older), Some(next)) = (link(&page, "Older"), next) else { break };
                (path, cursor) = (older, Some(next));
            }
            if query.contains("waiting_for") {
                continue;
            }
            // And back again.
            for expected in pages.iter().rev().skip(1) {
                let newer = link(&olga.page, "Newer").unwrap_or_else(|| panic!("{query}: {}", olga.page));
                assert_eq!(ids(olga.open(&newer).await.expect_page(200)), *expected, "{query}");
            }
        }
    }

    async fn people_without_the_right_to_list_see_what_concerns_them(database: Database) {
        let hub = hub_of(database).await;
        let first = hub.ask("orders", "select 1;").await;
        let second = hub.ask("customers", "select 2;").await;
        hub.vote(&first, "approve", "dana@example.com").await.expect(200);
        let id = |request: &Value| request["id"].as_str().unwrap().to_owned();
        let (first, second) = (id(&first), id(&second));

        let mut nora = Browser::signed_in(&hub, "nora@example.com").await;
        assert_eq!(ids(nora.open("/requests").await.expect_page(200)), [second.clone(), first.clone()]);
        assert!(nora.page.contains("What concerns you"));
        let mut erik = Browser::signed_in(&hub, "erik@example.com").await;
        assert_eq!(ids(erik.open("/requests").await.expect_page(200)), Vec::<String>::new());
        assert_eq!(ids(erik.open("/requests?waiting_for=me").await.expect_page(200)), std::slice::from_ref(&second));
        // What somebody else asked or decided is not theirs to list: of the filter's requests, they made none.
        assert_eq!(ids(erik.open("/requests?requester=nora@example.com").await.expect_page(200)), Vec::<String>::new());
        let mut stranger = Browser::signed_in(&hub, "mary@example.com").await;
        stranger.open("/requests").await.expect_page(200);
        for query in ["requester=nora@example.com", "approver=dana@example.com", "waiting_for=dana@example.com"] {
            let page = stranger.open(&format!("/requests?{query}")).await;
            assert!(page.expect_page(400).contains("role=\"alert\"") && ids(&page.text).is_empty(), "{query}");
        }

        // The same through the API, with tokens of these people.
        let dana = secret_of(&hub, "approver", "dana@example.com").await;
        let get = async |query: &str| hub.send(hub.call(Method::GET, &format!("/v1/requests{query}")).bearer_auth(&dana)).await;
        assert_eq!(get("?approver=me").await.expect(200)["items"][0]["id"], first.as_str());
        assert_eq!(get("?requester=me").await.expect(200)["items"], json!([]));
        for query in ["", "?requester=nora@example.com", "?approver=erik@example.com", "?group=dba"] {
            assert_eq!(get(query).await.problem(403), "forbidden", "{query}");
        }
        assert_eq!(hub.get("/v1/requests?requester=me").await.problem(400), "invalid_parameter");
        let asker = secret_of(&hub, "requester", "nora@example.com").await;
        let own = hub.send(hub.call(Method::GET, "/v1/requests?requester=me").bearer_auth(&asker)).await.expect(200);
        assert_eq!(own["items"].as_array().unwrap().len(), 2);

        // Who has left the group no longer sees what it decides, as on the request's own page.
        let mut voter = Browser::signed_in(&hub, "dana@example.com").await;
        assert_eq!(ids(voter.open("/requests?approver=me").await.expect_page(200)), std::slice::from_ref(&first));
        hub.put("/v1/groups/dba", &json!({"members": ["erik@example.com", "olga@example.com"]})).await.expect(200);
        hub.put("/v1/groups/security", &json!({"members": ["sam@example.com"]})).await.expect(200);
        assert_eq!(ids(voter.open("/requests?approver=me").await.expect_page(200)), Vec::<String>::new());
        assert_eq!(get("?approver=me").await.expect(200)["items"], json!([]));
        assert_eq!(hub.send(hub.call(Method::GET, &format!("/v1/requests/{first}")).bearer_auth(&dana)).await.status, 404);
    }

    async fn what_cannot_be_read_is_marked_at_its_field(database: Database) {
        let hub = hub_of(database).await;
        hub.ask("orders", "select 1;").await;
        let mut olga = Browser::signed_in(&hub, "olga@example.com").await;
        for (query, field) in [
            ("status=open", "f-status"),
            ("resource=a%20b", "f-resource"),
            ("requester=nobody", "f-who"),
            ("from=yesterday", "f-from"),
            ("from=2026-11-22&to=2026-11-21", "f-to"),
            ("kind=other", "f-kind"),
            ("group=%3Cscript%3E", "f-group"),
            ("group=dba&approver=me", "f-approver"),
        ] {
            let page = olga.open(&format!("/requests?{query}")).await;
            let page = page.expect_page(400);
            assert!(page.contains(&format!("id=\"{field}-error\"")), "{query}: {page}");
            assert!(page.contains(&format!("aria-describedby=\"{field}-error\"")) && ids(page).is_empty(), "{query}");
            assert!(!page.contains("<script>"), "{page}");
        }
        for query in ["q=select", "cursor=nothing", "limit=3"] {
            assert!(olga.open(&format!("/requests?{query}")).await.expect_page(400).contains("role=\"alert\""), "{query}");
        }
        assert_eq!(ids(olga.open("/requests?status=&resource=&from=").await.expect_page(200)).len(), 1);
        // A day is one of the reader's.
        let day = olga.open("/requests?from=2026-11-21&to=2026-11-22").await;
        assert_eq!(ids(day.expect_page(200)).len(), 1);
    }

    async fn views_are_saved_under_a_name_for_their_owner_alone(database: Database) {
        let hub = hub_of(database).await;
        hub.ask("orders", "select 1;").await;
        let mut olga = Browser::signed_in(&hub, "olga@example.com").await;
        olga.open("/requests?status=rejected&from=2026-11-01").await;
        let name = "<img src=x onerror=alert(1)> ✂";
        let fields = [("query", "status=rejected&from=2026-11-01"), ("name", name)];
        let saved = olga.submit("/requests/views", &fields).await.location().to_owned();
        let page = olga.open(&saved).await.expect_page(200).to_owned();
        assert!(page.contains("&#60;img src=x onerror=alert(1)&#62; ✂") && !page.contains("<img"), "{page}");
        assert!(page.contains("aria-current=\"page\"><bdi>&#60;img"), "{page}");
        let call = hub.call(Method::GET, "/v1/me/views").header("Sec-Fetch-Site", "same-origin");
        let query = "status=rejected&from=2026-11-01T00%3A00%3A00.000000Z";
        assert_eq!(olga.send(call).await.expect(200)["items"], json!([{"name": name, "query": query}]));
        let mut nora = Browser::signed_in(&hub, "nora@example.com").await;
        assert!(!nora.open("/requests").await.text.contains("onerror"));

        for number in 1..20 {
            olga.open("/requests?status=expired").await;
            let fields = [("query", "status=expired"), ("name", &format!("view {number}"))];
            olga.submit("/requests/views", &fields).await.location();
        }
        olga.open("/requests?kind=jit").await;
        let full = olga.submit("/requests/views", &[("query", "kind=jit"), ("name", "one too many")]).await;
        assert!(full.expect_page(422).contains("20 views are the most") && full.text.contains("value=\"one too many\""));
        let unnamed = olga.submit("/requests/views", &[("query", "kind=jit"), ("name", "  ")]).await;
        assert!(unnamed.expect_page(422).contains("view-name-error"));
        let wrong = olga.submit("/requests/views", &[("query", "kind=other"), ("name", "x")]).await;
        assert!(wrong.expect_page(400).contains("f-kind-error"));
        olga.open(&saved).await;
        assert_eq!(olga.submit("/requests/views", &[("delete", name)]).await.location(), "/requests");
        assert!(!olga.open("/requests").await.text.contains("onerror"));
    }

    async fn programs_manage_the_views_of_their_person(database: Database) {
        let hub = hub_of(database).await;
        let secret = secret_of(&hub, "requester", "nora@example.com").await;
        let call = async |method: Method, path: &str, body: Value| {
            hub.send(hub.call(method, path).bearer_auth(&secret).json(&body)).await
        };
        let view = "/v1/me/views/My%20own";
        let saved = call(Method::PUT, view, json!({"query": "requester=me&status=pending"})).await.expect(200);
        assert_eq!(saved, json!({"name": "My own", "query": "requester=me&status=pending"}));
        for wrong in ["status=open", "colour=red", "a b"] {
            assert_eq!(call(Method::PUT, view, json!({"query": wrong})).await.problem(400), "invalid_parameter", "{wrong}");
        }
        assert_eq!(call(Method::DELETE, view, json!({})).await.status, 204);
        assert_eq!(call(Method::DELETE, view, json!({})).await.problem(404), "not_found");
        // The hub's own token belongs to nobody.
        assert_eq!(hub.get("/v1/me/views").await.problem(403), "forbidden");
    }

    async fn a_list_takes_six_statements_at_most(database: Database) {
        statements::listen();
        let hub = hub_of(database).await;
        for number in 0..60 {
            let made = hub.ask("customers", &format!("select {number};")).await;
            hub.vote(&made, "approve", "dana@example.com").await.expect(200);
        }
        let url = hub.database.url.clone();
        statements::report_plans(&url).await;
        let hub = hub.restart().await;
        for (person, queries) in [
            ("olga@example.com", vec!["", "status=approved&resource=customers", "group=security", "approver=dana@example.com"]),
            ("dana@example.com", vec!["", "approver=me", "requester=me"]),
        ] {
            let mut browser = Browser::signed_in(&hub, person).await;
            browser.open("/requests").await.expect_page(200);
            for query in queries {
                let path = format!("/requests?{query}");
                let ran = statements::during(&url, async { browser.open(&path).await.expect_page(200); }).await;
                let texts: Vec<&str> = ran.iter().map(|one| one.sql.as_str()).collect();
                assert!(texts.len() <= 6, "{person} {query}: {texts:#?}");
                let read = ran.iter().filter_map(|one| one.returned).max().unwrap_or(0);
                assert!(read <= 200, "{person} {query}: {read} rows");
            }
        }
    }

    async fn text_of_others_stays_text_and_a_command_is_one_line(database: Database) {
        let hub = hub_of(database).await;
        let command = "\n  <script>alert(1)</script>\u{202e}\u{200b}\nsecond\nthird";
        let name = "\"><script>alert(2)</script>";
        let ask = json!({"resource": "orders", "command": command, "requester": {"name": name, "email": "nora@example.com"}});
        hub.post("/v1/requests", &ask).await.expect(201);
        let long = format!("select {};", "1, ".repeat(5_000));
        hub.ask("orders", &long).await;
        let mut olga = Browser::signed_in(&hub, "olga@example.com").await;
        let page = olga.open("/requests").await;
        let page = page.expect_page(200);
        assert!(!page.contains("<script>alert") && !page.contains('\u{202e}') && !page.contains('\u{200b}'), "{page}");
        assert!(page.contains("&#60;script&#62;alert(1)&#60;/script&#62;⟨U+202E⟩⟨U+200B⟩"), "{page}");
        assert!(page.contains("4 lines") && page.contains("more on its page"), "{page}");
        assert!(page.len() < 12_000, "a long command is cut: {}", page.len());
    }
}
