//! The rules of resources, compiled once each.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Hub, HubError};
use crate::approval::{Digest, Guardrail, Guardrails, Payload, Proposal, Ruling};

/// Compiled lists of rules kept; more than this only cost a compilation now and then.
const CACHED: usize = 256;

/// Compiled lists of rules by the digest of their text.
#[derive(Default)]
pub(super) struct RuleBooks {
    /// A std mutex: held for a map look-up, never across an await or a compilation.
    compiled: Mutex<HashMap<Digest, Arc<Guardrails>>>,
}

impl RuleBooks {
    /// The rules, ready to judge.
    pub(super) fn get(&self, rules: &[Guardrail]) -> Result<Arc<Guardrails>, HubError> {
        let text = serde_json::to_vec(rules).map_err(|error| invalid(error.to_string()))?;
        let key = Digest::of(&text);
        let cache = || self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = cache().get(&key) {
            return Ok(Arc::clone(known));
        }
        let compiled = Arc::new(Guardrails::compile(rules).map_err(|error| invalid(error.to_string()))?);
        let mut cache = cache();
        if cache.len() >= CACHED {
            cache.clear();
        }
        cache.insert(key, Arc::clone(&compiled));
        Ok(compiled)
    }
}

impl Hub {
    /// What the rules say of a payload.
    pub(super) fn ruling(&self, rules: &[Guardrail], payload: &Payload) -> Result<Ruling, HubError> {
        if rules.is_empty() {
            return Ok(Ruling::Ask { rules: Vec::new(), slots: Vec::new() });
        }
        Ok(self.rules.get(rules)?.judge(payload).verdict)
    }

    /// Another payload with what the core has to know of it.
    pub(super) fn proposal(&self, rules: &[Guardrail], payload: Payload) -> Result<Proposal, HubError> {
        let digest = digest(&payload)?;
        Ok(Proposal { ruling: self.ruling(rules, &payload)?, digest, payload })
    }
}

pub(super) fn digest(payload: &Payload) -> Result<Digest, HubError> {
    payload.digest().map_err(|error| {
        HubError::invalid("invalid_payload", "/context", format!("context has no canonical JSON: {error}"))
    })
}

fn invalid(detail: String) -> HubError {
    HubError::invalid("invalid_policy", "/guardrails", detail)
}
