//! The approval engine over HTTP, on both databases: who may decide, decisions by rules, changed commands, executions,
//! grants, timers.

mod access;
mod changes;
mod emergency;
mod explain;
mod people;
mod rules;
mod stuck;
mod timers;
mod transitions;
mod usage;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, TestHub};

pub(crate) fn path(request: &Value, rest: &str) -> String {
    format!("/v1/requests/{}{rest}", request["id"].as_str().expect("an id"))
}

impl TestHub {
    /// A resource `orders`, decided by one of `dba` (dana, erik), with `more` in its policy.
    pub(crate) async fn with_orders(self, more: Value) -> Self {
        let hub = self.with_policy().await;
        let mut policy = json!({"slots": [{"group": "dba"}]});
        policy.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        hub.put("/v1/resources/orders", &policy).await.expect(200);
        hub
    }

    pub(crate) async fn group(&self, name: &str, members: &[&str]) {
        let members: Vec<String> = members.iter().map(|name| format!("{name}@example.com")).collect();
        self.put(&format!("/v1/groups/{name}"), &json!({"members": members})).await.expect(200);
    }

    /// Creates a token and returns its secret.
    pub(crate) async fn token(&self, scope: &str, person: Option<&str>) -> String {
        let person = person.map(|name| format!("{name}@example.com"));
        let input = json!({"name": "t", "scope": scope, "person": person});
        self.post("/v1/tokens", &input).await.expect(201)["secret"].as_str().expect("a secret").to_owned()
    }

    pub(crate) async fn post_as(&self, token: &str, path: &str, body: &Value) -> Answer {
        self.send(self.call(Method::POST, path).bearer_auth(token).json(body)).await
    }

    pub(crate) async fn get_as(&self, token: &str, path: &str) -> Answer {
        self.send(self.call(Method::GET, path).bearer_auth(token)).await
    }

    /// Makes a request as nora, with `more` in the body.
    pub(crate) async fn ask_with(&self, more: Value) -> Answer {
        let mut ask =
            json!({"resource": "orders", "command": "delete from carts", "requester": {"email": "nora@example.com"}});
        ask.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        self.post("/v1/requests", &ask).await
    }

    /// Requests access to `orders` for nora, for this many seconds.
    pub(crate) async fn ask_access(&self, seconds: u32) -> Value {
        self.ask_with(json!({"kind": "jit", "command": "", "duration_seconds": seconds})).await.expect(201)
    }

    /// Moves the clock by this many seconds and runs the timer.
    pub(crate) async fn after(&self, seconds: u64) {
        self.advance(seconds);
        self.server.hub().run_due().await.expect("the timer runs");
    }

    /// The actions in the request's audit trail, in order.
    pub(crate) async fn trail(&self, request: &Value) -> Vec<String> {
        let trail = self.get(&path(request, "/audit")).await.expect(200);
        let entries = trail["items"].as_array().expect("items");
        entries.iter().map(|entry| entry["action"].as_str().expect("an action").to_owned()).collect()
    }
}
