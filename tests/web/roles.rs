//! Every page is open to those whom the router's table names, and forms accept nothing from elsewhere.

use countersign::http::{Access, Route, routes};
use countersign::identity::{Right, Scope, rights_of_person};
use reqwest::{Method, header};
use serde_json::json;

use crate::support::{Browser, Database, TestHub};

/// The route's path, with ids that name nothing.
fn path(route: &Route) -> String {
    let parts = route.path.split('/').map(|part| if part.starts_with('{') { "nothing" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

/// The right that opens a page; none for routes that are no page of somebody who signed in.
fn right(route: &Route) -> Option<Right> {
    match route.access {
        Access::Session => Some(Right::Participate),
        Access::Page(right) => Some(right),
        _ => None,
    }
}

/// Browsers of people with each role, and what their sessions may do.
async fn people(hub: &TestHub) -> Vec<(String, Vec<Scope>, Browser<'_>)> {
    let mut people = Vec::new();
    for (name, roles) in [
        ("unknown", None),
        ("known", Some(vec![])),
        ("analyst", Some(vec![Scope::Analyst])),
        ("auditor", Some(vec![Scope::Auditor])),
        ("admin", Some(vec![Scope::Admin])),
    ] {
        let person = format!("{name}@example.com");
        if let Some(roles) = &roles {
            let names: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
            hub.put(&format!("/v1/people/{person}"), &json!({"name": name, "roles": names})).await.expect(200);
        }
        let scopes = rights_of_person(roles.is_some(), &roles.unwrap_or_default().into_iter().collect());
        let browser = Browser::signed_in(hub, &person).await;
        people.push((name.to_owned(), scopes.into_iter().collect(), browser));
    }
    people
}

#[tokio::test]
async fn every_page_is_open_to_whom_the_table_names() {
    let hub = TestHub::start(Database::sqlite()).await;
    let mut people = people(&hub).await;
    for route in routes().into_iter().filter(|route| route.method == Method::GET) {
        let Some(right) = right(&route) else { continue };
        let stranger = Browser::new(&hub).open(&path(&route)).await;
        assert!(stranger.location().starts_with("/sign-in?return="), "{}: {}", route.path, stranger.location());
        for (name, scopes, browser) in &mut people {
            let answer = browser.open(&path(&route)).await;
            let is_allowed = scopes.iter().any(|scope| scope.allows(right));
            assert_eq!(answer.status != 403, is_allowed, "{} for {name}: {}", route.path, answer.text);
            assert!(answer.status < 500, "{} for {name}: {}", route.path, answer.text);
        }
    }
}

#[tokio::test]
async fn every_form_needs_the_right_the_origin_and_the_nonce() {
    let hub = TestHub::start(Database::sqlite()).await;
    let mut people = people(&hub).await;
    for route in routes().into_iter().filter(|route| route.method == Method::POST) {
        let Some(right) = right(&route) else { continue };
        let form = |site: &'static str, body: String| {
            hub.call(Method::POST, &path(&route))
                .header("Sec-Fetch-Site", site)
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(body)
        };
        let stranger = hub.send(form("same-origin", "a=marker".to_owned())).await;
        assert!(stranger.expect_page(401).contains("marker"), "{}: what was typed is kept", route.path);
        let elsewhere = hub.send(form("cross-site", "a=marker".to_owned())).await;
        assert!(!elsewhere.expect_page(403).contains("marker"), "{}: what another site sends is not shown", route.path);
        for (name, scopes, browser) in &mut people {
            browser.open("/account").await.expect_page(200);
            let nonce = browser.nonce();
            let genuine = format!("nonce={nonce}");
            let forged = browser.send(form("cross-site", genuine.clone())).await;
            // Some paths name nothing before the form is looked at.
            assert!(
                [403, 404].contains(&forged.status),
                "{} for {name} from another site: {}",
                route.path,
                forged.text
            );
            let without = browser.send(form("same-origin", "nonce=x".to_owned())).await;
            assert!([403, 404].contains(&without.status), "{} for {name} without nonce: {}", route.path, without.text);
            if !scopes.iter().any(|scope| scope.allows(right)) {
                let refused = browser.send(form("same-origin", genuine)).await;
                assert_eq!(refused.status, 403, "{} for {name}: {}", route.path, refused.text);
            }
        }
    }
}
