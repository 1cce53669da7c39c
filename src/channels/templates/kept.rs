//! An operator's template and the rules for its name.

use std::sync::Arc;

use crate::ids::TemplateId;
use crate::store::events::KINDS;

/// Name of the template for events without their own template.
pub const DEFAULT: &str = "default";
/// Longest name of a part.
const MAX_PART: usize = 40;

/// An operator's template that overrides those below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// Identifies this version: every change of the text has a new id.
    pub id: TemplateId,
    /// An event, `default`, or a part's name.
    pub name: String,
    pub text: Arc<str>,
    /// Among templates with the same name, the strongest is used.
    pub strength: u8,
}

/// Whether a name is valid for a template.
pub fn is_name(name: &str) -> bool {
    let is_part = name.strip_prefix('_').is_some_and(|part| {
        (1..=MAX_PART).contains(&part.len()) && part.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase())
    });
    is_part || name == DEFAULT || KINDS.contains(&name)
}
