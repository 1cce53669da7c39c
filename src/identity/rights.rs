//! The rights of each scope.

use serde::{Deserialize, Serialize};

/// What a token is for. `Admin` includes all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    Admin,
    /// A system or a person that asks, waits, changes, cancels, and uses what was approved.
    Requester,
    /// One person, who votes as themselves.
    Approver,
    /// A system that has authenticated people and votes on behalf of those it names.
    Decider,
    /// Reads reports and all requests.
    Analyst,
    /// Reads everything but tokens, changes nothing.
    Auditor,
    /// A directory that says who there is and which groups they are in.
    Scim,
}

impl Scope {
    /// Every scope, in the order of the documentation.
    pub const ALL: [Self; 7] =
        [Self::Admin, Self::Requester, Self::Approver, Self::Decider, Self::Analyst, Self::Auditor, Self::Scim];

    /// As the API spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Requester => "requester",
            Self::Approver => "approver",
            Self::Decider => "decider",
            Self::Analyst => "analyst",
            Self::Auditor => "auditor",
            Self::Scim => "scim",
        }
    }

    /// Whether a token of this scope may do it.
    pub fn allows(self, right: Right) -> bool {
        self == Self::Admin || right.scopes().contains(&self)
    }
}

/// Something that a scope permits. The services check which requests and resources it covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// What every token but a directory's may do, as far as it concerns its own person and requests.
    Participate,
    /// Ask, and cancel, revise and use what it asked for.
    Ask,
    /// Evaluate a request without creating it.
    Evaluate,
    /// List requests of others.
    ListRequests,
    /// Approve and reject.
    Vote,
    /// Revoke an approved access or execution.
    Revoke,
    /// Use break-glass.
    BreakGlass,
    /// Review a use of break-glass.
    ReviewEmergency,
    /// Read who has access to what.
    ReadAccess,
    ReadAnalytics,
    /// Read the whole audit trail.
    ReadAudit,
    /// Read resources, groups, people, endpoints, deliveries and templates.
    ReadConfiguration,
    /// Change any of these, and send messages again.
    Configure,
    /// Say who there is and which groups they are in, as a directory does.
    Provision,
    ManageTokens,
}

impl Right {
    /// Every right, in the order of the documentation.
    pub const ALL: [Self; 15] = [
        Self::Participate,
        Self::Ask,
        Self::Evaluate,
        Self::ListRequests,
        Self::Vote,
        Self::Revoke,
        Self::BreakGlass,
        Self::ReviewEmergency,
        Self::ReadAccess,
        Self::ReadAnalytics,
        Self::ReadAudit,
        Self::ReadConfiguration,
        Self::Configure,
        Self::Provision,
        Self::ManageTokens,
    ];

    /// As the documentation calls it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Participate => "participate",
            Self::Ask => "ask",
            Self::Evaluate => "evaluate",
            Self::ListRequests => "list requests",
            Self::Vote => "vote",
            Self::Revoke => "revoke",
            Self::BreakGlass => "break glass",
            Self::ReviewEmergency => "review emergency",
            Self::ReadAccess => "read access",
            Self::ReadAnalytics => "read analytics",
            Self::ReadAudit => "read audit",
            Self::ReadConfiguration => "read configuration",
            Self::Configure => "configure",
            Self::Provision => "provision",
            Self::ManageTokens => "manage tokens",
        }
    }

    /// The scopes that have it, besides `admin`, which has every right.
    pub const fn scopes(self) -> &'static [Scope] {
        use Scope::{Analyst, Approver, Auditor, Decider, Requester, Scim};
        match self {
            Self::Participate => &[Requester, Approver, Decider, Analyst, Auditor],
            Self::Ask => &[Requester],
            Self::Evaluate => &[Requester, Auditor],
            Self::ListRequests => &[Requester, Decider, Analyst, Auditor],
            Self::Vote => &[Approver, Decider],
            Self::Revoke => &[Requester, Approver, Decider],
            Self::BreakGlass => &[Requester, Approver],
            Self::ReviewEmergency => &[Approver],
            Self::ReadAccess => &[Requester, Decider, Auditor],
            Self::ReadAnalytics => &[Analyst, Auditor],
            Self::ReadAudit | Self::ReadConfiguration => &[Auditor],
            Self::Provision => &[Scim],
            Self::Configure | Self::ManageTokens => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_auditor_changes_nothing_and_an_admin_may_do_everything() {
        for right in [Right::Ask, Right::Vote, Right::BreakGlass, Right::Configure, Right::ManageTokens] {
            assert!(!Scope::Auditor.allows(right) && Scope::Admin.allows(right), "{right:?}");
        }
    }
}
