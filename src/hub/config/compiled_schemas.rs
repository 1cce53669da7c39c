//! Validates a request's context against its resource's JSON Schema. Schemas come from operators and are compiled once
//! each.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jsonschema::error::ValidationErrorKind;
use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

use crate::approval::Digest;
use crate::codes::Code;
use crate::hub::HubError;

/// Compiled schemas in the cache; more than this cost an occasional recompilation.
const CACHED: usize = 256;
/// Indentation of the pattern in the regex crate's error messages.
const REGEX_INDENT: usize = 4;

/// A cache of compiled schemas, by the digest of their text.
#[derive(Default)]
pub(in crate::hub) struct ContextSchemas {
    /// A std mutex: locked for a map look-up, never across an await or a compilation.
    compiled: Mutex<HashMap<Digest, Arc<Validator>>>,
}

impl ContextSchemas {
    /// Validates the context; an absent context is validated as `null`.
    pub(in crate::hub) fn check(&self, schema: &Value, context: Option<&Value>) -> Result<(), HubError> {
        let validator = self.validator(schema)?;
        validator.validate(context.unwrap_or(&Value::Null)).map_err(|error| {
            let pointer = format!("/context{}", error.instance_path());
            HubError::invalid(
                Code::ContextInvalid,
                pointer,
                format!("this does not match the resource's schema: {error}"),
            )
        })
    }

    fn validator(&self, schema: &Value) -> Result<Arc<Validator>, HubError> {
        let key = Digest::of(schema.to_string().as_bytes());
        let cache = || self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = cache().get(&key) {
            return Ok(Arc::clone(known));
        }
        let compiled = Arc::new(compile(schema)?);
        let mut cache = cache();
        if cache.len() >= CACHED {
            cache.clear();
        }
        cache.insert(key, Arc::clone(&compiled));
        Ok(compiled)
    }
}

/// Compiles an operator's schema. External references are not fetched, and patterns are matched in linear time.
pub(super) fn compile(schema: &Value) -> Result<Validator, HubError> {
    jsonschema::options().with_pattern_options(PatternOptions::regex()).build(schema).map_err(|error| {
        // The draft's meta-schema reports errors with the schema as its instance.
        let place = Some(error.instance_path()).filter(|place| !place.as_str().is_empty());
        let pointer = format!("/context_schema{}", place.unwrap_or_else(|| error.schema_path()));
        let why = match (error.kind(), error.instance().as_str()) {
            (ValidationErrorKind::Format { format }, Some(pattern)) if format == "regex" => {
                format!("the pattern {pattern:?} cannot be used: {}", refusal(pattern))
            }
            _ => error.to_string(),
        };
        let detail = format!("context_schema is not a JSON Schema that the hub can use: {why}");
        HubError::invalid(Code::InvalidSchema, pointer, detail)
    })
}

/// Explains why a pattern is not supported: the construct and its position.
fn refusal(pattern: &str) -> String {
    if pattern.contains("[^]") {
        return "[^] is read as an unclosed class: write [\\s\\S] for any character".to_owned();
    }
    match regex::Regex::new(pattern) {
        Err(regex::Error::CompiledTooBig(_)) => "its repetitions make it too large".to_owned(),
        Err(error) => {
            // Its last line says what is wrong; a line with a caret before it says where.
            let text = error.to_string();
            let what = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
            let caret = text.lines().find(|line| line.trim_start().starts_with('^')).and_then(|line| line.find('^'));
            let place = caret.and_then(|column| column.checked_sub(REGEX_INDENT)).map(|column| column + 1);
            let place = place.map(|place| format!(" (at character {place})")).unwrap_or_default();
            format!("{what}{place}. Patterns are matched in linear time")
        }
        Ok(_) => "it is not valid by ECMA 262".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(schema: &Value) -> (String, String) {
        match compile(schema) {
            Err(HubError::Invalid { code: Code::InvalidSchema, pointer, detail }) => (pointer, detail),
            other => panic!("{schema}: {:?}", other.map(|_| ())),
        }
    }

    #[test]
    fn errors_name_the_construct_and_its_place() {
        for (pattern, named) in [
            ("^(?=a)b$", "look-around"),
            ("^(?!a)b$", "look-around"),
            ("(?<=a)b", "look-around"),
            ("(?<!a)b", "look-around"),
            (r"(a)\1", "backreferences"),
            (r"(?<n>a)\k<n>", "at character"),
            ("a[^]b", r"[\s\S]"),
            ("(a", "unclosed group"),
            ("(a{1000}){1000}x", "too large"),
        ] {
            for draft in ["https://json-schema.org/draft/2020-12/schema", "http://json-schema.org/draft-07/schema#"] {
                let schema =
                    json!({"$schema": draft, "properties": {"ticket": {"type": "string", "pattern": pattern}}});
                let (pointer, detail) = refused(&schema);
                assert_eq!(pointer, "/context_schema/properties/ticket/pattern", "{pattern}: {detail}");
                assert!(detail.contains(named) && detail.contains(&format!("{pattern:?}")), "{pattern}: {detail}");
            }
        }
        assert!(refused(&json!({"pattern": "ab(?=c)"})).1.contains("(at character 3)"));
        let (pointer, _) = refused(&json!({"properties": {"n": {"type": "strin"}}}));
        assert_eq!(pointer, "/context_schema/properties/n/type");
        let (_, detail) = refused(&json!({"properties": {"n": {"$ref": "https://example.com/other.json"}}}));
        assert!(detail.contains("https://example.com/other.json"), "{detail}");
    }

    /// What `docs/policies.md` says of the dialect.
    #[test]
    fn the_dialect_is_as_documented() {
        let takes = |schema: Value, value: &str| compile(&schema).expect("a schema").is_valid(&json!(value));
        for text in ["a\rb", "a\u{2028}b"] {
            assert!(takes(json!({"pattern": "^a.b$"}), text), "{text:?}");
        }
        assert!(!takes(json!({"pattern": "^a.b$"}), "a\nb"));
        assert!(!takes(json!({"pattern": r"^\w$"}), "é") && !takes(json!({"pattern": r"^\d$"}), "٣"));
        assert!(!takes(json!({"pattern": r"\bb"}), "éb") && takes(json!({"pattern": r"\bb"}), "-b"));
        assert!(takes(json!({"format": "date"}), "soon"));
        assert!(!takes(json!({"$schema": "http://json-schema.org/draft-07/schema#", "format": "date"}), "soon"));
    }
}
