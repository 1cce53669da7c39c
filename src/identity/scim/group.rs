//! A group as a directory describes it, and the name that it has in the hub.

use std::collections::BTreeSet;

use serde_json::Value;

use super::error::ScimError;
use super::filter::{Literal, Term};
use super::patch::{Change, changes, changes_of_resource};
use super::value::{items, members, needed, text};
use super::verb::Verb;
use crate::approval::GroupName;
use crate::ids::ScimUserId;

/// Most members of one list.
const MAX_MEMBERS: usize = 2_000;
/// Longest name of a group in the hub.
const MAX_NAME: usize = 64;

/// A whole group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupInput {
    pub display_name: String,
    pub external_id: Option<String>,
    /// `None` when the body does not say.
    pub members: Option<BTreeSet<ScimUserId>>,
}

/// What a PATCH changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupChange {
    pub display_name: Option<String>,
    /// `Some(None)` removes it.
    pub external_id: Option<Option<String>>,
    /// In order.
    pub members: Vec<MemberChange>,
}

/// A change of the members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberChange {
    Add(BTreeSet<ScimUserId>),
    Remove(BTreeSet<ScimUserId>),
    Replace(BTreeSet<ScimUserId>),
}

impl MemberChange {
    /// Carries it out.
    pub fn apply(&self, members: &mut BTreeSet<ScimUserId>) {
        match self {
            Self::Add(new) => members.extend(new),
            Self::Remove(gone) => members.retain(|member| !gone.contains(member)),
            Self::Replace(all) => members.clone_from(all),
        }
    }
}

impl GroupInput {
    /// Reads a whole group.
    ///
    /// # Errors
    /// When a value has the wrong kind, or there is no name.
    pub fn read(body: &Value) -> Result<Self, ScimError> {
        let change = GroupChange::of(&changes_of_resource(body)?)?;
        let members = change.members.into_iter().next_back().map(|change| match change {
            MemberChange::Replace(all) | MemberChange::Add(all) => all,
            MemberChange::Remove(_) => BTreeSet::new(),
        });
        let display_name = change.display_name.ok_or_else(|| needed(Verb::Replace, "displayName"))?;
        Ok(Self { display_name, external_id: change.external_id.flatten(), members })
    }
}

impl GroupChange {
    /// Reads the body of a PATCH.
    ///
    /// # Errors
    /// When a change is malformed or not possible.
    pub fn read(body: &Value) -> Result<Self, ScimError> {
        Self::of(&changes(body)?)
    }

    fn of(changes: &[Change]) -> Result<Self, ScimError> {
        let mut all = Self::default();
        changes.iter().try_for_each(|change| all.add(change))?;
        Ok(all)
    }

    fn add(&mut self, change: &Change) -> Result<(), ScimError> {
        let Change { verb, path, value, is_named } = change;
        let gone = Value::Null;
        let wanted = if *verb == Verb::Remove { &gone } else { value };
        match (path.attribute.as_str(), path.sub.as_deref()) {
            ("displayname", None) => {
                self.display_name = Some(text(wanted, "displayName")?.ok_or_else(|| needed(*verb, "displayName"))?);
            }
            ("externalid", None) => self.external_id = Some(text(wanted, "externalId")?),
            ("members", None) => self.members.push(member_change(*verb, &path.which, value)?),
            ("schemas", _) => {}
            ("id" | "meta", _) if *is_named => {
                return Err(ScimError::immutable(format!("{} cannot be changed", path.attribute)));
            }
            (other, _) if *is_named && !path.is_foreign() => {
                return Err(ScimError::path(format!("a group has no attribute {other} that can be changed")));
            }
            _ => {}
        }
        Ok(())
    }
}

fn member_change(verb: Verb, which: &[Term], value: &Value) -> Result<MemberChange, ScimError> {
    if !which.is_empty() {
        let ids = which.iter().map(chosen).collect::<Result<_, _>>()?;
        return match verb {
            Verb::Remove => Ok(MemberChange::Remove(ids)),
            // To say again who is a member changes nothing else.
            Verb::Add | Verb::Replace => Ok(MemberChange::Add(ids)),
        };
    }
    let ids: BTreeSet<ScimUserId> =
        items(value, "members", MAX_MEMBERS)?.into_iter().map(member).collect::<Result<_, _>>()?;
    Ok(match verb {
        Verb::Add => MemberChange::Add(ids),
        Verb::Replace => MemberChange::Replace(ids),
        // Entra names whom to remove in the value; without one, all are removed.
        Verb::Remove if ids.is_empty() => MemberChange::Replace(ids),
        Verb::Remove => MemberChange::Remove(ids),
    })
}

fn chosen(term: &Term) -> Result<ScimUserId, ScimError> {
    match (term.attribute.as_str(), &term.value) {
        ("value", Literal::Text(id)) => parse(id),
        _ => Err(ScimError::path("members are chosen by their value, such as members[value eq \"…\"]")),
    }
}

