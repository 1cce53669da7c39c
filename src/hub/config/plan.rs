//! What applying a manifest changes, line by line.

use serde::Serialize;

/// What happens to one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// It is new.
    Create,
    /// It is there and differs.
    Update,
    /// It is there as it should be.
    Keep,
}

/// One line of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What happens.
    pub verb: Verb,
    /// To what sort of thing.
    pub kind: &'static str,
    /// To which.
    pub name: String,
    /// The signing secret of a new custom endpoint, shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// What changes, or changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// Whether it was carried out.
    pub applied: bool,
    /// Line by line.
    pub changes: Vec<Change>,
    /// What is likely not meant.
    pub warnings: Vec<String>,
    /// What is there and the manifest does not name: it stays as it is. Of each sort some at most.
    pub unnamed: Vec<Unnamed>,
}

/// Something that is there and that the manifest does not name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unnamed {
    /// What sort of thing.
    pub kind: &'static str,
    /// Which.
    pub name: String,
}
