//! The plan of a manifest: what applying it changes, object by object.

use serde::Serialize;

/// What applying a manifest does to one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    Create,
    Update,
    /// The object already is as the manifest says.
    Keep,
}

/// One line of a plan: an object and what happens to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfigChange {
    pub verb: Verb,
    /// `group`, `person`, `resource`, `endpoint` or `template`.
    pub kind: &'static str,
    pub name: String,
    /// The signing secret of a new custom endpoint, shown only this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// The changes of a manifest, before or after it is applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ApplyPlan {
    /// Whether it was applied; `false` for a dry run.
    pub applied: bool,
    pub changes: Vec<ConfigChange>,
    /// Likely mistakes in the manifest.
    pub warnings: Vec<String>,
    /// Existing objects that the manifest does not name and that stay unchanged; a bounded number of each kind.
    pub unnamed: Vec<Unnamed>,
}

/// An existing object that the manifest does not name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unnamed {
    /// As in [`ConfigChange`].
    pub kind: &'static str,
    pub name: String,
}
