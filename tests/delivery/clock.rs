//! A clock that is set back, by a second or by years: what was postponed is not postponed by as much.

use std::time::Duration;

use countersign::time::Timestamp;
use serde_json::{Value, json};

use crate::serve::free_port;
use crate::support::{Behaviour, Database, HubProcess, Receiver, TOKEN, TestHub, eventually, on_both};

const TEN_DAYS: Duration = Duration::from_secs(10 * 86_400);

fn moment(value: &Value) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

/// Lets seconds pass until all deliveries of the endpoint are in this state.
async fn all_are(hub: &TestHub, endpoint: &str, state: &str) -> Vec<Value> {
    for _ in 0..100 {
        let page = hub.get(&format!("/v1/endpoints/{endpoint}/deliveries")).await.expect(200);
        let items = page["items"].as_array().unwrap().clone();
        if items.iter().all(|item| item["state"] == state) {
            return items;
        }
        hub.advance(1);
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    panic!("they are never {state}");
}

async fn one_that_failed(hub: &TestHub, receiver: &Receiver) -> String {
    receiver.script([Behaviour::Status(500)]);
    let (endpoint, _) = hub.endpoint("dba", "custom", &receiver.url, &["dba"]).await;
    hub.ask("orders", "x").await;
    super::recorded(hub, &endpoint, 1).await;
    endpoint
}

on_both! {
    async fn a_retry_is_sent_although_the_clock_was_set_back(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        let endpoint = one_that_failed(&hub, &receiver).await;
        hub.clock.put_back(TEN_DAYS);
        let items = all_are(&hub, &endpoint, "delivered").await;
        assert_eq!(items[0]["attempts"], 2);
    }

    async fn a_lease_without_an_owner_ends(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        let endpoint = one_that_failed(&hub, &receiver).await;
        // A replica leaves this when it dies while the clocks are ten days ahead.
        let until = (hub.now() + TEN_DAYS).as_micros();
        let sql = format!(
            "UPDATE deliveries SET state = 'leased', lease_until = {until}, leased_at = {until}, next_attempt_at = NULL, fence = 99"
        );
        Database::run(&hub.database.url, sql).await;
        let began = hub.now();
        let items = all_are(&hub, &endpoint, "delivered").await;
        assert_eq!(items[0]["attempts"], 3, "one of them is lost");
        assert!(hub.now().since(began) >= Duration::from_secs(15), "a living owner has had the time of a lease");
    }

    async fn a_decision_is_never_earlier_than_its_request_or_votes(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let request = hub.ask("customers", "x").await;
        hub.advance(60);
        let voted = hub.vote(&request, "approve", "dana@example.com").await.expect(200);
        hub.clock.put_back(TEN_DAYS);
        let decided = hub.vote(&request, "approve", "sam@example.com").await.expect(200);
        assert_eq!(decided["status"], "approved");
        assert_eq!(decided["decided_at"], voted["votes"][0]["at"], "and not before the first vote");
        let other = hub.ask("orders", "y").await;
        hub.advance(30);
        hub.clock.put_back(TEN_DAYS);
        let rejected = hub.vote(&other, "reject", "dana@example.com").await.expect(200);
        assert_eq!(rejected["decided_at"], other["created_at"]);
        // An approval can be used right away.
        let id = request["id"].as_str().unwrap();
        let claim = hub.post(&format!("/v1/requests/{id}/claim"), &json!({"digest": decided["digest"]})).await;
        assert_eq!(claim.status, 200, "{}", claim.text);
    }

    async fn a_replay_continues(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        receiver.script((0..3).map(|_| Behaviour::Status(404)));
        let (endpoint, _) = hub.endpoint("dba", "custom", &receiver.url, &["dba"]).await;
        for number in 0..3 {
            hub.ask("orders", &format!("select {number}")).await;
        }
        all_are(&hub, &endpoint, "failed").await;
        let replay = json!({"states": ["failed"], "rate_per_second": 1});
        let made = hub.post(&format!("/v1/endpoints/{endpoint}/replay"), &replay).await;
        assert!((200..300).contains(&made.status), "{}", made.text);
        receiver.wait_for(4).await;
        hub.clock.put_back(TEN_DAYS);
        all_are(&hub, &endpoint, "delivered").await;
    }
}

/// End to end: the machine's clock, changed under a running hub.
#[tokio::test]
async fn a_hub_continues_when_the_machines_clock_is_set_back() {
    const LIBRARY: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";
    assert!(std::path::Path::new(LIBRARY).exists(), "install Debian's package faketime");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("clock");
    std::fs::write(&file, "+0").unwrap();
    let settings = [
        ("LD_PRELOAD", LIBRARY),
        ("FAKETIME_TIMESTAMP_FILE", file.to_str().unwrap()),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ];
    let hub = HubProcess::start(folder.path(), free_port(), &settings).await.unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let call = async |method: reqwest::Method, path: String, body: Value| -> Value {
        let call = http.request(method, format!("{}{path}", hub.url)).bearer_auth(TOKEN).json(&body);
        call.send().await.unwrap().json().await.unwrap()
    };
    let (get, post) = (reqwest::Method::GET, reqwest::Method::POST);
    let policy = json!({"groups": {"dba": {"members": ["dana@example.com"]}}, "resources": {"orders": {"slots": [{"group": "dba"}]}}});
    call(post.clone(), "/v1/apply".to_owned(), policy).await;
    let receiver = Receiver::start().await;
    receiver.script([Behaviour::Status(500)]);
    let endpoint = json!({"name": "dba", "channel": "custom", "url": receiver.url, "events": ["request.created"], "schedule": [600]});
    let endpoint = call(post.clone(), "/v1/endpoints".to_owned(), endpoint).await["id"].as_str().unwrap().to_owned();
    let ask = json!({"resource": "orders", "command": "x", "requester": {"email": "nora@example.com"}});
    let request = call(post.clone(), "/v1/requests".to_owned(), ask.clone()).await;
    let deliveries = format!("/v1/endpoints/{endpoint}/deliveries");
    eventually("the first attempt is recorded", || async {
        (call(get.clone(), deliveries.clone(), json!({})).await["items"][0]["attempts"] == 1).then_some(())
    })
    .await;
    std::fs::write(&file, "-10d").unwrap();
    eventually("it is tried again", || async {
        let page = call(get.clone(), deliveries.clone(), json!({})).await;
        (page["items"][0]["state"] == "delivered").then_some(())
    })
    .await;
    let path = format!("/v1/requests/{}/approve", request["id"].as_str().unwrap());
    let decided = call(post.clone(), path, json!({"on_behalf_of": "dana@example.com"})).await;
    assert!(moment(&decided["decided_at"]) >= moment(&request["created_at"]), "{decided}");
    let fresh = call(post, "/v1/requests".to_owned(), ask).await;
    assert!(moment(&fresh["created_at"]) < moment(&request["created_at"]), "the clock was set back: {fresh}");
    receiver.wait_for(3).await;
    hub.kill().await;
}
