//! Sessions: a person is signed in.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Scope;
use crate::approval::{Assurance, Email, ResourceName};
use crate::ids::{SessionId, TokenId};
use crate::time::Timestamp;

/// Who holds the session's secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionKind {
    /// A browser, in a cookie.
    Browser,
    /// A program on a person's machine, which sends it as the bearer.
    Device,
}

/// How the person signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignInMethod {
    /// With the identity provider.
    Sso,
    /// With a one-time link.
    Link,
    /// With their own API token.
    Token,
}

impl SignInMethod {
    /// How sure the hub is of the person.
    pub const fn assurance(self) -> Assurance {
        match self {
            Self::Sso => Assurance::Sso,
            Self::Link | Self::Token => Assurance::Token,
        }
    }
}

/// Where a session is used, as far as the client says: for its owner to recognise it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ClientInfo {
    /// The address that it was started from.
    pub address: Option<String>,
    /// The browser's `User-Agent`, or the machine's name.
    pub device: Option<String>,
}

/// The identity provider's own session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderSession {
    /// The provider (`iss` of `OpenID` Connect Core 1.0 §2).
    pub issuer: String,
    /// The person's identifier there (`sub`).
    pub subject: String,
    /// The session's identifier there (`sid` of `OpenID` Connect Front-Channel Logout 1.0 §3).
    pub sid: Option<String>,
}

/// A session, with the rights that it gives now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Session {
    pub id: SessionId,
    pub person: Email,
    pub kind: SessionKind,
    pub method: SignInMethod,
    pub scopes: BTreeSet<Scope>,
    /// The resources that it is limited to; empty for no limit.
    pub resources: BTreeSet<ResourceName>,
    /// The token with which the person signed in: the session ends with it, and gives no more rights.
    pub token: Option<TokenId>,
    /// When the person proved who they are; none if the identity provider does not say.
    pub signed_in_at: Option<Timestamp>,
    pub created_at: Timestamp,
    /// When it ends in any case; it ends earlier when it is not used.
    pub expires_at: Timestamp,
}

impl Session {
    /// Whether it may be used for that resource.
    pub fn covers(&self, resource: &ResourceName) -> bool {
        self.resources.is_empty() || self.resources.contains(resource)
    }
}

/// The rights of a person who signed in otherwise than with a token: everybody may vote, whom the hub knows may ask, and
/// roles add theirs.
pub fn rights_of_person(is_known: bool, roles: &BTreeSet<Scope>) -> BTreeSet<Scope> {
    let ask = is_known.then_some(Scope::Requester);
    roles.iter().copied().chain([Scope::Approver]).chain(ask).collect()
}
