//! The JSON Schemas of what the hub sends, and checks against them.

use std::collections::BTreeMap;

use jsonschema::Validator;
use serde_json::Value;

use super::RenderError;
use super::templates::Output;

/// Every schema file: its name under `/schemas/` and its text.
pub const SCHEMAS: [(&str, &str); 7] = [
    (EVENT, include_str!("../../schemas/event.json")),
    (CLOUDEVENT, include_str!("../../schemas/cloudevent.json")),
    (REQUEST, include_str!("../../schemas/request.json")),
    (TEAMS, include_str!("../../schemas/teams-message.json")),
    (SLACK, include_str!("../../schemas/slack-message.json")),
    (DISCORD, include_str!("../../schemas/discord-message.json")),
    (GOOGLE_CHAT, include_str!("../../schemas/google-chat-message.json")),
];

/// The body of a custom endpoint.
pub(super) const EVENT: &str = "event.json";
/// The same in another envelope; what is in it is checked before.
const CLOUDEVENT: &str = "cloudevent.json";
/// A request as the API shows it.
const REQUEST: &str = "request.json";
/// The body of a Teams workflow.
pub(super) const TEAMS: &str = "teams-message.json";
/// What Slack is sent.
pub(super) const SLACK: &str = "slack-message.json";
/// The body of a Discord webhook.
pub(super) const DISCORD: &str = "discord-message.json";
/// The body of a Google Chat webhook.
pub(super) const GOOGLE_CHAT: &str = "google-chat-message.json";

/// A schema that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a usable JSON Schema: {0}")]
pub struct SchemaError(String);

/// The schemas, compiled once.
pub struct Validators {
    by_name: BTreeMap<&'static str, Validator>,
}

impl Validators {
    pub(super) fn new() -> Result<Self, SchemaError> {
        let request: Value = parse(include_str!("../../schemas/request.json"))?;
        let event: Value = parse(include_str!("../../schemas/event.json"))?;
        let registry = jsonschema::Registry::new()
            .add("https://countersign.invalid/schemas/request.json", request)
            .and_then(|registry| registry.add("https://countersign.invalid/schemas/event.json", event))
            .and_then(jsonschema::RegistryBuilder::prepare)
            .map_err(|error| SchemaError(error.to_string()))?;
        let mut by_name = BTreeMap::new();
        for (name, text) in SCHEMAS {
            let schema = parse(text)?;
            let validator = jsonschema::options()
                .with_registry(&registry)
                .build(&schema)
                .map_err(|error| SchemaError(format!("{name}: {error}")))?;
            by_name.insert(name, validator);
        }
        Ok(Self { by_name })
    }

    /// Checks the body that a template rendered of `data`.
    pub(super) fn check(
        &self,
        output: &Output<'_>,
        body: &Value,
        schema: &'static str,
        data: &mut Value,
    ) -> Result<(), RenderError> {
        let Some(validator) = self.by_name.get(schema) else { return Ok(()) };
        validator.validate(body).map_err(|error| {
            let path = error.instance_path().to_string();
            let (name, line) = output.place(&path, data);
            // The masked form tells the rule without the value, which may be long and secret.
            RenderError::Schema { name, line, schema, path, detail: error.masked().to_string() }
        })
    }
}

fn parse(text: &str) -> Result<Value, SchemaError> {
    serde_json::from_str(text).map_err(|error| SchemaError(error.to_string()))
}
