//! Who calls, and what they may do. Tokens are `cs_` and 256 random bits; the hub keeps only a digest of them.

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::approval::{Digest, Email};
use crate::audit::Actor;
use crate::ids::TokenId;
use crate::random;
use crate::time::Timestamp;

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Everything.
    Admin,
    /// Asks, waits for the outcome, takes back.
    Requester,
    /// A person's own: votes as that person.
    Approver,
    /// A system that votes on behalf of people it names.
    Decider,
    /// Reads analytics.
    Analyst,
    /// Reads everything, changes nothing.
    Auditor,
}

/// An API token as kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Token {
    /// Its identity.
    pub id: TokenId,
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub scope: Scope,
    /// Whose it is, when it is a person's.
    pub person: Option<Email>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is void.
    pub expires_at: Option<Timestamp>,
}

impl Token {
    /// Whether it is void at `now`.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| now >= end)
    }
}

/// A new token's secret text.
pub fn new_token_secret() -> String {
    format!("cs_{}", random::secret_text())
}

/// The one form in which the hub keeps a token's secret. A plain digest serves, since the secret is random and long.
pub fn digest_of_secret(secret: &str) -> Digest {
    Digest::of(secret.as_bytes())
}

/// The admin token given by the operator or found in the data folder.
#[derive(Debug, Clone)]
pub struct BootstrapToken(Digest);

impl BootstrapToken {
    /// From its text.
    pub fn new(secret: &str) -> Self {
        Self(digest_of_secret(secret))
    }

    /// Whether `secret` is it, in constant time.
    pub fn matches(&self, secret: &Digest) -> bool {
        self.0.as_bytes().ct_eq(secret.as_bytes()).into()
    }
}

/// Who makes a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// The holder of the bootstrap admin token.
    Operator,
    /// The holder of a token.
    Token(Token),
}

impl Principal {
    /// Whether the call may do what `scope` is for. Admins may do everything.
    pub fn has(&self, scope: Scope) -> bool {
        match self {
            Self::Operator => true,
            Self::Token(token) => token.scope == scope || token.scope == Scope::Admin,
        }
    }

    /// The person that the token belongs to.
    pub const fn person(&self) -> Option<&Email> {
        match self {
            Self::Operator => None,
            Self::Token(token) => token.person.as_ref(),
        }
    }

    /// A stable text for this caller: owns idempotency keys and requests.
    pub fn key(&self) -> String {
        match self {
            Self::Operator => "operator".to_owned(),
            Self::Token(token) => token.id.to_string(),
        }
    }

    /// What to call the caller.
    pub fn name(&self) -> &str {
        match self {
            Self::Operator => "operator",
            Self::Token(token) => &token.name,
        }
    }

    /// As the audit trail names them.
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
    fn secrets_are_long_and_never_the_same() {
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
