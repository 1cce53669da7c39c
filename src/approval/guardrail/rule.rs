//! One rule as it is configured, and the checks that make it valid.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::{GroupName, MAX_PLACES, MAX_SLOTS, RuleName, Slot};

/// Maximum number of rules of a resource.
pub(super) const MAX_RULES: usize = 100;
/// Maximum number of entries in one list of a rule.
const MAX_ENTRIES: usize = 50;
/// Maximum length of a pattern in bytes.
const MAX_PATTERN: usize = 1_000;
/// Maximum length of any other text in bytes.
const MAX_TEXT: usize = 4_096;

/// The effect of a rule on a statement that it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// The command is refused; nobody is asked.
    Deny,
    /// The command may run; nobody is asked.
    Allow,
    /// People are asked, also those of the rule's slots.
    Require,
}

/// A rule about commands. Rules apply in order; the first that matches a statement decides it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Guardrail {
    /// Its name in answers and logs.
    pub name: RuleName,
    pub effect: Effect,
    /// Word sequences that the statement must contain (`drop table`); one of the entries is enough.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statements: Vec<String>,
    /// A regular expression, which ignores case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// Functions that allowed statements may call, in addition to the harmless ones: `net_total`, `app.net_total`, `*`
    /// for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub functions: Vec<String>,
    /// Restricts the rule to commands of these languages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub languages: Vec<String>,
    /// Restricts the rule to a context with these values: JSON Pointer to value; a list for one of several, `null` for
    /// absent.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub context: BTreeMap<String, Value>,
    /// Approvals needed in addition to the policy's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slots: Vec<Slot>,
    /// Shown to the requester.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Example commands that the rule must match; for `allow`, must not allow.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocks: Vec<String>,
    /// Example commands that the rule must not match; for `allow`, must allow.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passes: Vec<String>,
}

/// Why a rule is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidGuardrail {
    /// More than can be judged in bounded time.
    #[error("too many guardrails: at most 100 for one resource")]
    TooManyRules,
    /// Answers refer to rules by name, so names must be unique.
    #[error("two guardrails are named {0}: give each its own name")]
    NameTwice(RuleName),
    /// A list is too long.
    #[error("guardrail {rule}: {list} has more than 50 entries: split it into several rules")]
    TooMany { rule: RuleName, list: &'static str },
    /// A text is too long.
    #[error("guardrail {rule}: {what} is longer than {most} bytes")]
    TooLong {
        rule: RuleName,
        what: &'static str,
        /// The maximum length.
        most: usize,
    },
    /// An entry that no statement can contain.
    #[error(
        "guardrail {rule}: {entry:?} is not a sequence of plain words such as \"drop table\": leave out quotes, comments and semicolons, or use pattern"
    )]
    Statement { rule: RuleName, entry: String },
    /// The pattern is not a regular expression, or too large.
    #[error("guardrail {rule}: pattern: {detail}")]
    Pattern {
        rule: RuleName,
        /// The error of the regex compiler.
        detail: String,
    },
    /// A key of `context` is not a JSON Pointer.
    #[error(
        "guardrail {rule}: context key {pointer:?} is not a JSON Pointer: it must begin with a slash, as in \"/mode\""
    )]
    Pointer { rule: RuleName, pointer: String },
    /// No context could meet all conditions.
    #[error("guardrail {rule}: no context can meet {pointer:?} together with the rule's other context conditions")]
    Context {
        rule: RuleName,
        /// The condition that cannot be met.
        pointer: String,
    },
    /// Slots with an effect that asks nobody.
    #[error("guardrail {0}: slots are only for effect \"require\"")]
    NeedlessSlots(RuleName),
    /// Functions with an effect that does not use them.
    #[error("guardrail {0}: functions are only for effect \"allow\": the other effects check every call")]
    NeedlessFunctions(RuleName),
    /// The entry is not a function name.
    #[error(
        "guardrail {rule}: {entry:?} is not a function name such as \"net_total\" or \"app.net_total\", or \"*\" for all functions"
    )]
    Function { rule: RuleName, entry: String },
    /// A slot that needs no approval.
    #[error("guardrail {rule}: slot of group {group}: needed must be at least 1")]
    NothingNeeded { rule: RuleName, group: GroupName },
    /// Two slots of one group.
    #[error("guardrail {rule}: group {group} has two slots: use one slot and raise its needed")]
    GroupTwice { rule: RuleName, group: GroupName },
    /// More approvals than a policy may require.
    #[error("guardrail {0}: too many slots: at most 50 slots and 200 approvals in all")]
    TooManySlots(RuleName),
}

