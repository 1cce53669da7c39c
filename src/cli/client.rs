//! The arguments that name a hub and a token, and the calls made with them.

use anyhow::Context;
use clap::Args;
use reqwest::{Method, RequestBuilder, Response};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::connection::{Connection, Pace};
use super::hub_url::{HubUrl, redirect};
use crate::unicode::unwrapped;

/// Which hub, and who calls.
#[derive(Debug, Args)]
pub(super) struct Client {
    /// URL of the hub
    #[arg(
        long,
        env = "COUNTERSIGN_URL",
        default_value = "http://127.0.0.1:8080",
        value_name = "URL",
        global = true,
        display_order = 900
    )]
    url: HubUrl,
    /// API token [admin token: in the file that the hub names when it starts]
    #[arg(long, env = TOKEN_VARIABLE, hide_env_values = true, value_name = "TOKEN", global = true, display_order = 901)]
    token: Option<SecretString>,
}

/// The environment variable of the token.
pub(super) const TOKEN_VARIABLE: &str = "COUNTERSIGN_TOKEN";

impl Client {
    /// A connection for several calls, with retries.
    pub(super) fn connect(&self) -> anyhow::Result<Connection> {
        Connection::new(self.url.clone(), self.token()?, Pace::default())
    }

    /// Returns the token without surrounding white space. It is validated here and not by clap, which would print it in
    /// its error.
    fn token(&self) -> anyhow::Result<SecretString> {
        let given = self.token.as_ref().context(
            "no token: set COUNTERSIGN_TOKEN, for example export COUNTERSIGN_TOKEN=$(cat countersign-data/admin-token)",
        )?;
        let token = unwrapped(given.expose_secret());
        let is_token = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        anyhow::ensure!(
            is_token,
            "COUNTERSIGN_TOKEN (or --token) is not a token: it must be one line of visible ASCII characters without spaces"
        );
        Ok(token.to_owned().into())
    }

    /// Begins a call, to be completed and passed to [`Self::send`].
    pub(super) fn call(&self, method: Method, path: &str) -> anyhow::Result<RequestBuilder> {
        let token = self.token()?;
        Ok(self.url.http().build()?.request(method, format!("{}{path}", self.url)).bearer_auth(token.expose_secret()))
    }

    /// Sends a call once.
    ///
    /// # Errors
    /// The hub's problem document as text, a redirect, or that there is no answer.
    pub(super) async fn send(&self, call: RequestBuilder) -> anyhow::Result<Response> {
        let sent = call.send().await;
        let response = sent
            .map_err(|error| anyhow::anyhow!("cannot reach the hub at {}: {}", self.url, self.url.explain(&error)))?;
        if let Some(elsewhere) = redirect(&response) {
            anyhow::bail!(elsewhere);
        }
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let problem: Value = response.json().await.unwrap_or_default();
        let text = |name: &str| problem.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let place = match text("pointer") {
            pointer if pointer.is_empty() => String::new(),
            pointer => format!(" (at {pointer})"),
        };
        match text("detail") {
            detail if detail.is_empty() => anyhow::bail!("the hub answered {status}"),
            detail => anyhow::bail!("{detail}{place} [{}]", text("code")),
        }
    }
}
