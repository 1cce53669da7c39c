//! The JSON Schemas of the bodies that the hub sends, and their validation.

use std::collections::BTreeMap;

use jsonschema::Validator;
use jsonschema::error::{ValidationError, ValidationErrorKind};
use serde_json::Value;

/// Every schema file: its name under `/schemas/` and its text. The text has no `$id`; [`schema_at`] adds it.
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
/// The same data in a `CloudEvents` envelope; the data is checked before.
const CLOUDEVENT: &str = "cloudevent.json";
/// A request as the API shows it.
const REQUEST: &str = "request.json";
/// The body of a Teams workflow.
pub(super) const TEAMS: &str = "teams-message.json";
/// The body of a Slack message.
pub(super) const SLACK: &str = "slack-message.json";
/// The body of a Discord webhook.
pub(super) const DISCORD: &str = "discord-message.json";
/// The body of a Google Chat webhook.
pub(super) const GOOGLE_CHAT: &str = "google-chat-message.json";

/// Base URL of the compiled schemas, by which they refer to each other.
const NOWHERE: &str = "https://countersign.invalid";

/// Returns a schema as the hub at `public_url` serves it. Its `$id` lets programs resolve references even in a copied
/// file. `None` when there is no such file.
pub fn schema_at(public_url: &str, file: &str) -> Option<String> {
    let (name, text) = SCHEMAS.iter().find(|(name, _)| *name == file)?;
    let id = Value::from(format!("{public_url}/schemas/{name}"));
    Some(text.replacen('{', &format!("{{\n  \"$id\": {id},"), 1))
}

/// A schema that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a usable JSON Schema: {0}")]
pub struct SchemaError(String);

/// The first violation of a schema.
#[derive(Debug)]
pub(super) struct Violation {
    /// JSON Pointer (RFC 6901) into the body.
    pub(super) path: String,
    /// The violated rule.
    pub(super) rule: String,
}

/// The schemas, compiled once.
pub struct Validators {
    by_name: BTreeMap<&'static str, Validator>,
}

impl Validators {
    pub(super) fn new() -> Result<Self, SchemaError> {
        // The schemas that others refer to.
        let (request, event) = (parse(REQUEST)?, parse(EVENT)?);
        let registry = jsonschema::Registry::new()
            .add(format!("{NOWHERE}/schemas/{REQUEST}"), request)
            .and_then(|registry| registry.add(format!("{NOWHERE}/schemas/{EVENT}"), event))
            .and_then(jsonschema::RegistryBuilder::prepare)
            .map_err(|error| SchemaError(error.to_string()))?;
        let mut by_name = BTreeMap::new();
        for (name, _) in SCHEMAS {
            let schema = parse(name)?;
            let validator = jsonschema::options()
                .with_registry(&registry)
                .build(&schema)
                .map_err(|error| SchemaError(format!("{name}: {error}")))?;
            by_name.insert(name, validator);
        }
        Ok(Self { by_name })
    }

    /// Validates a body.
    pub(super) fn check(&self, schema: &str, body: &Value) -> Result<(), Violation> {
        let Some(validator) = self.by_name.get(schema) else { return Ok(()) };
        validator.validate(body).map_err(|error| {
            let error = most_specific(&error);
            // The masked form leaves out the value, which may be long and secret.
            Violation { path: error.instance_path().to_string(), rule: error.masked().to_string() }
        })
    }
}

/// Returns the most specific error: where a value matches none of several shapes, the error of the shape with the
/// same `type`.
fn most_specific<'e>(error: &'e ValidationError<'e>) -> &'e ValidationError<'e> {
    let (ValidationErrorKind::OneOfNotValid { context } | ValidationErrorKind::AnyOf { context }) = error.kind() else {
        return error;
    };
    let place = format!("{}/type", error.instance_path());
    let has_its_type = |errors: &&Vec<ValidationError<'_>>| {
        !errors.is_empty() && errors.iter().all(|inner| inner.instance_path().as_str() != place)
    };
    context.iter().find(has_its_type).and_then(|errors| errors.first()).map_or(error, |inner| most_specific(inner))
}

fn parse(name: &str) -> Result<Value, SchemaError> {
    let text = schema_at(NOWHERE, name).unwrap_or_default();
    serde_json::from_str(&text).map_err(|error| SchemaError(format!("{name}: {error}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The violation of an event's body: path and rule.
    fn wrong(body: &Value) -> (String, String) {
        let validators = Validators::new().expect("compiles");
        let Violation { path, rule } = validators.check(EVENT, body).expect_err("invalid");
        (path, rule)
    }

    #[test]
    fn an_invalid_event_is_compared_with_the_shape_of_its_type() {
        let at = "2026-11-21T12:00:00.000000Z";
        let (path, detail) = wrong(&json!({"type": "request.created", "timestamp": at, "data": {"links": {}}}));
        assert_eq!((path.as_str(), detail.contains("\"request\" is a required property")), ("/data", true), "{detail}");
        let endpoint =
            json!({"id": "ep_x", "name": "x", "channel": "slack", "state": "active", "url": "…", "reason": null});
        let (path, _) = wrong(&json!({"type": "endpoint.failing", "timestamp": at, "data": {"endpoint": endpoint}}));
        assert_eq!(path, "/data/endpoint/id");
        let (path, _) = wrong(&json!({"type": "ping", "timestamp": "2026-11-21T12:00:00Z", "data": {}}));
        assert_eq!(path, "/timestamp");
        assert_eq!(wrong(&json!({"type": "x", "timestamp": at, "data": {}})).0, "");
    }

    #[test]
    fn a_served_schema_has_its_url_as_id() {
        for (name, _) in SCHEMAS {
            let served = schema_at("https://hub.example.com", name).expect("there");
            let schema: Value = serde_json::from_str(&served).expect("JSON");
            assert_eq!(schema["$id"], format!("https://hub.example.com/schemas/{name}"));
        }
        assert_eq!(schema_at("https://hub.example.com", "other.json"), None);
    }
}
