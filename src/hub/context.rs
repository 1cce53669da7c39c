//! Checks a request's context against its resource's JSON Schema. Schemas come from operators and are compiled once each.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

use super::HubError;
use crate::approval::Digest;

/// Compiled schemas kept; more resources than this only cost a compilation now and then.
const CACHED: usize = 256;

/// Compiled schemas by the digest of their text.
#[derive(Default)]
pub(super) struct ContextSchemas {
    /// A std mutex: held for a map look-up, never across an await or a compilation.
    compiled: Mutex<HashMap<Digest, Arc<Validator>>>,
}

impl ContextSchemas {
    /// Whether the context meets the schema; an absent context is checked as `null`.
    pub(super) fn check(&self, schema: &Value, context: Option<&Value>) -> Result<(), HubError> {
        let validator = self.validator(schema)?;
        validator.validate(context.unwrap_or(&Value::Null)).map_err(|error| {
            let pointer = format!("/context{}", error.instance_path());
            HubError::invalid("context_invalid", pointer, format!("the resource's schema refuses this: {error}"))
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

/// Compiles an operator's schema: nothing outside of it is fetched, and its patterns take time linear in the text.
pub(super) fn compile(schema: &Value) -> Result<Validator, HubError> {
    jsonschema::options().with_pattern_options(PatternOptions::regex()).build(schema).map_err(|error| {
        let detail = format!("context_schema is not a JSON Schema that the hub can use: {error}");
        HubError::invalid("invalid_schema", "/context_schema", detail)
    })
}
