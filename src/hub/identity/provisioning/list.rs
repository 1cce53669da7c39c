//! Lists for a directory, found by a filter.

use crate::hub::HubError;
use crate::identity::scim::{Filter, ListShape, Literal, ScimError, Term};
use crate::store::scim::Condition;

/// Most users in one answer.
pub const MAX_USERS: u32 = 100;
/// Most groups in one answer: each may have many members.
pub const MAX_GROUPS: u32 = 25;

/// Which part of a list is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub filter: Option<Filter>,
    /// The number of the first item, from 1.
    pub start: u32,
    pub count: u32,
}

impl Part {
    /// How many items to skip, and how many to return.
    pub(super) fn range(&self, most: u32) -> (u32, u32) {
        (self.start.max(1) - 1, self.count.min(most))
    }

    pub(super) fn shape(&self, total: u64) -> ListShape {
        ListShape { total, start: self.start.max(1).into() }
    }

    pub(super) fn of_users(&self) -> Result<Vec<Condition>, HubError> {
        let condition = |term: &Term| match (term.attribute.as_str(), &term.value) {
            ("username", Literal::Text(name)) => Some(Condition::UserKey(name.to_lowercase())),
            ("displayname", Literal::Text(name)) => Some(Condition::DisplayKey(name.to_lowercase())),
            ("active", Literal::Boolean(value)) => Some(Condition::Active(*value)),
            _ => common(term),
        };
        self.conditions(condition, "userName, externalId, displayName, active or id")
    }

    pub(super) fn of_groups(&self) -> Result<Vec<Condition>, HubError> {
        let condition = |term: &Term| match (term.attribute.as_str(), &term.value) {
            ("displayname", Literal::Text(name)) => Some(Condition::DisplayKey(name.to_lowercase())),
            ("members" | "members.value", Literal::Text(id)) => Some(text(id, Condition::Member)),
            _ => common(term),
        };
        self.conditions(condition, "displayName, externalId, members or id")
    }

    fn conditions(
        &self,
        condition: impl Fn(&Term) -> Option<Condition>,
        known: &str,
    ) -> Result<Vec<Condition>, HubError> {
        let one = |term: &Term| {
            let name: String = term.attribute.chars().take(80).collect();
            let detail = format!("cannot find by {name} with this kind of value: filter by {known}");
            condition(term).ok_or_else(|| HubError::from(ScimError::filter(detail)))
        };
        let terms = self.filter.iter().flat_map(|filter| &filter.terms);
        terms.map(one).map(|found| found.map(without_nul)).collect()
    }
}

/// What users and groups are both found by.
fn common(term: &Term) -> Option<Condition> {
    match (term.attribute.as_str(), &term.value) {
        ("id", Literal::Text(id)) => Some(text(id, Condition::Id)),
        ("externalid", Literal::Text(id)) => Some(text(id, Condition::ExternalId)),
        _ => None,
    }
}

fn text(value: &str, condition: impl Fn(String) -> Condition) -> Condition {
    condition(value.to_owned())
}

/// No stored text has U+0000, and PostgreSQL refuses it.
fn without_nul(condition: Condition) -> Condition {
    match &condition {
        Condition::Id(text)
        | Condition::UserKey(text)
        | Condition::DisplayKey(text)
        | Condition::ExternalId(text)
        | Condition::Member(text)
            if text.contains('\0') =>
        {
            Condition::Never
        }
        _ => condition,
    }
}
