//! The context of a request as fields, by the JSON Schema of its resource: texts, numbers, choices. What has another form
//! is written as JSON.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Number, Value};

use crate::shape::Shaped;

/// Most fields of a form; further properties are written as JSON.
const MAX_FIELDS: usize = 50;

/// A property as a field.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Property {
    pub(super) name: String,
    pub(super) label: String,
    pub(super) hint: Option<String>,
    pub(super) is_required: bool,
    pub(super) form: Form,
}

/// What a field takes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Form {
    Text,
    Number,
    Integer,
    /// One of these values.
    Choice(Vec<Value>),
}

/// The context of a resource's requests.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Shape {
    pub(super) properties: Vec<Property>,
    /// Whether there may be more than these.
    pub(super) takes_more: bool,
    /// Properties without a field of their own that must be there.
    pub(super) required_more: Vec<String>,
}

impl Shape {
    /// Of a resource without a schema: anything.
    pub(super) fn any() -> Self {
        Self { takes_more: true, ..Self::default() }
    }

    /// Reads a schema. What a field cannot hold is left to the text in JSON.
    pub(super) fn of(schema: &Value) -> Self {
        let Some(known) = schema.get("properties").and_then(Value::as_object) else { return Self::any() };
        let required: BTreeSet<&str> =
            schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        let read = |(name, schema): (&String, &Value)| Property::of(name, schema, required.contains(name.as_str()));
        let properties: Vec<Property> = known.iter().filter_map(read).take(MAX_FIELDS).collect();
        let has_field = |name: &str| properties.iter().any(|property| property.name == name);
        let required_more = required.iter().filter(|name| !has_field(name)).map(|name| (*name).to_owned()).collect();
        let is_closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
        let takes_more = !is_closed || properties.len() < known.len();
        Self { properties, takes_more, required_more }
    }

    /// The context that was typed. `rest` is JSON. What is wrong goes to `errors`, by the field's name.
    pub(super) fn read(
        &self,
        typed: &BTreeMap<String, String>,
        rest: &str,
        errors: &mut BTreeMap<String, String>,
    ) -> Option<Value> {
        let mut context = match rest.trim() {
            "" => Map::new(),
            text => match json(text) {
                Ok(Value::Object(map)) => map,
                Ok(other) if self.properties.is_empty() => return Some(other),
                Ok(_) => {
                    errors.insert("rest".to_owned(), "write an object: { … }".to_owned());
                    Map::new()
                }
                Err(error) => {
                    errors.insert("rest".to_owned(), format!("this is not JSON: {error}"));
                    Map::new()
                }
            },
        };
        for property in &self.properties {
            let text = typed.get(&property.name).map_or("", String::as_str);
            match property.value(text) {
                Ok(Some(value)) => drop(context.insert(property.name.clone(), value)),
                Ok(None) => {}
                Err(detail) => drop(errors.insert(format!("context.{}", property.name), detail.to_owned())),
            }
        }
        (!context.is_empty()).then_some(Value::Object(context))
    }

    /// What to type for a context: the fields, and the rest as JSON.
    pub(super) fn typed(&self, context: &Value) -> (BTreeMap<String, String>, String) {
        let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap_or_default();
        let Some(map) = context.as_object() else {
            return (BTreeMap::new(), if context.is_null() { String::new() } else { pretty(context) });
        };
        let mut rest = map.clone();
        let mut typed = BTreeMap::new();
        for property in &self.properties {
            let text = rest.get(&property.name).and_then(|value| property.text(value));
            if let Some(text) = text {
                rest.remove(&property.name);
                typed.insert(property.name.clone(), text);
            }
        }
        let rest = if rest.is_empty() { String::new() } else { pretty(&Value::Object(rest)) };
        (typed, rest)
    }
}

impl Property {
    fn of(name: &str, schema: &Value, is_required: bool) -> Option<Self> {
        let text = |field: &str| schema.get(field).and_then(Value::as_str).map(str::to_owned);
        let form = if let Some(values) = schema.get("enum").and_then(Value::as_array) {
            let is_plain = |value: &Value| !value.is_object() && !value.is_array();
            Form::Choice(Some(values).filter(|values| values.iter().all(is_plain))?.clone())
        } else {
            match kind(schema.get("type")?)? {
                "string" => Form::Text,
                "integer" => Form::Integer,
                "number" => Form::Number,
                "boolean" => Form::Choice(vec![Value::Bool(true), Value::Bool(false)]),
                _ => return None,
            }
        };
        let label = text("title").filter(|title| !title.trim().is_empty()).unwrap_or_else(|| name.to_owned());
        Some(Self { name: name.to_owned(), label, hint: text("description"), is_required, form })
    }

