//! Which commands are allowed and which are not, with every trick by which a text means different things to different
//! readers.

mod dialects;
mod functions;
mod properties;
mod reference;
mod rules;
mod script;
mod shell;
mod tricks;

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::*;
use crate::approval::Payload;

/// Denies drops, requires security's approval for deletes, allows plain reading.
static USUAL: LazyLock<Guardrails> = LazyLock::new(|| {
    compile(json!([
        {"name": "no-drop", "effect": "deny", "statements": ["drop table", "drop database", "truncate"], "reason": "No."},
        {"name": "no-secrets", "effect": "deny", "pattern": r"\bcredit_cards\b"},
        {"name": "deletes", "effect": "require", "statements": ["delete"], "slots": [{"group": "security", "needed": 2}]},
        {"name": "updates", "effect": "require", "statements": ["update"],
            "slots": [{"group": "security", "shared": true}, {"group": "dba"}]},
        {"name": "reading", "effect": "allow", "statements": ["select", "show", "with"]},
    ]))
});

fn compile(rules: Value) -> Guardrails {
    Guardrails::compile(&serde_json::from_value::<Vec<Guardrail>>(rules).expect("rules")).expect("a set of rules")
}

fn payload(command: &str, language: Option<&str>) -> Payload {
    Payload {
        command: command.to_owned(),
        language: language.map(str::to_owned),
        context: None,
        duration_seconds: None,
    }
}

fn verdict(rules: &Guardrails, command: &str, language: Option<&str>) -> &'static str {
    match rules.judge(&payload(command, language)).verdict {
        Ruling::Denied { .. } => "denied",
        Ruling::Allowed { .. } => "allowed",
        Ruling::Ask { rules, .. } if rules.is_empty() => "ask",
        Ruling::Ask { .. } => "required",
    }
}
