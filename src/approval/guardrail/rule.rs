//! One rule as it is configured, and what makes it one that cannot be meant.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::{GroupName, MAX_PLACES, MAX_SLOTS, RuleName, Slot};

/// Most rules of one resource.
pub(super) const MAX_RULES: usize = 100;
/// Most entries of one list of a rule.
const MAX_ENTRIES: usize = 50;
/// Bytes of a pattern.
const MAX_PATTERN: usize = 1_000;
/// Bytes of any other text.
const MAX_TEXT: usize = 4_096;

/// What a rule does with a statement that it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// It is refused, nobody is asked.
    Deny,
    /// It goes ahead, nobody is asked.
    Allow,
    /// People are asked, also those of the rule's slots.
    Require,
}

/// A rule about commands. Rules are asked in order, and the first that matches a statement decides it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Guardrail {
    /// What it is called in answers and logs.
    pub name: RuleName,
    /// What it does.
    pub effect: Effect,
    /// Words that stand next to each other in a statement (`drop table`); one entry is enough.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statements: Vec<String>,
    /// A regular expression, in any case of letters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// Functions that statements it allows may call, beside those known to be harmless: `net_total`, `app.net_total`, `*` for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub functions: Vec<String>,
    /// Only for commands of these languages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub languages: Vec<String>,
    /// Only when the context holds these values: JSON Pointer to value, a list for one of several, `null` for none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub context: BTreeMap<String, Value>,
    /// Approvals needed beyond the policy's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slots: Vec<Slot>,
    /// Told to whoever asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Commands that it must catch, or for `allow`, must not let through.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocks: Vec<String>,
    /// Commands that it must leave alone, or for `allow`, must let through.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passes: Vec<String>,
}

/// A rule that cannot be meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidGuardrail {
    /// Beyond what is judged in bounded time.
    #[error("too many guardrails: at most 100 for one resource")]
    TooManyRules,
    /// Answers name rules, so a name must say which.
    #[error("guardrail {0} is there twice: give each its own name")]
    NameTwice(RuleName),
    /// A list that is too long.
    #[error("guardrail {rule}: {list} has more than 50 entries: cut it into several rules")]
    TooMany {
        /// Whose.
        rule: RuleName,
        /// Which list.
        list: &'static str,
    },
    /// A text that is too long.
    #[error("guardrail {rule}: {what} is longer than {most} bytes")]
    TooLong {
        /// Whose.
        rule: RuleName,
        /// Which text.
        what: &'static str,
        /// How long it may be.
        most: usize,
    },
    /// An entry that no statement could hold.
    #[error(
        "guardrail {rule}: {entry:?} is no sequence of plain words such as \"drop table\": leave out quotes, comments and semicolons, or use pattern"
    )]
    Statement {
        /// Whose.
        rule: RuleName,
        /// The entry.
        entry: String,
    },
    /// Not a regular expression, or one that is too large.
    #[error("guardrail {rule}: pattern: {detail}")]
    Pattern {
        /// Whose.
        rule: RuleName,
        /// What the compiler says.
        detail: String,
    },
    /// A key of `context` that is no JSON Pointer.
    #[error("guardrail {rule}: context key {pointer:?} is no JSON Pointer: it begins with a slash, as in \"/mode\"")]
    Pointer {
        /// Whose.
        rule: RuleName,
        /// The key.
        pointer: String,
    },
    /// No context could meet all conditions.
    #[error("guardrail {rule}: no context can meet {pointer:?} together with the rule's other context conditions")]
    Context {
        /// Whose.
        rule: RuleName,
        /// The condition that fails.
        pointer: String,
    },
    /// Slots beside an effect that asks nobody.
    #[error("guardrail {0}: slots are only for effect \"require\"")]
    NeedlessSlots(RuleName),
    /// Functions beside an effect that has no use for them.
    #[error("guardrail {0}: functions are only for effect \"allow\": others look at every call")]
    NeedlessFunctions(RuleName),
    /// Not the name of a function.
    #[error(
        "guardrail {rule}: {entry:?} is no name of a function such as \"net_total\" or \"app.net_total\", or \"*\" for all of them"
    )]
    Function {
        /// Whose.
        rule: RuleName,
        /// The entry.
        entry: String,
    },
    /// A slot that needs nobody.
    #[error("guardrail {rule}: slot of group {group}: needed must be at least 1")]
    NothingNeeded {
        /// Whose.
        rule: RuleName,
        /// Of which group.
        group: GroupName,
    },
    /// Two slots of one group.
    #[error("guardrail {rule}: group {group} has two slots: use one slot and raise its needed")]
    GroupTwice {
        /// Whose.
        rule: RuleName,
        /// Which group.
        group: GroupName,
    },
    /// More approvals than a policy may ask for.
    #[error("guardrail {0}: too many slots: at most 50 slots and 200 approvals in all")]
    TooManySlots(RuleName),
}

impl Guardrail {
    /// Whether it looks at nothing at all, so that it decides every statement that reaches it.
    pub(super) fn is_unconditional(&self) -> bool {
        self.is_textless() && self.languages.is_empty() && self.context.is_empty()
    }

    /// Whether it does not look at the command's text.
    pub(super) fn is_textless(&self) -> bool {
        self.statements.is_empty() && self.pattern.is_none()
    }

    /// Checks what neither types nor the compilers of words and patterns can.
    pub(super) fn check(&self) -> Result<(), InvalidGuardrail> {
        self.check_sizes()?;
        self.check_slots()?;
        self.check_functions()?;
        if let Some(pointer) = self.context.keys().find(|key| !key.is_empty() && !key.starts_with('/')) {
            return Err(InvalidGuardrail::Pointer { rule: self.name.clone(), pointer: pointer.clone() });
        }
        let sample = self.sample_context();
        match self.context.iter().find(|(pointer, wanted)| !holds(sample.as_ref(), pointer, wanted)) {
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

    /// A context that meets the rule's conditions, if any does: what its examples come with.
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

/// Sets what a pointer points to, making objects on the way.
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

/// Whether a context holds what is wanted at a place. A missing member counts as `null`.
pub(super) fn holds(context: Option<&Value>, pointer: &str, wanted: &Value) -> bool {
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
        // At the edge; a row from a newer version may have more.
        let misspelt = json!({"name": "a", "effect": "deny", "patern": "x"});
        assert!(Guardrail::deserialize(Shaped(misspelt)).is_err());
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
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
        for (pointer, wanted, held) in [
            ("/env", json!("prod"), true),
            ("/env", json!("Prod"), false),
            ("/env", json!(["dev", "prod"]), true),
            ("/env", json!(null), false),
            ("/ticket", json!(null), true),
            ("/ticket", json!([null, "none"]), true),
            ("/tables/a~1b/1", json!(2), true),
        ] {
            assert_eq!(holds(Some(&context), pointer, &wanted), held, "{pointer} {wanted}");
        }
        assert!(holds(None, "/env", &json!(null)));
        let meets = json!({"name": "a", "effect": "deny",
            "context": {"/a/b~1c": [null, 7], "/a/d/f": 2, "/g": null}});
        assert_eq!(rule(meets.clone()).check(), Ok(()));
        assert_eq!(rule(meets).sample_context(), Some(json!({"a": {"b/c": 7, "d": {"f": 2}}})));
    }
}
