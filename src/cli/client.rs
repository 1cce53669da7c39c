//! The arguments that name a hub and a token, and the calls made with them.

use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use reqwest::{Method, RequestBuilder, Response};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::sync::OnceCell;

use super::caller::{Caller, Source};
use super::connection::{Connection, Pace};
use super::credentials::Credentials;
use super::hub_url::{HubUrl, redirect};
use super::workload::IdTokens;
use crate::unicode::unwrapped;

/// Which hub, and who calls.
#[derive(Debug, Args)]
pub(super) struct Client {
    /// URL of the hub [default: the hub that you signed in to last, else `http://127.0.0.1:8080`]
    #[arg(long, env = "COUNTERSIGN_URL", value_name = "URL", global = true, display_order = 900)]
    url: Option<HubUrl>,
    /// API token [default: your session of `countersign login`; admin token: in the file that the hub names when it starts]
    #[arg(long, env = TOKEN_VARIABLE, hide_env_values = true, value_name = "TOKEN", global = true, display_order = 901)]
    token: Option<SecretString>,
    /// Variable that has this pipeline's ID token, to be exchanged for a token of the hub [default: `COUNTERSIGN_ID_TOKEN`]
    #[arg(long, value_name = "VARIABLE", global = true, display_order = 902)]
    id_token_variable: Option<String>,
    #[arg(skip)]
    caller: OnceCell<Caller>,
}

/// The environment variable of the token.
pub(super) const TOKEN_VARIABLE: &str = "COUNTERSIGN_TOKEN";
/// Where a hub listens by default.
const LOCAL: &str = "http://127.0.0.1:8080";

impl Client {
    /// A connection for several calls, with retries.
    pub(super) async fn connect(&self) -> anyhow::Result<Connection> {
        Connection::new(self.caller().await?.clone(), Pace::default())
    }

    /// Whether a token was given, which comes before any session.
    pub(super) const fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// The hub to sign in to.
    pub(super) fn hub(&self) -> anyhow::Result<HubUrl> {
        if let Some(url) = &self.url {
            return Ok(url.clone());
        }
        match Credentials::of_user() {
            Some(file) => Ok(file.last()?.map_or_else(local, Ok)?),
            None => local(),
        }
    }

    /// The hub and the secret, which is read or exchanged once.
    async fn caller(&self) -> anyhow::Result<&Caller> {
        self.caller.get_or_try_init(|| self.find()).await
    }

    /// The given token, else that of the pipeline, else that of the session. A token without a URL is for the hub on this
    /// machine: it must not be sent to the hub that somebody signed in to last.
    async fn find(&self) -> anyhow::Result<Caller> {
        if let Some(secret) = self.token()? {
            return Ok(Caller::with_token(self.url.clone().map_or_else(local, Ok)?, secret));
        }
        if let Some((url, tokens)) = self.url.clone().zip(self.id_tokens()?) {
            let secret = tokens.exchange(&url).await?;
            return Ok(Caller { url, secret, source: Source::Workload(Arc::new(tokens)) });
        }
        let url = self.hub()?;
        let file = Credentials::of_user();
        let secret = file.map(|file| file.find(&url)).transpose()?.flatten().with_context(|| {
            format!(
                "no token, and no sign-in to {url}: run `countersign login {url}`, or set COUNTERSIGN_TOKEN, for example \
                 export COUNTERSIGN_TOKEN=$(cat countersign-data/admin-token)"
            )
        })?;
        Ok(Caller { url, secret, source: Source::Session })
    }

    fn id_tokens(&self) -> anyhow::Result<Option<IdTokens>> {
        IdTokens::of_environment(self.id_token_variable.as_deref())
    }

    /// Exchanges the pipeline's token; returns the token of the hub.
    pub(super) async fn exchange(&self) -> anyhow::Result<SecretString> {
        let url = self.url.clone().context("set COUNTERSIGN_URL (or --url) to the hub")?;
        let tokens = self.id_tokens()?.context(
            "there is no token to exchange: set COUNTERSIGN_ID_TOKEN; in GitHub Actions, give the job the permission \
             id-token: write",
        )?;
        tokens.exchange(&url).await
    }

    /// Returns the given token without surrounding white space. It is validated here and not by clap, which would print
    /// it in its error.
    fn token(&self) -> anyhow::Result<Option<SecretString>> {
        let Some(given) = &self.token else { return Ok(None) };
        let token = unwrapped(given.expose_secret());
        let is_token = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        anyhow::ensure!(
            is_token,
            "COUNTERSIGN_TOKEN (or --token) is not a token: it must be one line of visible ASCII characters without spaces"
        );
        Ok(Some(token.to_owned().into()))
    }

    /// Begins a call, to be completed and passed to [`Self::send`].
    pub(super) async fn call(&self, method: Method, path: &str) -> anyhow::Result<RequestBuilder> {
        let Caller { url, secret, .. } = self.caller().await?;
        Ok(url.http().build()?.request(method, format!("{url}{path}")).bearer_auth(secret.expose_secret()))
    }

    /// Sends a call once.
    ///
    /// # Errors
    /// The hub's problem document as text, a redirect, or that there is no answer.
    pub(super) async fn send(&self, call: RequestBuilder) -> anyhow::Result<Response> {
        let caller = self.caller().await?;
        let sent = call.send().await;
        let response = sent.map_err(|error| {
            anyhow::anyhow!("cannot reach the hub at {}: {}", caller.url, caller.url.explain(&error))
        })?;
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
            detail => anyhow::bail!("{detail}{place} [{}]{}", text("code"), caller.hint(&text("code"))),
        }
    }
}

fn local() -> anyhow::Result<HubUrl> {
    LOCAL.parse().map_err(anyhow::Error::msg)
}
