//! Policies to begin with.

use serde_json::{Value, json};

use crate::approval::GroupName;

/// A policy to begin with.
pub(super) struct Recipe {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    /// The name of the resource, until another one is given.
    pub(super) resource: &'static str,
    pub(super) says: &'static str,
    /// The sample's language.
    pub(super) language: &'static str,
    /// The sample's command. It does nothing.
    pub(super) sample: &'static str,
}

/// All of them.
pub(super) const RECIPES: [Recipe; 3] = [
    Recipe {
        id: "database",
        name: "Production database",
        resource: "production-db",
        says: "Reading passes by a rule, writing asks for one approval, dropping tables is denied.",
        language: "sql",
        sample: "-- sample request: it changes nothing\nupdate orders set state = state where false",
    },
    Recipe {
        id: "deploys",
        name: "Deploys",
        resource: "deploys",
        says: "Each deploy asks for one approval, with a reason, within half an hour.",
        language: "shell",
        sample: "# sample request: it runs nothing\necho deploy",
    },
    Recipe {
        id: "shell",
        name: "Shell access",
        resource: "production-shell",
        says: "Commands and access for up to four hours ask for one approval, with a reason; never in bulk.",
        language: "shell",
        sample: "# sample request: it runs nothing\nuptime",
    },
];

impl Recipe {
    /// The one with that id; the first for others.
    pub(super) fn of(id: &str) -> &'static Self {
        let [first, ..] = &RECIPES;
        RECIPES.iter().find(|recipe| recipe.id == id).unwrap_or(first)
    }

    /// The resource's body as the API takes it.
    pub(super) fn body(&self, group: &GroupName, is_alone: bool) -> Value {
        let mut body = json!({"description": self.name, "slots": [{"group": group, "needed": 1}]});
        let more = match self.id {
            "database" => json!({"guardrails": [
                {
                    "name": "no-drop", "effect": "deny", "statements": ["drop table", "drop database", "truncate"],
                    "reason": "Tables are dropped by migrations only.", "blocks": ["drop table orders"], "passes": ["select 1"],
                },
                {"name": "reading", "effect": "allow", "statements": ["select"], "blocks": ["delete from orders"], "passes": ["select 1"]},
            ]}),
            "deploys" => json!({"reason_required": true, "timeout_seconds": 1_800}),
            _ => json!({"reason_required": true, "max_duration_seconds": 14_400, "high_risk": true}),
        };
        let fields = more.as_object().cloned().unwrap_or_default();
        if let Some(body) = body.as_object_mut() {
            body.extend(fields);
            body.insert("allow_self_approval".to_owned(), is_alone.into());
        }
        body
    }
}
