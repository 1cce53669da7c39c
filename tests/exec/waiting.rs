//! Waiting for a decision: Ctrl-C, restarts of the hub, and servers that are no hub.

use serde_json::{Value, json};

use super::{Bench, Running, Target, program};
use crate::serve::free_port;
use crate::support::{Database, HubProcess, Receiver, TOKEN, eventually, on_both};

const NOTE: &str = "insert into ran values ('one')";

on_both! {
    async fn a_signal_cancels_the_request(database: Database) {
        let bench = Bench::new(database).await;
        for (count, signal) in [(1, "INT"), (2, "TERM")] {
            let running = bench.exec_sql(&[], NOTE);
            let (request, links) = bench.asked(count).await;
            running.signal(signal);
            let end = running.end().await;
            assert!(end.err.contains("cancelled"), "{}", end.err);
            end.expect(122);
            let shown = bench.hub.show(&request).await;
            assert_eq!((&shown["status"], &shown["decision"]["reason"]), (&json!("cancelled"), &json!("stopped while waiting")));
            assert_eq!(bench.follow(&links, "approve", json!({})).await.problem(409), "already_decided");
        }
        assert!(bench.target.notes().await.is_empty());
    }

    async fn a_restarted_hub_is_waited_for(database: Database) {
        let target = Target::new().await;
        let (folder, port) = (database.folder.path(), free_port());
        let settings = [("COUNTERSIGN_DATABASE_URL", database.url.as_str())];
        let start = || HubProcess::start(folder, port, &settings);
        let hub = start().await.unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let call = async |method: &str, path: &str, body: &Value| -> Value {
            let call = http.request(method.parse().unwrap(), format!("http://127.0.0.1:{port}{path}"));
            let answer = call.bearer_auth(TOKEN).json(body).send().await.unwrap();
            assert!(answer.status().is_success(), "{path}: {answer:?}");
            answer.json().await.unwrap()
        };
        call("PUT", "/v1/groups/dba", &json!({"members": ["dana@example.com"]})).await;
        call("PUT", "/v1/resources/orders", &json!({"slots": [{"group": "dba"}]})).await;
        let base = ["exec", "--resource", "orders", "--json", "--"];
        let args = [&base[..], &target.psql(&["-q", "-c", NOTE])].concat();
        let running = Running::start(program(&hub.url, TOKEN, folder, &args), None);
        let id = eventually("it asks", || async {
            let page = call("GET", "/v1/requests", &json!({})).await;
            page["items"][0]["id"].as_str().map(str::to_owned)
        })
        .await;
        // Long enough for it to wait, and then to find the hub stopped.
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        hub.kill().await;
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        let hub = start().await.unwrap();
        call("POST", &format!("/v1/requests/{id}/approve"), &json!({"on_behalf_of": "dana@example.com"})).await;
        let end = running.end().await;
        let news: Vec<String> = end.progress().iter().map(|line| line["event"].as_str().unwrap().to_owned()).collect();
        assert_eq!(news, ["asked", "hub_away", "hub_back", "voted", "approved", "running", "done"]);
        end.expect(0);
        assert_eq!(target.notes().await, ["one"]);
        let shown = call("GET", &format!("/v1/requests/{id}"), &json!({})).await;
        assert_eq!(shown["execution"]["status"], "succeeded");
        hub.kill().await;
    }
}

#[tokio::test]
async fn a_hub_that_answers_nonsense_lets_nothing_run() {
    let target = Target::new().await;
    let nonsense = Receiver::start().await;
    let folder = tempfile::tempdir().unwrap();
    let base = ["exec", "--resource", "orders", "--"];
    let args = [&base[..], &target.psql(&["-c", NOTE])].concat();
    let url = nonsense.url.trim_end_matches("/hook");
    let end = Running::start(program(url, TOKEN, folder.path(), &args), None).end().await;
    assert!(end.err.contains("the hub's answer cannot be used"), "{}", end.err);
    end.expect(123);
    assert!(nonsense.received()[0].header("idempotency-key").len() > 20);
    // Without a token, or with invalid arguments, no request is made.
    let mut command = program(url, TOKEN, folder.path(), &args);
    command.env_remove("COUNTERSIGN_TOKEN");
    Running::start(command, None).end().await.expect(2);
    let wrong = ["exec", "--resource", "orders", "--context", "{", "--", "true"];
    Running::start(program(url, TOKEN, folder.path(), &wrong), None).end().await.expect(2);
    assert_eq!(nonsense.received().len(), 1);
    assert!(target.notes().await.is_empty());
}
