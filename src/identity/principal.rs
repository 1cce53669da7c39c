//! Who makes a call.

use std::sync::Arc;

use super::{Right, Scope, Session, Token};
use crate::approval::{Assurance, Email, ResourceName};
use crate::audit::Actor;
use crate::time::Timestamp;

/// Who makes a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// The holder of the bootstrap admin token.
    Operator,
    /// The holder of a token.
    Token(Arc<Token>),
    /// A person who signed in.
    Session(Arc<Session>),
}

impl Principal {
    /// Whether the caller has the right, for whatever it covers.
    pub fn may(&self, right: Right) -> bool {
        match self {
            Self::Operator => true,
            Self::Token(token) => token.scope.allows(right),
            Self::Session(session) => session.scopes.iter().any(|scope| scope.allows(right)),
        }
    }

    /// Whether the caller has that scope, or is an admin.
    pub fn has(&self, scope: Scope) -> bool {
        let is = |own: Scope| own == scope || own == Scope::Admin;
        match self {
            Self::Operator => true,
            Self::Token(token) => is(token.scope),
            Self::Session(session) => session.scopes.iter().copied().any(is),
        }
    }

    /// The person that the token or the session belongs to.
    pub fn person(&self) -> Option<&Email> {
        match self {
            Self::Operator => None,
            Self::Token(token) => token.person.as_ref(),
            Self::Session(session) => Some(&session.person),
        }
    }

    /// How sure the hub is of the caller's person.
    pub fn assurance(&self) -> Assurance {
        match self {
            Self::Operator | Self::Token(_) => Assurance::Token,
            Self::Session(session) => session.method.assurance(),
        }
    }

    /// When the person proved who they are, if this is a session and that is known.
    pub fn signed_in_at(&self) -> Option<Timestamp> {
        match self {
            Self::Operator | Self::Token(_) => None,
            Self::Session(session) => session.signed_in_at,
        }
    }

    /// Whether the caller may act on that resource, as far as its token limits it.
    pub fn covers(&self, resource: &ResourceName) -> bool {
        match self {
            Self::Operator => true,
            Self::Token(token) => token.covers(resource),
            Self::Session(session) => session.covers(resource),
        }
    }

    /// Whether the caller's token is limited to some resources.
    pub fn is_limited(&self) -> bool {
        match self {
            Self::Operator => false,
            Self::Token(token) => !token.resources.is_empty(),
            Self::Session(session) => !session.resources.is_empty(),
        }
    }

    /// The resources that the caller is limited to; none if it is not limited.
    pub fn resources(&self) -> impl Iterator<Item = &ResourceName> {
        match self {
            Self::Operator => None,
            Self::Token(token) => Some(&token.resources),
            Self::Session(session) => Some(&session.resources),
        }
        .into_iter()
        .flatten()
    }

    /// Whether the caller is a program that acts for people.
    pub fn is_agent(&self) -> bool {
        matches!(self, Self::Token(token) if token.agent)
    }

    /// A stable text for this caller: owns idempotency keys and requests. All sessions of a person are one caller.
    pub fn key(&self) -> String {
        match self {
            Self::Operator => "operator".to_owned(),
            Self::Token(token) => token.id.to_string(),
            Self::Session(session) => format!("person:{}", session.person),
        }
    }

    /// What to call the caller.
    pub fn name(&self) -> &str {
        match self {
            Self::Operator => "operator",
            Self::Token(token) => &token.name,
            Self::Session(session) => session.person.as_str(),
        }
    }

    /// As the audit trail names them.
    pub fn actor(&self) -> Actor {
        match self {
            Self::Operator => Actor::Token { id: None, name: "operator".to_owned() },
            Self::Token(token) => Actor::Token { id: Some(token.id), name: token.name.clone() },
            Self::Session(session) => Actor::Session { id: session.id, person: session.person.clone() },
        }
    }
}
