//! Who may not approve a request, and who said so. Approvers must see this, since the requester chooses some of these
//! people.

use serde::Serialize;

use super::{Email, Request, Terms};

/// Most people shown from the policy's list: every event of the request carries them.
const MOST_LISTED: usize = 20;

/// A person who may not approve a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Excluded {
    pub person: Email,
    /// The role that excludes them.
    #[serde(rename = "as")]
    pub role: ExcludedAs,
    /// Where the exclusion comes from.
    pub by: ExclusionSource,
}

/// The role that keeps a person from approving a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ExcludedAs {
    Requester,
    /// The person the requester acts for.
    ActingFor,
    /// The person the request is made for.
    Beneficiary,
    /// The owner of the token that made the request.
    TokenOwner,
    /// Listed by the resource's policy.
    Conflicted,
}

/// Where an exclusion comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ExclusionSource {
    /// Fields of the request: the requester's own statement.
    Request,
    /// The token that made the request.
    Token,
    /// The resource's policy.
    Policy,
}

impl Excluded {
    /// Returns the exclusion as a sentence.
    pub fn describe(&self) -> String {
        let role = match self.role {
            ExcludedAs::Requester => "requester",
            ExcludedAs::ActingFor => "the request is made in their name",
            ExcludedAs::Beneficiary => "beneficiary",
            ExcludedAs::TokenOwner => "owner of the requesting token",
            ExcludedAs::Conflicted => "conflicted",
        };
        let by = match self.by {
            ExclusionSource::Request => "request",
            ExclusionSource::Token => "token",
            ExclusionSource::Policy => "policy",
        };
        format!("{} may not approve ({role}, according to the {by})", self.person)
    }
}

impl ExcludedAs {
    const fn by(self) -> ExclusionSource {
        match self {
            Self::Requester | Self::ActingFor | Self::Beneficiary => ExclusionSource::Request,
            Self::TokenOwner => ExclusionSource::Token,
            Self::Conflicted => ExclusionSource::Policy,
        }
    }
}

impl Request {
    /// Returns who may not approve the request. Each person is listed once, with the first source of request, token
    /// and policy.
    pub fn excluded(&self) -> Vec<Excluded> {
        let Terms { askers, conflicted, procedure, .. } = &self.terms;
        let named = [
            (&self.requester.email, ExcludedAs::Requester),
            (&self.requester.acting_for, ExcludedAs::ActingFor),
            (&self.beneficiary, ExcludedAs::Beneficiary),
        ];
        let named = named.into_iter().filter_map(|(person, role)| Some((person.as_ref()?, role)));
        let asking = named.chain(askers.iter().map(|person| (person, ExcludedAs::TokenOwner)));
        let asking = asking.filter(|_| !procedure.allow_self_approval);
        let mut all: Vec<Excluded> = Vec::new();
        for (person, role) in
            asking.chain(conflicted.iter().take(MOST_LISTED).map(|person| (person, ExcludedAs::Conflicted)))
        {
            if !all.iter().any(|known| known.person == *person) {
                all.push(Excluded { person: person.clone(), role, by: role.by() });
            }
        }
        all
    }
}
