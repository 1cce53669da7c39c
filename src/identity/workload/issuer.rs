//! An issuer whose tokens count, under conditions.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Map, Value};

use super::pattern::{InvalidPattern, Pattern};
use super::public::{known, names_owner};
use crate::approval::ResourceName;

/// Most trusted issuers.
pub const MAX_ISSUERS: usize = 64;
/// Most conditions of one, and most patterns of a condition.
const MAX_CONDITIONS: usize = 32;
/// Longest name of an issuer, in bytes.
const MAX_NAME: usize = 64;
/// Longest time that a token is valid.
const LONGEST: u32 = 3_600;
/// How long a token is valid unless said otherwise.
const USUAL: u32 = 900;
/// Claims that are checked in any case, and say nothing about whose a token is.
const NO_CONDITIONS: [&str; 6] = ["iss", "aud", "exp", "nbf", "iat", "jti"];

/// A trusted issuer as it is configured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UncheckedIssuer {
    pub name: String,
    pub issuer: String,
    pub audience: String,
    /// By claim.
    pub conditions: BTreeMap<String, Vec<String>>,
    pub resources: BTreeSet<ResourceName>,
    pub expires_seconds: Option<u32>,
}

/// Which tokens of an issuer count, and for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedIssuer {
    name: String,
    issuer: String,
    audience: String,
    conditions: BTreeMap<String, Vec<Pattern>>,
    resources: BTreeSet<ResourceName>,
    lifetime: Duration,
}

/// Why a trusted issuer cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssuerError {
    #[error("name must have 1 to {MAX_NAME} of the characters A-Z a-z 0-9 . _ -")]
    Name,
    #[error("audience must not be empty: it is what the pipeline asks its token for, for example the hub's URL")]
    Audience,
    #[error("resources must name at least one resource: the tokens are limited to them")]
    Resources,
    #[error("expires_seconds must be 1 to {LONGEST}")]
    Lifetime,
    #[error(
        "conditions must have at least one claim with a value that is more than *: without, everybody whom the issuer signs for \
         would get a token"
    )]
    NoCondition,
    #[error("conditions.{0} is no condition: the hub checks it in any case")]
    NotACondition(String),
    #[error("conditions.{claim}: {cause}")]
    Pattern { claim: String, cause: InvalidPattern },
    #[error("conditions has more than {MAX_CONDITIONS} claims, or values of a claim")]
    TooMany,
    #[error(
        "{issuer} signs for everybody in the world, so one of these claims must be a condition, and name your own organization or \
         project before the first * (as in acme/*): {owners}"
    )]
    NoOwner {
        issuer: String,
        /// Any one of them is enough.
        owners: String,
    },
}

/// The first claim that does not match.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the claim {0} is not what the conditions require")]
pub struct Mismatch(pub String);

impl UncheckedIssuer {
    /// Checks it.
    ///
    /// # Errors
    /// When it cannot be used, or would trust everybody.
    pub fn check(self) -> Result<TrustedIssuer, IssuerError> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if !(1..=MAX_NAME).contains(&self.name.len()) || !self.name.chars().all(is_name) {
            return Err(IssuerError::Name);
        }
        if self.audience.is_empty() {
            return Err(IssuerError::Audience);
        }
        if self.resources.is_empty() {
            return Err(IssuerError::Resources);
        }
        let seconds = self.expires_seconds.unwrap_or(USUAL);
        if !(1..=LONGEST).contains(&seconds) {
            return Err(IssuerError::Lifetime);
        }
        let conditions = conditions(self.conditions)?;
        if !conditions.values().any(|patterns| patterns.iter().all(|pattern| !pattern.is_bare())) {
            return Err(IssuerError::NoCondition);
        }
        if let Some(public) = known(&self.issuer) {
            let names = |claim: &str| conditions.get(claim).is_some_and(|patterns| patterns.iter().all(names_owner));
            if !public.owners.iter().any(|claim| names(claim)) {
                let owners = public.owners.join(", ");
                return Err(IssuerError::NoOwner { issuer: self.issuer, owners });
            }
        }
        Ok(TrustedIssuer {
            name: self.name,
            issuer: self.issuer,
            audience: self.audience,
            conditions,
            resources: self.resources,
            lifetime: Duration::from_secs(seconds.into()),
        })
    }
}

fn conditions(given: BTreeMap<String, Vec<String>>) -> Result<BTreeMap<String, Vec<Pattern>>, IssuerError> {
    if given.len() > MAX_CONDITIONS {
        return Err(IssuerError::TooMany);
    }
    let read = |(claim, values): (String, Vec<String>)| {
        if NO_CONDITIONS.contains(&claim.as_str()) {
            return Err(IssuerError::NotACondition(claim));
        }
        if values.len() > MAX_CONDITIONS {
            return Err(IssuerError::TooMany);
        }
        if values.is_empty() {
            return Err(IssuerError::Pattern { claim, cause: InvalidPattern::Empty });
        }
        let patterns = values.iter().map(|value| value.parse()).collect::<Result<_, _>>();
        match patterns {
            Ok(patterns) => Ok((claim, patterns)),
            Err(cause) => Err(IssuerError::Pattern { claim, cause }),
        }
    };
    given.into_iter().map(read).collect()
}

impl TrustedIssuer {
    /// What people call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The `iss` of its tokens.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The `aud` of its tokens.
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// What its workloads may ask for.
    pub const fn resources(&self) -> &BTreeSet<ResourceName> {
        &self.resources
    }

    /// How long a token of the hub is valid.
    pub const fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// The claims that meet the conditions, for the audit trail.
    ///
    /// # Errors
    /// The first claim that does not.
    pub fn matched(&self, claims: &Map<String, Value>) -> Result<BTreeMap<String, Value>, Mismatch> {
        let meets = |(name, patterns): (&String, &Vec<Pattern>)| {
            let value = claims.get(name).filter(|value| is_met(patterns, value));
            value.map(|value| (name.clone(), value.clone())).ok_or_else(|| Mismatch(name.clone()))
        };
        self.conditions.iter().map(meets).collect()
    }
}

/// Whether a claim, or an item of a claim that is a list, matches one of the patterns.
fn is_met(patterns: &[Pattern], value: &Value) -> bool {
    let matches = |text: &str| patterns.iter().any(|pattern| pattern.matches(text));
    match value {
        Value::String(text) => matches(text),
        Value::Number(number) => matches(&number.to_string()),
        Value::Bool(truth) => matches(if *truth { "true" } else { "false" }),
        Value::Array(items) => items.iter().any(|item| !item.is_array() && is_met(patterns, item)),
        Value::Null | Value::Object(_) => false,
    }
}

#[cfg(test)]
mod tests;
