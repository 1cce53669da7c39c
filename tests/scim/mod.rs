//! People and groups as a directory provisions them (SCIM 2.0).

mod consequences;
mod entra;
mod hostile;
mod managed;
mod members;
mod okta;
mod protocol;

use reqwest::{Method, header};
use serde_json::{Value, json};

use crate::support::{Answer, Database, TestHub};

/// A hub and a directory's token.
struct Directory {
    hub: TestHub,
    secret: String,
}

impl Directory {
    async fn start(database: Database) -> Self {
        Self::on(TestHub::start(database).await).await
    }

    async fn on(hub: TestHub) -> Self {
        let made = hub.post("/v1/tokens", &json!({"name": "entra", "scope": "scim"})).await.expect(201);
        let secret = made["secret"].as_str().unwrap().to_owned();
        Self { hub, secret }
    }

    /// Sends a body as SCIM.
    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let call = self.hub.call(method, &format!("/scim/v2{path}")).bearer_auth(&self.secret);
        let call = match body {
            Some(body) => call.header(header::CONTENT_TYPE, "application/scim+json").body(body.to_string()),
            None => call,
        };
        let answer = self.hub.send(call).await;
        if !answer.text.is_empty() {
            assert_eq!(answer.headers["content-type"], "application/scim+json", "{}", answer.text);
        }
        answer
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, Some(body)).await
    }

    async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PUT, path, Some(body)).await
    }

    async fn patch(&self, path: &str, operations: Value) -> Answer {
        let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations});
        self.send(Method::PATCH, path, Some(&body)).await
    }

    async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None).await
    }

    /// What a filter finds.
    async fn find(&self, kind: &str, filter: &str) -> Vec<Value> {
        let url = format!("{}/scim/v2/{kind}", self.hub.url);
        let url = url::Url::parse_with_params(&url, [("filter", filter)]).unwrap();
        let found = self.hub.send(self.hub.call(Method::GET, url.as_str()).bearer_auth(&self.secret)).await.expect(200);
        assert_eq!(found["totalResults"], found["Resources"].as_array().unwrap().len());
        found["Resources"].as_array().unwrap().clone()
    }

    /// A user with this address as name; returns the id.
    async fn user(&self, email: &str) -> String {
        id(&self.post("/Users", &json!({"userName": email, "active": true})).await.expect(201))
    }

    /// A group with these users; returns the id.
    async fn group(&self, name: &str, users: &[&String]) -> String {
        let members: Vec<_> = users.iter().map(|user| json!({"value": user})).collect();
        id(&self.post("/Groups", &json!({"displayName": name, "members": members})).await.expect(201))
    }

    /// The members of the hub's group.
    async fn members(&self, group: &str) -> Value {
        self.hub.get(&format!("/v1/groups/{group}")).await.expect(200)["members"].clone()
    }

    /// The audit trail's entries with this action.
    async fn trail(&self, action: &str) -> Vec<Value> {
        let all = self.hub.get("/v1/audit?limit=500").await.expect(200);
        all["items"].as_array().unwrap().iter().filter(|entry| entry["action"] == action).cloned().collect()
    }
}

fn id(resource: &Value) -> String {
    resource["id"].as_str().unwrap().to_owned()
}

/// The `scimType` of an error, which must have this status and be complete.
fn refused(answer: &Answer, status: u16) -> String {
    let body = answer.expect(status);
    assert_eq!(body["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]));
    assert_eq!(body["status"], status.to_string());
    assert!(!body["detail"].as_str().unwrap().is_empty());
    body["scimType"].as_str().unwrap_or_default().to_owned()
}
