//! `[[trusted_issuers]]` of the settings file.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::approval::ResourceName;
use crate::identity::workload::{MAX_ISSUERS, TrustedIssuer, UncheckedIssuer};
use crate::oidc::check_issuer;

/// A trusted issuer as written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IssuerEntry {
    name: String,
    issuer: String,
    /// The hub's public URL when absent.
    audience: Option<String>,
    #[serde(default)]
    conditions: BTreeMap<String, Values>,
    #[serde(default)]
    resources: BTreeSet<ResourceName>,
    expires_seconds: Option<u32>,
}

/// The values that a claim may have.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "expected a text, a number, true, false, or a list of these")]
enum Values {
    One(Scalar),
    Many(Vec<Scalar>),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "expected a text, a number, true or false")]
enum Scalar {
    Text(String),
    Number(i64),
    Truth(bool),
}

impl Scalar {
    fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Number(number) => number.to_string(),
            Self::Truth(truth) => truth.to_string(),
        }
    }
}

impl Values {
    fn into_texts(self) -> Vec<String> {
        match self {
            Self::One(value) => vec![value.into_text()],
            Self::Many(values) => values.into_iter().map(Scalar::into_text).collect(),
        }
    }
}

/// Checks all entries. The hub does not start with one that would trust everybody.
///
/// # Errors
/// Which entry is wrong, and why.
pub(super) fn check(entries: Vec<IssuerEntry>, public_url: Option<&str>) -> Result<Vec<TrustedIssuer>, String> {
    if entries.len() > MAX_ISSUERS {
        return Err(format!("trusted_issuers: {} are too many: the limit is {MAX_ISSUERS}", entries.len()));
    }
    let mut names = BTreeSet::new();
    let mut checked = Vec::new();
    for entry in entries {
        let name = entry.name.clone();
        let wrong = |why: String| format!("trusted_issuers, {name:?}: {why}");
        if !names.insert(name.clone()) {
            return Err(wrong("two of them have this name".to_owned()));
        }
        let issuer = check_issuer(&entry.issuer).map_err(|why| wrong(format!("issuer: {why}")))?;
        let unchecked = UncheckedIssuer {
            name: entry.name,
            issuer,
            audience: entry.audience.or_else(|| public_url.map(str::to_owned)).unwrap_or_default(),
            conditions: entry.conditions.into_iter().map(|(claim, values)| (claim, values.into_texts())).collect(),
            resources: entry.resources,
            expires_seconds: entry.expires_seconds,
        };
        checked.push(unchecked.check().map_err(|error| wrong(error.to_string()))?);
    }
    Ok(checked)
}
