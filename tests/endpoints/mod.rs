//! Operations on an endpoint: transport, pause, new secrets, delivery log, test messages, replay.

mod commands;
mod discard;
mod heartbeat;
mod kill;
mod life;
mod log;
mod replay;
mod standing;
mod transport;
mod trial;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, TestHub};

impl TestHub {
    pub(crate) async fn patch_endpoint(&self, endpoint: &str, body: &Value) -> Answer {
        let call = self.call(Method::PATCH, &format!("/v1/endpoints/{endpoint}"));
        self.send(call.bearer_auth(&self.token).json(body)).await
    }

    /// Calls an action of an endpoint that needs no body.
    pub(crate) async fn act_on(&self, endpoint: &str, action: &str) -> Answer {
        self.post(&format!("/v1/endpoints/{endpoint}/{action}"), &json!({})).await
    }

    /// Replaces the admin's token by a new one with this scope.
    pub(crate) async fn token_of(&self, scope: &str) -> String {
        let made = self.post("/v1/tokens", &json!({"name": scope, "scope": scope})).await.expect(201);
        made["secret"].as_str().unwrap().to_owned()
    }

    /// The audit trail's actions that begin with this prefix.
    pub(crate) async fn audited(&self, action: &str) -> Vec<String> {
        let trail = self.get("/v1/audit?limit=500").await.expect(200);
        let actions =
            trail["items"].as_array().unwrap().iter().map(|entry| entry["action"].as_str().unwrap().to_owned());
        actions.filter(|known| known.starts_with(action)).collect()
    }
}
