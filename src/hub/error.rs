//! Why the hub does not do what it was asked. Each variant has one stable code and one HTTP status, given in `http::problem`.

use super::RequestView;
use crate::approval::{Refusal, Status, UseRefusal};
use crate::channels::Preview;
use crate::codes::Code;
use crate::store::StoreError;

/// What is wrong with a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinkProblem {
    /// Not signed by this hub.
    #[error("this link was not made by this hub, or not all of it arrived: open it again from the message")]
    Forged,
    /// Its time is over.
    #[error("this link has expired: nothing can be decided with it any more")]
    Expired,
    /// The request was changed since.
    #[error("this request was changed after the link was sent: use the link in the newest message")]
    Revised,
    /// The endpoint that it was sent to was deleted.
    #[error(
        "this link was sent to an endpoint that was deleted since: nothing can be seen or decided with it any more"
    )]
    EndpointDeleted,
    /// The endpoint that it was sent to no longer speaks for the group, or hears of the resource.
    #[error(
        "this link was sent to an endpoint that no longer serves the group which decides here: use a link sent to one that does"
    )]
    EndpointElsewhere,
    /// The endpoint that it was sent to is one person's by now, or another's, or nobody's any more.
    #[error("this link was sent to an endpoint before it became somebody else's: use the link in a newer message")]
    EndpointHandedOver,
    /// An operator has called back the links of its endpoint.
    #[error("this link was called back by an operator of this hub: use the link in a newer message")]
    CalledBack,
    /// It is another person's.
    #[error("this link was sent to one person, and only they can decide with it")]
    NotYours,
    /// The form was open for too long, or did not come from the hub's page.
    #[error("this form is no longer valid: open the link again and decide there")]
    StaleForm,
}

/// A refusal or a failure.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The caller may not do this.
    #[error("{0}")]
    Forbidden(String),
    /// There is no such thing, or none that the caller may know of.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// What must be there is not: a fault of the hub or of its data, never of the caller.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// Something in the input cannot be meant.
    #[error("{detail}")]
    Invalid {
        /// Stable.
        code: Code,
        /// Which part of the input, as a JSON Pointer.
        pointer: String,
        /// What is wrong and what to do.
        detail: String,
    },
    /// A template that does not make of every sample what its channel takes.
    #[error("{}", first_of(problems))]
    Template {
        /// Which part of the input, as a JSON Pointer.
        pointer: String,
        /// What it makes of the samples that it fails for, some of them at most.
        problems: Vec<Preview>,
    },
    /// Nobody could ever approve.
    #[error(
        "nobody can fill every slot of {resource} for this requester: add people to its groups, who must be enough distinct \
         people besides the requester"
    )]
    Unsatisfiable {
        /// Of what.
        resource: String,
    },
    /// It clashes with what is there.
    #[error("{detail}")]
    Conflict {
        /// Stable.
        code: Code,
        /// With what, and what to do.
        detail: String,
    },
    /// The core said no.
    #[error("{refusal}")]
    Refused {
        /// Why.
        refusal: Refusal,
        /// How the request stands.
        status: Status,
        /// The request, when the caller may see it.
        request: Option<Box<RequestView>>,
    },
    /// Its resource is marked high risk.
    #[error("this resource is marked high risk: look at the request and approve it by itself")]
    HighRisk,
    /// What was approved cannot be used so.
    #[error(transparent)]
    Use(#[from] UseRefusal),
    /// A link that cannot be used.
    #[error(transparent)]
    Link(#[from] LinkProblem),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl HubError {
    /// Whether waiting may mend it: the database cannot serve now.
    pub(super) const fn is_transient(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_transient())
    }

    /// It clashes with what is there.
    pub fn conflict(code: Code, detail: impl Into<String>) -> Self {
        Self::Conflict { code, detail: detail.into() }
    }

    /// Something in the input cannot be meant.
    pub fn invalid(code: Code, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Invalid { code, pointer: pointer.into(), detail: detail.into() }
    }
}

/// What is wrong, in the words of the first of several.
fn first_of(problems: &[Preview]) -> String {
    let said = |preview: &Preview| {
        let problem = preview.problem.as_ref()?;
        Some(format!("{} (with {}, {})", problem.detail, preview.event, preview.sample))
    };
    problems.iter().find_map(said).unwrap_or_else(|| "the template cannot be used".to_owned())
}