    /// The value that was typed; none for an empty field.
    fn value(&self, typed: &str) -> Result<Option<Value>, &'static str> {
        if typed.trim().is_empty() {
            return if self.is_required { Err("needed here") } else { Ok(None) };
        }
        let value = match &self.form {
            Form::Text => Value::String(typed.to_owned()),
            Form::Integer => {
                let number: i64 = typed.trim().parse().map_err(|_| "write a whole number")?;
                Value::Number(number.into())
            }
            Form::Number => {
                let number: Number = typed.trim().parse().map_err(|_| "write a number, such as 2.5")?;
                Value::Number(number)
            }
            Form::Choice(values) => {
                values.iter().find(|value| choice(value) == typed).cloned().ok_or("choose one of the list")?
            }
        };
        Ok(Some(value))
    }

    /// What to type for a value, if the field can hold it.
    fn text(&self, value: &Value) -> Option<String> {
        match (&self.form, value) {
            (Form::Text, Value::String(text)) => Some(text.clone()),
            (Form::Integer | Form::Number, Value::Number(number)) => Some(number.to_string()),
            (Form::Choice(values), value) if values.contains(value) => Some(choice(value)),
            _ => None,
        }
    }
}

/// Reads JSON as the API does.
fn json(text: &str) -> Result<Value, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = Value::deserialize(Shaped(&mut reader))?;
    reader.end().map(|()| value)
}

/// A value of a choice, as the form sends it.
pub(super) fn choice(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The type that a schema names, beside `null`.
fn kind(named: &Value) -> Option<&str> {
    match named {
        Value::String(name) => Some(name),
        Value::Array(names) => {
            let mut others = names.iter().filter_map(Value::as_str).filter(|name| *name != "null");
            others.next().filter(|_| others.next().is_none())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shape() -> Shape {
        Shape::of(&json!({
            "type": "object",
            "required": ["ticket", "hosts"],
            "additionalProperties": false,
            "properties": {
                "ticket": {"type": "string", "title": "Ticket", "description": "Such as FIN-2304"},
                "rows": {"type": ["integer", "null"]},
                "share": {"type": "number"},
                "backup": {"type": "boolean"},
                "environment": {"enum": ["production", "staging", 3]},
                "hosts": {"type": "array"},
            },
        }))
    }

    #[test]
    fn simple_properties_are_fields_and_the_rest_is_json() {
        let shape = shape();
        let names: Vec<&str> = shape.properties.iter().map(|property| property.name.as_str()).collect();
        assert_eq!(names, ["backup", "environment", "rows", "share", "ticket"]);
        assert!(shape.takes_more, "hosts has no field");
        assert_eq!(shape.required_more, ["hosts"]);
        assert_eq!(Shape::of(&json!({"type": "string"})), Shape::any());
        assert_eq!(Shape::of(&json!(true)), Shape::any());
    }

    #[test]
    fn what_was_typed_becomes_the_context_and_back() {
        let context =
            json!({"ticket": "FIN-1", "rows": 2, "share": 0.5, "backup": false, "environment": 3, "hosts": ["a"]});
        let (typed, rest) = shape().typed(&context);
        assert_eq!((typed["backup"].as_str(), typed["environment"].as_str()), ("false", "3"));
        let mut errors = BTreeMap::new();
        assert_eq!(shape().read(&typed, &rest, &mut errors), Some(context));
        assert!(errors.is_empty());
        assert_eq!(Shape::any().read(&BTreeMap::new(), "[1]", &mut errors), Some(json!([1])));
        assert_eq!(Shape::any().read(&BTreeMap::new(), " ", &mut errors), None);
    }

    #[test]
    fn errors_stand_at_their_fields() {
        let typed = [("rows", "two"), ("share", "half"), ("environment", "prod")];
        let typed = typed.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        let mut errors = BTreeMap::new();
        shape().read(&typed, "{", &mut errors);
        let named: Vec<&str> = errors.keys().map(String::as_str).collect();
        assert_eq!(named, ["context.environment", "context.rows", "context.share", "context.ticket", "rest"]);
    }
}
