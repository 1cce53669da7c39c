//! Which attributes an answer has (RFC 7644 §3.9).

use std::collections::BTreeSet;

use serde_json::Value;

use super::error::ScimError;
use super::filter::Reader;

/// Longest list of names, in bytes.
const MAX_LENGTH: usize = 2_048;

/// The attributes of an answer. `id` and `schemas` are always among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Projection {
    /// As usual.
    All,
    Only(BTreeSet<String>),
    Without(BTreeSet<String>),
}

impl Projection {
    /// Reads the parameters `attributes` and `excludedAttributes`.
    ///
    /// # Errors
    /// When both are given, or a name cannot be read.
    pub fn read(attributes: Option<&str>, excluded: Option<&str>) -> Result<Self, ScimError> {
        match (attributes.filter(|names| !names.is_empty()), excluded.filter(|names| !names.is_empty())) {
            (None, None) => Ok(Self::All),
            (Some(names), None) => names_of(names).map(Self::Only),
            (None, Some(names)) => names_of(names).map(Self::Without),
            (Some(_), Some(_)) => Err(ScimError::value("attributes and excludedAttributes exclude each other")),
        }
    }

    /// Whether an attribute, named in lower case, is in the answer, or part of it.
    pub fn wants(&self, attribute: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.iter().any(|name| covers(attribute, name)),
            Self::Without(names) => !names.contains(attribute),
        }
    }

    /// Removes from a resource what is not wanted.
    pub fn apply(&self, mut resource: Value) -> Value {
        if let Some(members) = resource.as_object_mut() {
            members
                .retain(|name, _| matches!(name.as_str(), "id" | "schemas") || self.wants(&name.to_ascii_lowercase()));
            members.iter_mut().for_each(|(name, value)| self.apply_within(&name.to_ascii_lowercase(), value));
        }
        resource
    }

    /// Removes the unwanted parts of one attribute.
    fn apply_within(&self, attribute: &str, value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.apply_within(attribute, item)),
            Value::Object(parts) => parts.retain(|part, _| {
                let part = format!("{attribute}.{}", part.to_ascii_lowercase());
                match self {
                    Self::All => true,
                    Self::Only(names) => names.contains(attribute) || names.contains(&part) || attribute == "schemas",
                    Self::Without(names) => !names.contains(&part),
                }
            }),
            _ => {}
        }
    }
}

/// Whether a name in a list asks for the attribute or a part of it.
fn covers(attribute: &str, name: &str) -> bool {
    name.strip_prefix(attribute).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn names_of(names: &str) -> Result<BTreeSet<String>, ScimError> {
    if names.len() > MAX_LENGTH {
        return Err(ScimError::value(format!("the list of attributes is too long: the limit is {MAX_LENGTH} bytes")));
    }
    let one = |name: &str| {
        let mut reader = Reader(name.trim());
        match reader.attribute() {
            Ok(name) if reader.0.is_empty() => Ok(name),
            _ => Err(ScimError::value("expected names of attributes, separated by commas")),
        }
    };
    names.split(',').map(one).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn answers_have_what_was_asked_for() {
        let user = json!({"schemas": ["s"], "id": "1", "userName": "d", "name": {"givenName": "D", "familyName": "R"}, "meta": {"version": "x"}});
        let shown = |attributes, excluded| Projection::read(attributes, excluded).unwrap().apply(user.clone());
        assert_eq!(shown(None, None), user);
        assert_eq!(shown(Some("USERNAME"), None), json!({"schemas": ["s"], "id": "1", "userName": "d"}));
        assert_eq!(
            shown(Some("name.givenName, meta"), None),
            json!({"schemas": ["s"], "id": "1", "name": {"givenName": "D"}, "meta": {"version": "x"}})
        );
        assert_eq!(
            shown(None, Some("id,name.givenName,urn:ietf:params:scim:schemas:core:2.0:User:userName,meta")),
            json!({"schemas": ["s"], "id": "1", "name": {"familyName": "R"}})
        );
        for bad in ["a b", ",", "a,", "\u{e4}", &"x".repeat(3_000)] {
            assert!(Projection::read(Some(bad), None).is_err(), "{bad}");
        }
        assert!(Projection::read(Some("a"), Some("b")).is_err());
    }
}
