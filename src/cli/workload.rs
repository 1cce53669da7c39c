//! Tokens of platforms that run pipelines, and their exchange for a token of the hub (RFC 8693).

use std::time::Duration;

use anyhow::Context as _;
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use tokio::time::Instant;

use super::hub_url::HubUrl;
use super::oauth::{Answer, OAuthClient};
use crate::unicode::unwrapped;

/// The environment variable of a platform's token, for example one of GitLab's `id_tokens`.
pub(super) const ID_TOKEN_VARIABLE: &str = "COUNTERSIGN_ID_TOKEN";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
/// Timeout of a call to the platform.
const ANSWER: Duration = Duration::from_secs(20);
/// How long an exchange is tried again.
const PATIENCE: Duration = Duration::from_secs(60);
/// Time between two tries.
const BACK_OFF: Duration = Duration::from_secs(2);

/// Where a platform's token comes from.
#[derive(Debug)]
pub(super) enum IdTokens {
    /// One token, which works once.
    Given(SecretString),
    /// GitHub Actions with the permission `id-token: write`: another one for each exchange.
    GitHub { url: Url, secret: SecretString },
}

#[derive(Deserialize)]
struct GitHubAnswer {
    value: SecretString,
}

#[derive(Deserialize)]
struct Exchanged {
    access_token: SecretString,
}

impl IdTokens {
    /// Those that the environment offers: the one in `named`, if a variable was named.
    ///
    /// # Errors
    /// When a variable has a value that cannot be used, or the named one has none.
    pub(super) fn of_environment(named: Option<&str>) -> anyhow::Result<Option<Self>> {
        let given = |name: &str| {
            let text = std::env::var(name).ok().map(|text| unwrapped(&text).to_owned());
            text.filter(|text| !text.is_empty())
        };
        let variable = named.unwrap_or(ID_TOKEN_VARIABLE);
        if let Some(token) = given(variable) {
            let is_token = token.bytes().all(|byte| byte.is_ascii_graphic());
            anyhow::ensure!(is_token, "{variable} is not a token: it must be one line without spaces");
            return Ok(Some(Self::Given(token.into())));
        }
        anyhow::ensure!(named.is_none(), "the variable {variable} (--id-token-variable) is not set, or blank");
        let (Some(url), Some(secret)) =
            (given("ACTIONS_ID_TOKEN_REQUEST_URL"), given("ACTIONS_ID_TOKEN_REQUEST_TOKEN"))
        else {
            return Ok(None);
        };
        let url = Url::parse(&url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let url = url.context("ACTIONS_ID_TOKEN_REQUEST_URL is not a URL")?;
        Ok(Some(Self::GitHub { url, secret: secret.into() }))
    }

    /// Whether each exchange can have a token of its own.
    pub(super) const fn can_repeat(&self) -> bool {
        matches!(self, Self::GitHub { .. })
    }

    /// Gets a token of the hub.
    ///
    /// # Errors
    /// When the platform or the hub refuses, or neither answers for a minute.
    pub(super) async fn exchange(&self, hub: &HubUrl) -> anyhow::Result<SecretString> {
        let until = Instant::now() + PATIENCE;
        let client = OAuthClient::new(hub)?;
        loop {
            let token = self.token(hub).await?;
            let form =
                [("grant_type", GRANT), ("subject_token_type", ID_TOKEN), ("subject_token", token.expose_secret())];
            match client.post("/v1/token", &form).await? {
                Answer::Done(body) => {
                    let answer: Exchanged = serde_json::from_slice(&body).context("the hub's answer has no token")?;
                    return Ok(answer.access_token);
                }
                Answer::Refused(refused) => {
                    anyhow::bail!("{hub} gives this pipeline no token: {}", refused.text())
                }
                Answer::Later(why) if Instant::now() >= until => anyhow::bail!("{hub} gives no token: {why}"),
                Answer::Later(_) => tokio::time::sleep(BACK_OFF).await,
            }
        }
    }

    async fn token(&self, hub: &HubUrl) -> anyhow::Result<SecretString> {
        let (mut url, secret) = match self {
            Self::Given(token) => return Ok(token.clone()),
            Self::GitHub { url, secret } => (url.clone(), secret),
        };
        url.query_pairs_mut().append_pair("audience", &hub.to_string());
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(ANSWER).build()?;
        let call = http.get(url).bearer_auth(secret.expose_secret());
        // Without the URL, which is a secret of the run.
        let failed = |error: reqwest::Error| anyhow::anyhow!("GitHub gives no ID token: {}", error.without_url());
        let answer = call.send().await.and_then(reqwest::Response::error_for_status).map_err(failed)?;
        Ok(answer.json::<GitHubAnswer>().await.map_err(failed)?.value)
    }
}