fn member(value: &Value) -> Result<ScimUserId, ScimError> {
    let id = match value {
        Value::String(id) => id.as_str(),
        value => members(value, "a member")?.get("value").and_then(|id| id.as_str()).unwrap_or_default(),
    };
    parse(id)
}

fn parse(id: &str) -> Result<ScimUserId, ScimError> {
    id.parse().map_err(|_| {
        ScimError::value(
            "the value of a member must be the id of a user of this hub; groups in groups are not supported",
        )
    })
}

/// The name of a directory's group in the hub: the same if the hub allows it. Else each run of other characters is one `-`.
///
/// # Errors
/// When nothing is left of it, or it is too long.
pub fn group_name(display_name: &str) -> Result<GroupName, ScimError> {
    let mut name = String::new();
    for char in display_name.chars() {
        match char {
            'A'..='Z' | 'a'..='z' | '0'..='9' | '.' | '_' | '-' => name.push(char),
            _ if name.ends_with('-') => {}
            _ => name.push('-'),
        }
    }
    let name = if name == display_name {
        name
    } else {
        let trimmed = name.trim_start_matches(|first: char| !first.is_ascii_alphanumeric());
        trimmed.trim_end_matches('-').to_owned()
    };
    if name.len() > MAX_NAME {
        let detail = format!("displayName is too long for the name of a group: the limit is {MAX_NAME} characters");
        return Err(ScimError::value(detail));
    }
    name.parse().map_err(|error| ScimError::value(format!("displayName cannot name a group: {error}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::codes::Code;
    use crate::time::Timestamp;

    #[test]
    fn names_that_the_hub_does_not_allow_get_hyphens() {
        for (display, name) in [
            ("dba", "dba"),
            ("On_Call.EU-2", "On_Call.EU-2"),
            ("Database Admins", "Database-Admins"),
            ("Database  Admins (EU)", "Database-Admins-EU"),
            ("  Größe / Höhe ", "Gr-e-H-he"),
            (".hidden x", "hidden-x"),
            ("a-", "a-"),
        ] {
            assert_eq!(group_name(display).unwrap().as_str(), name);
        }
        for display in ["", "   ", "数据库", "-", &"x".repeat(65)] {
            assert_eq!(group_name(display).map_err(|error| error.code), Err(Code::InvalidValue), "{display}");
        }
    }

    #[test]
    fn members_are_added_and_removed_in_both_dialects() {
        let ids: Vec<ScimUserId> = (0..3).map(|_| ScimUserId::mint(Timestamp::from_micros(0))).collect();
        let [one, two, three] = ids.as_slice() else { unreachable!() };
        let result = |operations: Value| {
            let mut members = BTreeSet::from([*one, *two]);
            let change = GroupChange::read(&json!({"Operations": operations})).unwrap();
            change.members.iter().for_each(|change| change.apply(&mut members));
            members.into_iter().collect::<Vec<_>>()
        };
        let value = |id: &ScimUserId| json!({"value": id, "display": "x", "$ref": null});
        assert_eq!(result(json!([{"op": "Add", "path": "members", "value": [value(three)]}])), ids);
        assert_eq!(result(json!([{"op": "Remove", "path": format!("members[value eq \"{one}\"]")}])), [*two]);
        assert_eq!(result(json!([{"op": "Remove", "path": "members", "value": [value(two)]}])), [*one]);
        assert_eq!(result(json!([{"op": "remove", "path": "members"}])), []);
        assert_eq!(result(json!([{"op": "replace", "value": {"members": [value(three)], "id": "x"}}])), [*three]);
        let both = json!([{"op": "remove", "path": "members"}, {"op": "add", "value": {"members": value(one)}}]);
        assert_eq!(result(both), [*one]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (operation, code) in [
            (json!({"op": "add", "path": "members", "value": [{"value": "nobody"}]}), Code::InvalidValue),
            (json!({"op": "add", "path": "members", "value": [{}]}), Code::InvalidValue),
            (json!({"op": "add", "path": "members", "value": [5]}), Code::InvalidValue),
            (json!({"op": "remove", "path": "members[display eq \"x\"]"}), Code::InvalidPath),
            (json!({"op": "remove", "path": "displayName"}), Code::Immutable),
            (json!({"op": "replace", "path": "displayName", "value": {}}), Code::InvalidValue),
            (json!({"op": "replace", "path": "members.display", "value": "x"}), Code::InvalidPath),
            (json!({"op": "replace", "path": "owner", "value": "x"}), Code::InvalidPath),
            (json!({"op": "replace", "path": "id", "value": "x"}), Code::Immutable),
        ] {
            let read = GroupChange::read(&json!({"Operations": [operation]}));
            assert_eq!(read.map_err(|error| error.code), Err(code), "{operation}");
        }
        assert!(GroupInput::read(&json!({"members": []})).is_err(), "without a name");
        let many: Vec<_> = (0..2_001).map(|_| ScimUserId::mint(Timestamp::from_micros(0))).collect();
        assert!(GroupInput::read(&json!({"displayName": "x", "members": many})).is_err());
    }
}
