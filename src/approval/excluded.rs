//! Who may not approve a request, and by whose word: an asker chooses some of them, so approvers have to see whom.

use serde::Serialize;

use super::{Email, Request, Terms};

/// Most people of the policy's list that are told: every event about the request carries them.
const MOST_LISTED: usize = 20;

/// Somebody who may not approve a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Excluded {
    /// Who.
    pub person: Email,
    /// As what.
    #[serde(rename = "as")]
    pub role: ExcludedAs,
    /// By whose word.
    pub by: WordOf,
}

/// As what somebody may not approve a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ExcludedAs {
    /// Who asks.
    Requester,
    /// In whose name it is asked.
    ActingFor,
    /// For whom it is asked.
    Beneficiary,
    /// Whose token it was asked with.
    TokenOwner,
    /// Whom the resource's policy lists.
    Conflicted,
}

/// By whose word something is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WordOf {
    /// The request says so: whoever asked.
    Request,
    /// The token with which it was asked.
    Token,
    /// The resource's policy.
    Policy,
}

impl Excluded {
    /// In words.
    pub fn describe(&self) -> String {
        let role = match self.role {
            ExcludedAs::Requester => "requester",
            ExcludedAs::ActingFor => "in whose name it is asked",
            ExcludedAs::Beneficiary => "beneficiary",
            ExcludedAs::TokenOwner => "whose token asked",
            ExcludedAs::Conflicted => "conflicted",
        };
        let by = match self.by {
            WordOf::Request => "request",
            WordOf::Token => "token",
            WordOf::Policy => "policy",
        };
        format!("{} may not approve ({role}, by the {by}'s word)", self.person)
    }
}

impl ExcludedAs {
    const fn by(self) -> WordOf {
        match self {
            Self::Requester | Self::ActingFor | Self::Beneficiary => WordOf::Request,
            Self::TokenOwner => WordOf::Token,
            Self::Conflicted => WordOf::Policy,
        }
    }
}

impl Request {
    /// Who may not approve it, and by whose word, each person once: by the first of the request's, the token's and the policy's word.
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
