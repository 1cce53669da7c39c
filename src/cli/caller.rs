//! A hub, and the secret that is sent to it.

use std::sync::Arc;

use secrecy::SecretString;

use super::hub_url::HubUrl;
use super::workload::IdTokens;

/// A hub, and the secret that is sent to it.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) url: HubUrl,
    pub(super) secret: SecretString,
    pub(super) source: Source,
}

/// Where a secret comes from.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// The environment or a flag.
    Token,
    /// `countersign login`
    Session,
    /// An exchange of a platform's token.
    Workload(Arc<IdTokens>),
}

impl Caller {
    /// A caller with a token.
    pub(super) const fn with_token(url: HubUrl, secret: SecretString) -> Self {
        Self { url, secret, source: Source::Token }
    }

    /// What to do about an error with that code.
    pub(super) fn hint(&self, code: &str) -> String {
        match self.source {
            Source::Session if code == "unauthenticated" => format!(": run `countersign login {}` again", self.url),
            _ => String::new(),
        }
    }

    /// Another secret in place of one that is over, if there can be one.
    pub(super) async fn renewed(&self) -> Option<anyhow::Result<SecretString>> {
        match &self.source {
            Source::Workload(tokens) if tokens.can_repeat() => Some(tokens.exchange(&self.url).await),
            _ => None,
        }
    }
}
