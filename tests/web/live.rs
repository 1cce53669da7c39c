//! Open pages are told what changes, and nothing that does not concern their person.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::store::statements;
use crate::support::{Browser, Database, TestHub, eventually, on_both};

const DANA: &str = "dana@example.com";
const ERIK: &str = "erik@example.com";
/// How long an event may take on a busy machine.
const SOON: Duration = Duration::from_secs(10);
/// After this time without an event, none is expected.
const QUIET: Duration = Duration::from_millis(300);

/// A page's stream of events.
struct Stream {
    response: reqwest::Response,
    read: String,
}

impl Stream {
    async fn open(hub: &TestHub, browser: &Browser<'_>) -> Self {
        let call = hub
            .call(Method::GET, "/live")
            .header("Accept", "text/event-stream")
            .header("Sec-Fetch-Site", "same-origin");
        let response = browser.with_cookies(call).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, read: String::new() }
    }

    /// Opens a stream, which then tells what happens from now on.
    async fn ready(hub: &TestHub, browser: &Browser<'_>) -> Self {
        let mut stream = Self::open(hub, browser).await;
        assert_eq!(stream.next().await.unwrap().0, "open");
        stream
    }

    /// The name and the data of the next event; none at the end.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((event, rest)) = self.read.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.read = rest;
                let field = |name: &str| {
                    event.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")).map(str::to_owned))
                };
                if let Some(name) = field("event") {
                    assert!(field("id").is_some() && field("retry").is_some(), "{event}");
                    return Some((name, serde_json::from_str(&field("data").unwrap()).unwrap()));
                }
                continue;
            }
            let chunk = tokio::time::timeout(SOON, self.response.chunk()).await.expect("an event in time").ok()??;
            self.read.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The request that the next event names, with its status and revision.
    async fn told(&mut self) -> Value {
        let (name, data) = self.next().await.expect("an event");
        assert_eq!(name, "request");
        data
    }

    async fn is_quiet(&mut self) -> bool {
        tokio::time::timeout(QUIET, self.next()).await.is_err()
    }
}

fn state(request: &Value, status: &str, revision: u32) -> Value {
    json!({"id": request["id"], "status": status, "revision": revision})
}

on_both! {
    async fn a_person_is_told_what_concerns_them(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        hub.put("/v1/groups/ops", &json!({"members": ["olga@example.com"]})).await.expect(200);
        hub.put("/v1/resources/hosts", &json!({"slots": [{"group": "ops"}]})).await.expect(200);
        let (dana, nora) = (Browser::signed_in(&hub, DANA).await, Browser::signed_in(&hub, "nora@example.com").await);
        let (mut of_dana, mut of_nora) = (Stream::ready(&hub, &dana).await, Stream::ready(&hub, &nora).await);
        let began = Instant::now();
        let request = hub.ask("customers", "delete from carts").await;
        assert_eq!(of_dana.told().await, state(&request, "pending", 1));
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        hub.vote(&request, "approve", ERIK).await.expect(200);
        assert_eq!(of_dana.told().await, state(&request, "pending", 1), "a vote");
        let path = format!("/v1/requests/{}/revise", request["id"].as_str().unwrap());
        hub.post(&path, &json!({"command": "delete from carts where old"})).await.expect(200);
        assert_eq!(of_dana.told().await, state(&request, "pending", 2));
        let reject = json!({"on_behalf_of": ERIK, "reason": "No."});
        hub.post(&format!("/v1/requests/{}/reject", request["id"].as_str().unwrap()), &reject).await.expect(200);
        assert_eq!(of_dana.told().await, state(&request, "rejected", 2));
        // The requester is told of their own, and nobody of what asks others.
        for expected in ["pending", "pending", "pending", "rejected"] {
            assert_eq!(of_nora.told().await["status"], expected);
        }
        let ask = json!({"resource": "hosts", "command": "x", "requester": {"email": "mei@example.com"}});
        hub.post("/v1/requests", &ask).await.expect(201);
        assert!(of_dana.is_quiet().await && of_nora.is_quiet().await);
    }

    async fn a_stream_ends_with_its_session(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let mut dana = Browser::signed_in(&hub, DANA).await;
        let mut stream = Stream::ready(&hub, &dana).await;
        let call = || hub.call(Method::GET, "/live").header("Accept", "text/event-stream").header("Sec-Fetch-Site", "same-origin");
        let before = dana.with_cookies(call());
        dana.open("/account").await;
        dana.submit("/sign-out", &[]).await.expect_page(200);
        assert_eq!(stream.next().await.unwrap().0, "end");
        assert!(stream.next().await.is_none());
        for call in [before, call()] {
            assert_eq!(call.send().await.unwrap().status(), 204, "the browser does not come again");
        }
        assert!(hub.send(hub.call(Method::GET, "/live")).await.location().starts_with("/sign-in"));
        let erik = Browser::signed_in(&hub, ERIK).await;
        let from_elsewhere = hub.call(Method::GET, "/live").header("Accept", "text/event-stream").header("Sec-Fetch-Site", "cross-site");
        assert_eq!(erik.with_cookies(from_elsewhere).send().await.unwrap().status(), 403);
    }

    async fn who_left_a_group_is_told_no_more(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let erik = Browser::signed_in(&hub, ERIK).await;
        let mut stream = Stream::ready(&hub, &erik).await;
        hub.ask("orders", "x").await;
        stream.told().await;
        hub.put("/v1/groups/dba", &json!({"members": [DANA]})).await.expect(200);
        let stream = tokio::sync::Mutex::new(stream);
        eventually("nothing is told", || async {
            hub.ask("orders", "x").await;
            stream.lock().await.is_quiet().await.then_some(())
        }).await;
    }

    async fn all_streams_share_one_look_at_what_changed(database: Database) {
        statements::listen();
        let hub = TestHub::start(database).await.with_policy().await;
        let url = hub.database.url.clone();
        statements::report_plans(&url).await;
        let hub = hub.restart().await;
        let dana = Browser::signed_in(&hub, DANA).await;
        let mut streams = Vec::new();
        for _ in 0..20 {
            streams.push(Stream::ready(&hub, &dana).await);
        }
        let mut one_more = Stream::open(&hub, &dana).await;
        assert_eq!(one_more.next().await.unwrap().0, "busy");
        let ran = statements::during(&url, async {
            let request = hub.ask("orders", "x").await;
            for stream in &mut streams {
                assert_eq!(stream.told().await["id"], request["id"]);
            }
        }).await;
        let looks = ran.iter().filter(|one| one.sql.contains("LEFT JOIN request_groups")).count();
        assert_eq!(looks, 1);
        drop(streams.pop());
        eventually("its place is free", || async {
            let mut stream = Stream::open(&hub, &dana).await;
            (stream.next().await.unwrap().0 == "open").then_some(())
        }).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_replica_decides_is_told_too() {
    let hub = TestHub::start(Database::postgres().await).await.with_policy().await;
    let replica = hub.replica().await;
    let dana = Browser::signed_in(&hub, DANA).await;
    let mut stream = Stream::ready(&hub, &dana).await;
    let request = replica.ask("orders", "x").await;
    assert_eq!(stream.told().await, state(&request, "pending", 1));
}