impl Guardrail {
    /// Whether it has no condition at all, so that it decides every statement that reaches it.
    pub(super) fn is_unconditional(&self) -> bool {
        self.is_textless() && self.languages.is_empty() && self.context.is_empty()
    }

    /// Whether it has no condition on the command's text.
    pub(super) fn is_textless(&self) -> bool {
        self.statements.is_empty() && self.pattern.is_none()
    }

    /// Checks what the types and the compilers of entries and patterns do not.
    pub(super) fn check(&self) -> Result<(), InvalidGuardrail> {
        self.check_sizes()?;
        self.check_slots()?;
        self.check_functions()?;
        if let Some(pointer) = self.context.keys().find(|key| !key.is_empty() && !key.starts_with('/')) {
            return Err(InvalidGuardrail::Pointer { rule: self.name.clone(), pointer: pointer.clone() });
        }
        let sample = self.sample_context();
        match self.context.iter().find(|(pointer, wanted)| !has_value(sample.as_ref(), pointer, wanted)) {
            Some((pointer, _)) => Err(InvalidGuardrail::Context { rule: self.name.clone(), pointer: pointer.clone() }),
            None => Ok(()),
        }
    }

    fn check_sizes(&self) -> Result<(), InvalidGuardrail> {
        let lists = [
            ("statements", &self.statements),
            ("functions", &self.functions),
            ("languages", &self.languages),
            ("blocks", &self.blocks),
            ("passes", &self.passes),
        ];
        let too_many = |list| InvalidGuardrail::TooMany { rule: self.name.clone(), list };
        let too_long = |what, most| InvalidGuardrail::TooLong { rule: self.name.clone(), what, most };
        for (list, entries) in lists {
            if entries.len() > MAX_ENTRIES {
                return Err(too_many(list));
            }
            if entries.iter().any(|entry| entry.len() > MAX_TEXT) {
                return Err(too_long(list, MAX_TEXT));
            }
        }
        if self.context.len() > MAX_ENTRIES {
            return Err(too_many("context"));
        }
        let length = |(pointer, wanted): (&String, &Value)| pointer.len().max(wanted.to_string().len());
        if self.context.iter().map(length).any(|bytes| bytes > MAX_TEXT) {
            return Err(too_long("context", MAX_TEXT));
        }
        if self.pattern.as_ref().is_some_and(|pattern| pattern.len() > MAX_PATTERN) {
            return Err(too_long("pattern", MAX_PATTERN));
        }
        if self.reason.as_ref().is_some_and(|reason| reason.len() > MAX_TEXT) {
            return Err(too_long("reason", MAX_TEXT));
        }
        Ok(())
    }

    fn check_functions(&self) -> Result<(), InvalidGuardrail> {
        if self.effect != Effect::Allow && !self.functions.is_empty() {
            return Err(InvalidGuardrail::NeedlessFunctions(self.name.clone()));
        }
        let is_name =
            |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || "()'\"`;*".contains(c));
        match self.functions.iter().find(|entry| *entry != "*" && !entry.split('.').all(is_name)) {
            Some(entry) => Err(InvalidGuardrail::Function { rule: self.name.clone(), entry: entry.clone() }),
            None => Ok(()),
        }
    }

    fn check_slots(&self) -> Result<(), InvalidGuardrail> {
        let rule = || self.name.clone();
        if self.effect != Effect::Require && !self.slots.is_empty() {
            return Err(InvalidGuardrail::NeedlessSlots(rule()));
        }
        let places = self.slots.iter().fold(0_u32, |sum, slot| sum.saturating_add(slot.needed));
        if self.slots.len() > MAX_SLOTS || places > MAX_PLACES {
            return Err(InvalidGuardrail::TooManySlots(rule()));
        }
        let mut groups = BTreeSet::new();
        for slot in &self.slots {
            if slot.needed == 0 {
                return Err(InvalidGuardrail::NothingNeeded { rule: rule(), group: slot.group.clone() });
            }
            if !groups.insert(&slot.group) {
                return Err(InvalidGuardrail::GroupTwice { rule: rule(), group: slot.group.clone() });
            }
        }
        Ok(())
    }

    /// A context that meets the rule's conditions, for its examples; `None` if no value is required.
    pub(super) fn sample_context(&self) -> Option<Value> {
        let mut sample = None;
        for (pointer, wanted) in &self.context {
            let value = match wanted {
                Value::Array(any) => any.iter().find(|value| !value.is_null()).or(any.first()),
                one => Some(one),
            };
            if let Some(value) = value.filter(|value| !value.is_null()) {
                put(sample.get_or_insert(Value::Null), pointer, value.clone());
            }
        }
        sample
    }
}

