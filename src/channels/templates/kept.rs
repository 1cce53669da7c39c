//! An operator's template, and what it may be called.

use std::sync::Arc;

use crate::ids::TemplateId;
use crate::store::events::KINDS;

/// Name of the template that serves events without one of their own.
pub const DEFAULT: &str = "default";
/// Longest name of a part.
const MAX_PART: usize = 40;

/// An operator's template, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// This version's name; another text has another.
    pub id: TemplateId,
    /// An event, `default`, or a part.
    pub name: String,
    /// What it says.
    pub text: Arc<str>,
    /// Of several of one name, the strongest is used.
    pub strength: u8,
}

/// Whether a template may be called that.
pub fn is_name(name: &str) -> bool {
    let is_part = name.strip_prefix('_').is_some_and(|part| {
        (1..=MAX_PART).contains(&part.len()) && part.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase())
    });
    is_part || name == DEFAULT || KINDS.contains(&name)
}
