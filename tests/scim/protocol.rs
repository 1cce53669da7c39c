//! What RFC 7644 demands of every server.

use reqwest::{Method, header};
use serde_json::json;

use super::{Directory, id, refused};
use crate::support::{Database, on_both};

on_both! {
    async fn the_hub_says_what_it_can_do(database: Database) {
        let directory = Directory::start(database).await;
        let config = directory.get("/ServiceProviderConfig").await.expect(200);
        assert_eq!((&config["patch"]["supported"], &config["filter"]), (&json!(true), &json!({"supported": true, "maxResults": 100})));
        for list in ["/ResourceTypes", "/Schemas"] {
            let all = directory.get(list).await.expect(200);
            assert_eq!((&all["totalResults"], &all["itemsPerPage"]), (&json!(2), &json!(2)));
            for one in all["Resources"].as_array().unwrap() {
                assert_eq!(directory.get(&format!("{list}/{}", id(one))).await.expect(200), *one);
                assert!(one["meta"]["location"].as_str().unwrap().starts_with(&directory.hub.url));
            }
            refused(&directory.get(&format!("{list}/nothing")).await, 404);
            refused(&directory.get(&format!("{list}?filter=id+eq+%22x%22")).await, 403);
            refused(&directory.post(list, &json!({})).await, 405);
        }
        for (method, path) in [(Method::GET, "/Me"), (Method::POST, "/Bulk"), (Method::POST, "/.search")] {
            refused(&directory.send(method, path, None).await, 501);
        }
        refused(&directory.get("/nothing").await, 404);
        refused(&directory.get("").await, 404);
        refused(&directory.send(Method::DELETE, "/Users", None).await, 405);
    }

    async fn who_may_not_is_told_in_the_protocols_form(database: Database) {
        let directory = Directory::start(database).await;
        let hub = &directory.hub;
        let answer = hub.send(hub.call(Method::GET, "/scim/v2/Users")).await;
        refused(&answer, 401);
        assert_eq!((&answer.headers["www-authenticate"], &answer.headers["content-type"]), (&"Bearer".parse().unwrap(), &"application/scim+json".parse().unwrap()));
        let asker = hub.post("/v1/tokens", &json!({"name": "ci", "scope": "requester"})).await.expect(201);
        let call = hub.call(Method::GET, "/scim/v2/Users").bearer_auth(asker["secret"].as_str().unwrap());
        refused(&hub.send(call).await, 403);
        hub.get("/scim/v2/Users").await.expect(200);
        // Elsewhere, problems stay problem documents.
        assert_eq!(hub.get("/scim/v2x").await.problem(404), "not_found");
    }

    async fn lists_come_in_parts(database: Database) {
        let directory = Directory::start(database).await;
        for number in 0..5 {
            directory.user(&format!("p{number}@example.com")).await;
        }
        for (query, start, names) in [
            ("?count=2", 1, vec!["p0", "p1"]),
            ("?startIndex=4&count=2", 4, vec!["p3", "p4"]),
            ("?startIndex=5", 5, vec!["p4"]),
            ("?startIndex=9", 9, vec![]),
            ("?startIndex=-3&count=1", 1, vec!["p0"]),
            ("?count=0", 1, vec![]),
            ("?count=-1", 1, vec![]),
            ("?count=5000000000&startIndex=1", 1, vec!["p0", "p1", "p2", "p3", "p4"]),
            ("?sortBy=userName&aadOptscim062020&count=1", 1, vec!["p0"]),
        ] {
            let part = directory.get(&format!("/Users{query}")).await.expect(200);
            let found: Vec<_> = part["Resources"].as_array().unwrap().iter().map(|user| user["userName"].as_str().unwrap().split('@').next().unwrap()).collect();
            assert_eq!(found, names, "{query}");
            assert_eq!((&part["totalResults"], &part["startIndex"], &part["itemsPerPage"]), (&json!(5), &json!(start), &json!(names.len())), "{query}");
        }
        assert_eq!(refused(&directory.get("/Users?count=many").await, 400), "invalidValue");
        let names = directory.get("/Users?attributes=userName&count=1").await.expect(200);
        let mut keys: Vec<_> = names["Resources"][0].as_object().unwrap().keys().cloned().collect();
        keys.sort();
        assert_eq!(keys, ["id", "schemas", "userName"]);
        assert_eq!(refused(&directory.get("/Users?attributes=a&excludedAttributes=b").await, 400), "invalidValue");
    }

    async fn bodies_are_json_and_names_have_no_case(database: Database) {
        let directory = Directory::start(database).await;
        let hub = &directory.hub;
        let send = |kind: &'static str, body: &'static str| {
            let call = hub.call(Method::POST, "/scim/v2/Users").bearer_auth(&directory.secret);
            hub.send(call.header(header::CONTENT_TYPE, kind).body(body))
        };
        refused(&send("text/plain", "{}").await, 415);
        send("application/json; charset=utf-8", r#"{"USERNAME": "a@example.com", "Active": "True"}"#).await.expect(201);
        assert_eq!(refused(&send("application/scim+json", r#"{"userName": "b@example.com", "username": "c@example.com"}"#).await, 400), "invalidSyntax");
        assert_eq!(refused(&send("application/scim+json", "[]").await, 400), "invalidSyntax");
        assert_eq!(refused(&send("application/scim+json", "{").await, 400), "invalidSyntax");
    }
}
