//! The body of PATCH (RFC 7644 §3.5.2), in the dialects of Entra and Okta.

use serde_json::Value;

use super::error::ScimError;
use super::path::AttributePath;
use super::value::{items, members};
use super::verb::Verb;

/// Most changes of one call, those of an object without a path counted one by one.
const MAX_CHANGES: usize = 1_000;

/// One change.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Change {
    pub(super) verb: Verb,
    pub(super) path: AttributePath,
    pub(super) value: Value,
    /// Whether the call names the target; else it is a member of an object, which may hold what cannot be changed.
    pub(super) is_named: bool,
}

/// Reads the changes, in order. An object without a path is one change for each of its members, whose names are paths.
pub(super) fn changes(body: &Value) -> Result<Vec<Change>, ScimError> {
    let body = members(body, "the body").map_err(|error| ScimError::syntax(error.detail))?;
    let operations = body.get("operations").ok_or_else(|| ScimError::syntax("the body has no Operations"))?;
    let mut changes = Vec::new();
    for operation in items(operations, "Operations", MAX_CHANGES)? {
        let operation = members(operation, "an operation").map_err(|error| ScimError::syntax(error.detail))?;
        let verb = verb(operation.get("op").copied())?;
        let value = operation.get("value").copied().unwrap_or(&Value::Null);
        match operation.get("path") {
            Some(Value::String(path)) => {
                let path = AttributePath::parse(path)?;
                changes.push(Change { verb, path, value: value.clone(), is_named: true });
            }
            Some(Value::Null) | None => changes.extend(changes_of_object(verb, value)?),
            Some(_) => return Err(ScimError::path("path must be a text")),
        }
        if changes.len() > MAX_CHANGES {
            return Err(ScimError::value(format!("too many changes in one call: the limit is {MAX_CHANGES}")));
        }
    }
    Ok(changes)
}

fn verb(op: Option<&Value>) -> Result<Verb, ScimError> {
    let known = [("add", Verb::Add), ("replace", Verb::Replace), ("remove", Verb::Remove)];
    let op = op.and_then(Value::as_str).unwrap_or_default();
    let verb = known.iter().find(|(name, _)| op.eq_ignore_ascii_case(name)).map(|(_, verb)| *verb);
    verb.ok_or_else(|| ScimError::syntax("op must be add, replace or remove"))
}

fn changes_of_object(verb: Verb, value: &Value) -> Result<Vec<Change>, ScimError> {
    if verb == Verb::Remove {
        return Err(ScimError::no_target("remove needs a path"));
    }
    let change = |(name, value): (&String, &Value)| {
        let path = AttributePath::parse(name)?;
        Ok(Change { verb, path, value: value.clone(), is_named: false })
    };
    // Two members whose names differ in case only are an error.
    members(value, "value without a path")?;
    value.as_object().into_iter().flatten().map(change).collect()
}

/// The members of a whole resource, as changes of an empty one.
pub(super) fn changes_of_resource(body: &Value) -> Result<Vec<Change>, ScimError> {
    members(body, "the body").map_err(|error| ScimError::syntax(error.detail))?;
    let named = |(name, value): (&String, &Value)| {
        // A member that is no attribute is not ours.
        let path = AttributePath::parse(name).ok().filter(|path| path.which.is_empty() && path.sub.is_none())?;
        Some(Change { verb: Verb::Replace, path, value: value.clone(), is_named: false })
    };
    Ok(body.as_object().into_iter().flatten().filter_map(named).collect())
}
