//! Who calls and what they may do: tokens, scopes, rights.

mod claims;
mod commands;
mod device;
mod links;
mod login_command;
mod oidc;
mod rights;
mod sessions;
mod threats;
mod tokens;
mod workload;

use reqwest::Method;
use serde_json::Value;

use crate::support::{Answer, TestHub};

impl TestHub {
    /// A new token's id and secret.
    async fn new_token(&self, input: &Value) -> (String, String) {
        let made = self.post("/v1/tokens", input).await.expect(201);
        let text = |field: &str| made[field].as_str().expect("a text").to_owned();
        (text("id"), text("secret"))
    }

    async fn get_with(&self, secret: &str, path: &str) -> Answer {
        self.send(self.call(Method::GET, path).bearer_auth(secret)).await
    }

    async fn post_with(&self, secret: &str, path: &str, body: &Value) -> Answer {
        self.send(self.call(Method::POST, path).bearer_auth(secret).json(body)).await
    }
}
