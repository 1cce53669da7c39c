//! Reads values as directories write them: names in any case, truth values as texts, one object for a list.

use std::collections::BTreeMap;

use serde_json::Value;

use super::error::ScimError;
use super::verb::Verb;
use crate::approval::limits;

/// The members of an object by their names in lower case: names have no case (RFC 7643 §2.1).
pub(super) fn members<'v>(value: &'v Value, what: &str) -> Result<BTreeMap<String, &'v Value>, ScimError> {
    let Value::Object(object) = value else {
        return Err(ScimError::value(format!("{what} must be an object")));
    };
    let mut members = BTreeMap::new();
    for (name, value) in object {
        if members.insert(name.to_ascii_lowercase(), value).is_some() {
            return Err(ScimError::syntax(format!("{what} has a member twice: names have no case")));
        }
    }
    Ok(members)
}

/// A text; null and an empty text stand for none.
pub(super) fn text(value: &Value, what: &str) -> Result<Option<String>, ScimError> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) if text.is_empty() => Ok(None),
        Value::String(text) if text.len() > limits::SHORT => {
            Err(ScimError::value(format!("{what} is too long: the limit is {} bytes", limits::SHORT)))
        }
        Value::String(text) if text.contains('\0') => {
            Err(ScimError::value(format!("{what} contains U+0000, which is not allowed")))
        }
        Value::String(text) => Ok(Some(text.clone())),
        _ => Err(ScimError::value(format!("{what} must be a text"))),
    }
}

/// An attribute without which there is no resource is missing, or is to be removed.
pub(super) fn needed(verb: Verb, attribute: &str) -> ScimError {
    match verb {
        Verb::Remove => ScimError::immutable(format!("{attribute} is required and cannot be removed")),
        Verb::Add | Verb::Replace => ScimError::value(format!("{attribute} is required")),
    }
}

/// A truth value; Entra sends it as a text with a capital letter.
pub(super) fn boolean(value: &Value, what: &str) -> Result<bool, ScimError> {
    match value {
        Value::Bool(value) => Ok(*value),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Ok(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err(ScimError::value(format!("{what} must be true or false"))),
    }
}

/// The values of a list; one value stands for a list of it, and null for an empty one.
pub(super) fn items<'v>(value: &'v Value, what: &str, most: usize) -> Result<Vec<&'v Value>, ScimError> {
    let items: Vec<&Value> = match value {
        Value::Null => Vec::new(),
        Value::Array(items) => items.iter().collect(),
        one => vec![one],
    };
    if items.len() > most {
        return Err(ScimError::value(format!("{} {what} are too many: the limit is {most}", items.len())));
    }
    Ok(items)
}
