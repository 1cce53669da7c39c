//! Who makes a call.

use std::sync::Arc;

use super::{Right, Scope, Token};
use crate::approval::{Email, ResourceName};
use crate::audit::Actor;

/// Who makes a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// The holder of the bootstrap admin token.
    Operator,
    /// The holder of a token.
    Token(Arc<Token>),
}

impl Principal {
    /// Whether the caller has the right, for whatever it covers.
    pub fn may(&self, right: Right) -> bool {
        self.scope().allows(right)
    }

    /// Whether the caller's token has that scope, or is an admin's.
    pub fn has(&self, scope: Scope) -> bool {
        self.scope() == scope || self.scope() == Scope::Admin
    }

    /// What the caller's token is for.
    pub fn scope(&self) -> Scope {
        match self {
            Self::Operator => Scope::Admin,
            Self::Token(token) => token.scope,
        }
    }

    /// The person that the token belongs to.
    pub fn person(&self) -> Option<&Email> {
        match self {
            Self::Operator => None,
            Self::Token(token) => token.person.as_ref(),
        }
    }

    /// Whether the caller may act on that resource, as far as its token limits it.
    pub fn covers(&self, resource: &ResourceName) -> bool {
        match self {
            Self::Operator => true,
            Self::Token(token) => token.covers(resource),
        }
    }

    /// Whether the caller's token is limited to some resources.
    pub fn is_limited(&self) -> bool {
        matches!(self, Self::Token(token) if !token.resources.is_empty())
    }

    /// Whether the caller is a program that acts for people.
    pub fn is_agent(&self) -> bool {
        matches!(self, Self::Token(token) if token.agent)
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