/// Sets the value that a pointer points to, and creates objects on the way.
fn put(root: &mut Value, pointer: &str, value: Value) {
    let mut place = root;
    for part in pointer.split('/').skip(1) {
        if !place.is_object() {
            *place = Value::Object(serde_json::Map::new());
        }
        let Some(members) = place.as_object_mut() else { return };
        place = members.entry(part.replace("~1", "/").replace("~0", "~")).or_insert(Value::Null);
    }
    *place = value;
}

/// Whether a context has the expected value at a pointer. A missing member counts as `null`.
pub(super) fn has_value(context: Option<&Value>, pointer: &str, wanted: &Value) -> bool {
    let found = context.and_then(|context| context.pointer(pointer)).unwrap_or(&Value::Null);
    match wanted {
        Value::Array(any) => any.contains(found),
        one => one == found,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::shape::Shaped;

    fn rule(value: Value) -> Guardrail {
        serde_json::from_value(value).expect("a guardrail")
    }

    #[test]
    fn defaults_are_left_out_and_unknown_fields_refused() {
        let short = json!({"name": "a", "effect": "deny"});
        assert_eq!(serde_json::to_value(rule(short.clone())).expect("json"), short);
        // Only input is checked so: a row written by a newer version may have more fields.
        let misspelt = json!({"name": "a", "effect": "deny", "patern": "x"});
        assert!(Guardrail::deserialize(Shaped(misspelt)).is_err());
    }

    #[test]
    fn invalid_rules_are_refused() {
        let slot = json!({"group": "dba"});
        for bad in [
            json!({"name": "a", "effect": "deny", "slots": [slot]}),
            json!({"name": "a", "effect": "require", "slots": [slot, slot]}),
            json!({"name": "a", "effect": "require", "slots": [{"group": "dba", "needed": 0}]}),
            json!({"name": "a", "effect": "require", "slots": [{"group": "dba", "needed": 201}]}),
            json!({"name": "a", "effect": "deny", "context": {"mode": 1}}),
            json!({"name": "a", "effect": "deny", "context": {"/mode": []}}),
            json!({"name": "a", "effect": "deny", "context": {"/a": null, "/a/b": 1}}),
            json!({"name": "a", "effect": "deny", "pattern": "x".repeat(1_001)}),
            json!({"name": "a", "effect": "deny", "reason": "x".repeat(4_097)}),
            json!({"name": "a", "effect": "deny", "blocks": vec!["x"; 51]}),
            json!({"name": "a", "effect": "deny", "functions": ["total"]}),
            json!({"name": "a", "effect": "allow", "functions": ["total()"]}),
            json!({"name": "a", "effect": "allow", "functions": ["app."]}),
            json!({"name": "a", "effect": "allow", "functions": ["app.*"]}),
        ] {
            assert!(rule(bad.clone()).check().is_err(), "{bad}");
        }
    }

    #[test]
    fn conditions_on_the_context() {
        let context = json!({"env": "prod", "tables": {"a/b": [1, 2]}});
        for (pointer, wanted, expected) in [
            ("/env", json!("prod"), true),
            ("/env", json!("Prod"), false),
            ("/env", json!(["dev", "prod"]), true),
            ("/env", json!(null), false),
            ("/ticket", json!(null), true),
            ("/ticket", json!([null, "none"]), true),
            ("/tables/a~1b/1", json!(2), true),
        ] {
            assert_eq!(has_value(Some(&context), pointer, &wanted), expected, "{pointer} {wanted}");
        }
        assert!(has_value(None, "/env", &json!(null)));
        let meets = json!({"name": "a", "effect": "deny",
            "context": {"/a/b~1c": [null, 7], "/a/d/f": 2, "/g": null}});
        assert_eq!(rule(meets.clone()).check(), Ok(()));
        assert_eq!(rule(meets).sample_context(), Some(json!({"a": {"b/c": 7, "d": {"f": 2}}})));
    }
}
