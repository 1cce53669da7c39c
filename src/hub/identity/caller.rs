//! What a caller is told about itself.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::approval::{Email, ResourceName};
use crate::hub::{Hub, HubError};
use crate::identity::{Principal, Scope, SignInMethod};
use crate::time::Timestamp;

/// Who calls, with which rights, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CallerView {
    /// `session`, `token`, or `operator`: the hub's own admin token.
    pub kind: &'static str,
    /// Of the session or the token.
    pub id: Option<String>,
    pub name: String,
    pub person: Option<Email>,
    /// How the person signed in; `null` without a session.
    pub method: Option<SignInMethod>,
    pub signed_in_at: Option<Timestamp>,
    pub scopes: BTreeSet<Scope>,
    /// The resources that it is limited to; empty for no limit.
    pub resources: BTreeSet<ResourceName>,
    pub agent: bool,
    /// A session ends earlier when it is not used.
    pub expires_at: Option<Timestamp>,
}

impl Hub {
    /// Tells a caller about itself.
    pub fn caller(&self, caller: &Principal) -> CallerView {
        let view = CallerView {
            kind: "operator",
            id: None,
            name: caller.name().to_owned(),
            person: caller.person().cloned(),
            method: None,
            signed_in_at: caller.signed_in_at(),
            scopes: BTreeSet::from([Scope::Admin]),
            resources: BTreeSet::new(),
            agent: caller.is_agent(),
            expires_at: None,
        };
        match caller {
            Principal::Operator => view,
            Principal::Token(token) => CallerView {
                kind: "token",
                id: Some(token.id.to_string()),
                scopes: BTreeSet::from([token.scope]),
                resources: token.resources.clone(),
                expires_at: token.expires_at,
                ..view
            },
            Principal::Session(session) => CallerView {
                kind: "session",
                id: Some(session.id.to_string()),
                method: Some(session.method),
                scopes: session.scopes.clone(),
                resources: session.resources.clone(),
                expires_at: Some(session.expires_at),
                ..view
            },
        }
    }

    /// Ends the session with which the call is made.
    ///
    /// # Errors
    /// When it is made with a token, or the store fails.
    pub async fn end_own_session(&self, caller: &Principal) -> Result<(), HubError> {
        match caller {
            Principal::Session(session) => self.end_session(session, session.id).await,
            Principal::Operator | Principal::Token(_) => Err(HubError::NotFound("session: the call has a token")),
        }
    }
}
