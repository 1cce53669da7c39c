//! The uses of a link that the hub records: fetched, viewed by a browser, used to decide. No token reaches a log.

use reqwest::Method;
use serde_json::{Value, json};

use super::{open_link, post, url, with_links};
use crate::support::{Database, HubProcess, Receiver, TOKEN, TestHub, eventually, on_both};

/// The recorded uses of the links in the request's first message, once `wanted` uses of this kind are counted.
async fn known(hub: &TestHub, request: &Value, event: &str, wanted: u64) -> Value {
    let path = format!("/v1/requests/{}/explain", request["id"].as_str().unwrap());
    let what = format!("{event} is {wanted}");
    eventually(&what, || async {
        hub.advance(5);
        let notified = hub.get(&path).await.expect(200)["told"].clone();
        let links = notified
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|notified| notified["links"].as_array().unwrap().clone())
            .next()?;
        (links[event]["count"] == wanted).then_some(links)
    })
    .await
}

on_both! {
    async fn scanner_reader_and_voter_are_distinguished(database: Database) {
        let (hub, _receiver, request, links) = with_links(database).await;
        let link = url(&links, "review");
        for method in [Method::GET, Method::HEAD, Method::GET] {
            hub.send(hub.call(method, &link)).await;
        }
        let uses = known(&hub, &request, "fetched", 3).await;
        assert_eq!((&uses["group"], &uses["viewed"], &uses["acted"]), (&json!("dba"), &json!(null), &json!(null)));
        // The page includes the image; a browser that renders the page fetches it.
        let page = open_link(&hub, &link).await.text;
        let picture = page.split("<img src=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
        let picture = hub.send(hub.call(Method::GET, picture)).await;
        assert_eq!((picture.status, &picture.headers["content-type"]), (200, &"image/gif".parse().unwrap()));
        assert_eq!(picture.headers["cache-control"], "no-store");
        let seen = format!("{link}/seen");
        hub.send(hub.call(Method::GET, &seen).header("Sec-Purpose", "prefetch;prerender")).await;
        hub.send(hub.call(Method::HEAD, &seen)).await;
        assert_eq!(hub.send(hub.call(Method::GET, &format!("{}A/seen", link))).await.status, 404);
        known(&hub, &request, "viewed", 1).await;
        post(&hub, &url(&links, "reject"), &json!({"approver": "nora@example.com"})).await.problem(403);
        post(&hub, &url(&links, "reject"), &json!({"approver": "dana@example.com"})).await.expect(200);
        let uses = known(&hub, &request, "acted", 1).await;
        assert_eq!((&uses["fetched"]["count"], &uses["viewed"]["count"]), (&json!(4), &json!(1)));
        assert!(uses["fetched"]["first_at"].as_str().unwrap() <= uses["fetched"]["last_at"].as_str().unwrap());
        // Uses that are still in memory when the hub stops are written.
        open_link(&hub, &link).await;
        let hub = hub.restart().await;
        known(&hub, &request, "fetched", 5).await;
    }
}

#[tokio::test]
async fn no_token_of_a_link_reaches_a_log() {
    let folder = tempfile::tempdir().unwrap();
    for format in ["text", "json"] {
        let receiver = Receiver::start().await;
        let settings = [("RUST_BACKTRACE", "0"), ("COUNTERSIGN_LOG_FORMAT", format)];
        let hub = HubProcess::start_logging(folder.path(), "trace,sqlx=debug", &settings).await.unwrap();
        let http = reqwest::Client::new();
        let call = |method: Method, path: &str, body: Value| {
            http.request(method, format!("{}{path}", hub.url)).bearer_auth(TOKEN).json(&body).send()
        };
        let manifest = json!({
            "groups": {"dba": {"members": ["dana@example.com"]}}, "resources": {"orders": {"slots": [{"group": "dba"}]}},
            "endpoints": [{"name": "x", "channel": "custom", "url": receiver.url, "groups": ["dba"], "recipient": "dana@example.com"}],
        });
        assert!(call(Method::POST, "/v1/apply", manifest).await.unwrap().status().is_success());
        let ask = json!({"resource": "orders", "command": "x\u{1b}[2J", "requester": {"email": "nora@example.com"}});
        assert!(call(Method::POST, "/v1/requests", ask).await.unwrap().status().is_success());
        let link = receiver.wait_for(1).await[0].json()["data"]["links"]["approve"].as_str().unwrap().to_owned();
        for path in [link.clone(), format!("{link}/seen"), format!("{link}A"), format!("{link}/x")] {
            http.get(path).send().await.unwrap();
        }
        http.post(&link).json(&json!({})).send().await.unwrap();
        hub.signal("TERM");
        let (_, stderr) = hub.ended().await;
        assert!(stderr.contains("stopping"), "{stderr}");
        let token = link.rsplit('/').next().unwrap();
        // Not even the part that is the signature.
        let part = token.get(token.len() - 30..).unwrap();
        assert!(stderr.lines().count() > 10, "{stderr}");
        assert!(!stderr.contains(part), "a token is in the log");
        assert!(!stderr.contains('\u{1b}'));
    }
}
