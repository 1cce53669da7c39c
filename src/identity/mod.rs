//! Callers and their rights. A token is `cs_` and 256 random bits; the hub keeps only its digest.

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::approval::{Digest, Email};
use crate::audit::Actor;
use crate::ids::TokenId;
use crate::random;
use crate::time::Timestamp;

/// What a token may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Everything.
    Admin,
    /// Makes requests, waits for their outcome, cancels them.
    Requester,
    /// Belongs to a person, and votes as that person.
    Approver,
    /// Belongs to a system that votes for people it names.
    Decider,
    /// Reads analytics.
    Analyst,
    /// Reads everything, changes nothing.
    Auditor,
}

/// An API token as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Token {
    pub id: TokenId,
    /// Name for people.
    pub name: String,
    pub scope: Scope,
    /// The person it belongs to, if any.
    pub person: Option<Email>,
    pub created_at: Timestamp,
    /// The token is invalid from this time on.
    pub expires_at: Option<Timestamp>,
}

impl Token {
    /// Whether it is invalid at `now`.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| now >= end)
    }
}

/// Creates the secret text of a new token.
pub fn new_token_secret() -> String {
    format!("cs_{}", random::secret_text())
}

/// Returns the form in which the hub keeps a token's secret. A plain digest is enough, since the secret is random and
/// long.
pub fn digest_of_secret(secret: &str) -> Digest {
    Digest::of(secret.as_bytes())
}

/// The admin token that the operator sets, or that is in the data folder.
#[derive(Debug, Clone)]
pub struct BootstrapToken(Digest);

impl BootstrapToken {
    /// Creates it from its text.
    pub fn new(secret: &str) -> Self {
        Self(digest_of_secret(secret))
    }

    /// Compares a secret with it in constant time.
    pub fn matches(&self, secret: &Digest) -> bool {
        self.0.as_bytes().ct_eq(secret.as_bytes()).into()
    }
}

/// The authenticated caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// The holder of the bootstrap admin token.
    Operator,
    /// The holder of a token.
    Token(Token),
}

impl Principal {
    /// Whether the caller has a scope. Admins have all.
    pub fn has(&self, scope: Scope) -> bool {
        match self {
            Self::Operator => true,
            Self::Token(token) => token.scope == scope || token.scope == Scope::Admin,
        }
    }

    /// Returns the person that the token belongs to.
    pub const fn person(&self) -> Option<&Email> {
        match self {
            Self::Operator => None,
            Self::Token(token) => token.person.as_ref(),
        }
    }

    /// Returns a stable text for this caller: the owner of its idempotency keys and requests.
    pub fn key(&self) -> String {
        match self {
            Self::Operator => "operator".to_owned(),
            Self::Token(token) => token.id.to_string(),
        }
    }

    /// Returns the caller's name for people.
    pub fn name(&self) -> &str {
        match self {
            Self::Operator => "operator",
            Self::Token(token) => &token.name,
        }
    }

    /// Returns the caller as an actor of the audit trail.
    pub fn actor(&self) -> Actor {
        match self {
            Self::Operator => Actor::Token { id: None, name: "operator".to_owned() },
            Self::Token(token) => Actor::Token { id: Some(token.id), name: token.name.clone() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_long_and_unique() {
        let (one, two) = (new_token_secret(), new_token_secret());
        assert_ne!(one, two);
        assert_eq!(one.len(), 3 + 43);
    }

    #[test]
    fn bootstrap_token_matches_only_itself() {
        let token = BootstrapToken::new("cs_one");
        assert!(token.matches(&digest_of_secret("cs_one")));
        assert!(!token.matches(&digest_of_secret("cs_two")));
    }
}
