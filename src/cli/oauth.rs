//! Calls of OAuth 2.0 to a hub (RFC 6749): forms, and errors of its own form.

use std::time::Duration;

use serde::Deserialize;

use super::hub_url::{HubUrl, redirect};

/// Timeout of one call.
const ANSWER: Duration = Duration::from_secs(20);
/// The longest answer that is read, in bytes.
const MAX_ANSWER: usize = 64 * 1024;

/// RFC 6749 §5.2, or a problem document of the layers before.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Refused {
    pub(super) error: String,
    error_description: String,
    detail: String,
}

/// What a call was answered.
pub(super) enum Answer {
    Done(Vec<u8>),
    Refused(Refused),
    /// No answer, or one that says to try again.
    Later(String),
}

/// A client that has no token yet.
pub(super) struct OAuthClient<'h> {
    hub: &'h HubUrl,
    http: reqwest::Client,
}

impl<'h> OAuthClient<'h> {
    /// A client of this hub. Nothing is sent yet.
    pub(super) fn new(hub: &'h HubUrl) -> anyhow::Result<Self> {
        Ok(Self { hub, http: hub.http().connect_timeout(ANSWER).timeout(ANSWER).build()? })
    }

    /// Sends a form once.
    pub(super) async fn post(&self, path: &str, form: &[(&str, &str)]) -> anyhow::Result<Answer> {
        let Self { hub, http } = self;
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let call =
            http.post(format!("{hub}{path}")).header("content-type", "application/x-www-form-urlencoded").body(body);
        let mut answer = match call.send().await {
            Ok(answer) => answer,
            Err(error) if error.is_builder() => anyhow::bail!(hub.explain(&error)),
            Err(error) => return Ok(Answer::Later(hub.explain(&error))),
        };
        if let Some(elsewhere) = redirect(&answer) {
            anyhow::bail!(elsewhere);
        }
        let status = answer.status();
        let mut body = Vec::new();
        loop {
            match answer.chunk().await {
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(error) => return Ok(Answer::Later(hub.explain(&error))),
            }
            anyhow::ensure!(body.len() <= MAX_ANSWER, "the hub's answer is longer than {MAX_ANSWER} bytes");
        }
        if status.is_success() {
            return Ok(Answer::Done(body));
        }
        let refused: Refused = serde_json::from_slice(&body).unwrap_or_default();
        if status.is_server_error() || matches!(status.as_u16(), 408 | 429) {
            return Ok(Answer::Later(format!("the answer was {status}: {}", refused.text())));
        }
        if refused.text().is_empty() {
            anyhow::bail!("{hub} answered {status}: is it a hub, and does it know `countersign login`?");
        }
        Ok(Answer::Refused(refused))
    }
}

impl Refused {
    /// What the hub says, with the error's code.
    pub(super) fn text(&self) -> String {
        match (self.error_description.as_str(), self.detail.as_str()) {
            ("", "") => self.error.clone(),
            ("", detail) => detail.to_owned(),
            (description, _) => format!("{description} [{}]", self.error),
        }
    }
}
