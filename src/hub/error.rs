//! The errors of the services. `http::problem` gives each variant one stable code and one HTTP status.

use super::RequestView;
use crate::approval::{Email, Refusal, Status, UseRefusal};
use crate::channels::Preview;
use crate::codes::Code;
use crate::store::StoreError;

/// What is wrong with a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinkProblem {
    /// Not signed by this hub.
    #[error("this link was not made by this hub, or part of it is missing: open it again from the message")]
    Forged,
    #[error("this link has expired: it can no longer be used to decide")]
    Expired,
    /// The request was revised after the link was sent.
    #[error("this request was changed after the link was sent: use the link in the newest message")]
    Revised,
    /// The endpoint that received the link was deleted.
    #[error("this link was sent to an endpoint that has been deleted: it no longer works")]
    EndpointDeleted,
    /// The endpoint that received the link no longer serves the group or the resource.
    #[error("this link was sent to an endpoint that no longer serves the group or the resource: use a newer link")]
    EndpointElsewhere,
    /// The `recipient` of the endpoint that received the link has changed since.
    #[error("this link was sent before its endpoint was given another recipient: use the link in a newer message")]
    EndpointHandedOver,
    /// An operator has revoked the links of its endpoint.
    #[error("this link was revoked by an operator of this hub: use the link in a newer message")]
    CalledBack,
    /// The link is for another person.
    #[error("this link was sent to one person, and only they can decide with it")]
    NotYours,
    /// The voter has to sign in first.
    #[error("sign in to decide this request: its resource requires it")]
    SignInFirst,
    /// The form's nonce has expired, or the form did not come from the hub's page.
    #[error("this form is no longer valid: open the link again and decide there")]
    StaleForm,
}

/// The error of every service.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The caller may not do this.
    #[error("{0}")]
    Forbidden(String),
    /// There is no such thing, or the caller may not know that it exists.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// Data that must exist does not: a fault of the hub or of its data, never of the caller.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// The input is invalid.
    #[error("{detail}")]
    Invalid {
        code: Code,
        /// The invalid part of the input, as a JSON Pointer.
        pointer: String,
        /// What is wrong and what to do.
        detail: String,
    },
    /// A template whose output is invalid for its channel with at least one sample.
    #[error("{}", first_of(problems))]
    Template {
        /// The invalid part of the input, as a JSON Pointer.
        pointer: String,
        /// The failing samples, a bounded number of them.
        problems: Vec<Preview>,
    },
    /// The slots can never be filled.
    #[error(
        "there are not enough people to fill every slot of {resource} for this requester: add people to its groups; the \
         requester does not count"
    )]
    Unsatisfiable { resource: String },
    /// The call conflicts with the current state.
    #[error("{detail}")]
    Conflict {
        code: Code,
        /// With what, and what to do.
        detail: String,
    },
    /// The core refused the command.
    #[error("{refusal}")]
    Refused {
        refusal: Refusal,
        status: Status,
        /// The request, when the caller may see it.
        request: Option<Box<RequestView>>,
    },
    /// The person is a member by a sign-in that is too old.
    #[error("{person} is a member by a sign-in that is too old: {person} must sign in again at {sign_in_url}")]
    MembershipStale {
        person: Email,
        sign_in_url: String,
        /// The request, when the caller may see it.
        request: Option<Box<RequestView>>,
    },
    /// The resource is marked high risk and excluded from bulk approval.
    #[error("this resource is marked high risk: review the request and approve it individually")]
    HighRisk,
    /// The execution or grant does not allow this use.
    #[error(transparent)]
    Use(#[from] UseRefusal),
    /// The link cannot be used.
    #[error(transparent)]
    Link(#[from] LinkProblem),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl HubError {
    /// Whether a retry may succeed: the database is temporarily unavailable.
    pub(super) const fn is_transient(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_transient())
    }

    /// Returns a [`HubError::Conflict`].
    pub fn conflict(code: Code, detail: impl Into<String>) -> Self {
        Self::Conflict { code, detail: detail.into() }
    }

    /// Returns a [`HubError::Invalid`].
    pub fn invalid(code: Code, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Invalid { code, pointer: pointer.into(), detail: detail.into() }
    }
}

/// The detail of the first problem.
fn first_of(problems: &[Preview]) -> String {
    let describe = |preview: &Preview| {
        let problem = preview.problem.as_ref()?;
        Some(format!("{} (with {}, {})", problem.detail, preview.event, preview.sample))
    };
    problems.iter().find_map(describe).unwrap_or_else(|| "the template cannot be used".to_owned())
}
