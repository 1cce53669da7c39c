//! Every route is guarded as the router's table says, and documented so.

use countersign::http::{Access, Route, routes};
use countersign::identity::{Right, Scope};
use reqwest::{Method, header};
use serde_json::json;

use crate::support::{Answer, Database, TestHub};

/// A call of the route that changes nothing: no such id, and a body that is no JSON.
async fn call(hub: &TestHub, route: &Route, secret: Option<&str>) -> Answer {
    let parts = route.path.split('/').map(|part| if part.starts_with('{') { "nothing" } else { part });
    let path = parts.collect::<Vec<_>>().join("/");
    let call = hub.call(route.method.clone(), &path);
    let call = secret.into_iter().fold(call, |call, secret| call.bearer_auth(secret));
    let call = match route.method {
        Method::POST | Method::PUT | Method::PATCH => call.header(header::CONTENT_TYPE, "application/json").body("{"),
        _ => call,
    };
    hub.send(call).await
}

#[tokio::test]
async fn every_route_is_guarded_as_the_table_says() {
    let hub = TestHub::start(Database::sqlite()).await;
    let mut secrets = Vec::new();
    for scope in Scope::ALL {
        let person = (scope != Scope::Scim).then_some("dana@example.com");
        let input = json!({"name": scope.as_str(), "scope": scope.as_str(), "person": person});
        secrets.push((scope, hub.new_token(&input).await.1));
    }
    for route in routes() {
        let name = format!("{} {}", route.method, route.path);
        let Access::Right(right) = route.access else {
            let answer = call(&hub, &route, None).await;
            let is_slack = route.path.starts_with("/v1/slack/");
            assert_eq!(answer.status == 401, is_slack && route.access == Access::Signature, "{name}: {}", answer.text);
            continue;
        };
        for secret in [None, Some("cs_unknown")] {
            let answer = call(&hub, &route, secret).await;
            if route.path.starts_with("/scim/") {
                // Says so in the protocol's own form.
                assert_eq!(answer.expect(401)["status"], "401", "{name} with {secret:?}");
            } else {
                assert_eq!(answer.problem(401), "unauthenticated", "{name} with {secret:?}");
            }
        }
        for (scope, secret) in &secrets {
            let answer = call(&hub, &route, Some(secret)).await;
            let is_refused = answer.status == 403 && answer.text.contains("this needs a token with scope");
            // What takes part may still be refused a list of others' requests.
            let may_be_refused = !scope.allows(right) || right == Right::Participate;
            assert!(!is_refused || may_be_refused, "{name} refuses {}: {}", scope.as_str(), answer.text);
            assert!(is_refused || scope.allows(right), "{name} lets {} pass: {}", scope.as_str(), answer.text);
            assert!(answer.status < 500 || answer.status == 501, "{name}: {}", answer.text);
        }
    }
}

/// The rows of the table of rights in `docs/security.md`.
fn rights_table() -> Vec<String> {
    let mark = |is_allowed: bool| if is_allowed { "yes" } else { "" };
    Right::ALL
        .iter()
        .map(|right| {
            let columns: Vec<_> = Scope::ALL.iter().map(|scope| format!(" {} ", mark(scope.allows(*right)))).collect();
            format!("| `{}` |{}|", right.as_str(), columns.join("|").replace("  ", " "))
        })
        .collect()
}

/// The rows of the table of calls there.
fn calls_table() -> Vec<String> {
    let name = |access: Access| match access {
        Access::Open | Access::Probe => "none".to_owned(),
        Access::Link => "the signed link".to_owned(),
        Access::Session => "a session".to_owned(),
        Access::Page(right) => format!("a session with `{}`", right.as_str()),
        Access::Signature => "the sender's signature".to_owned(),
        Access::Right(right) => format!("`{}`", right.as_str()),
    };
    routes().iter().map(|route| format!("| `{} {}` | {} |", route.method, route.path, name(route.access))).collect()
}

#[test]
fn the_documentation_says_what_the_tables_say() {
    let docs = include_str!("../../docs/security.md");
    let rows =
        |prefix: &str| docs.lines().filter(|line| line.starts_with(prefix)).map(str::to_owned).collect::<Vec<_>>();
    let calls: Vec<String> = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
        .iter()
        .flat_map(|method| rows(&format!("| `{method} /")))
        .collect();
    let mut expected = calls_table();
    expected.sort();
    let mut documented = calls;
    documented.sort();
    assert_eq!(documented, expected, "docs/security.md, the calls; it should hold\n{}", calls_table().join("\n"));
    let expected = rights_table();
    let documented: Vec<String> =
        Right::ALL.iter().flat_map(|right| rows(&format!("| `{}` |", right.as_str()))).collect();
    assert_eq!(documented, expected, "docs/security.md, the rights; it should hold\n{}", expected.join("\n"));
}
