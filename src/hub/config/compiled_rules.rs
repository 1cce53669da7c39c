//! Compiles the guardrails of resources, once each, and judges payloads by them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

use crate::approval::{Digest, Guardrail, Guardrails, Judgement, Payload, Proposal};
use crate::codes::Code;
use crate::hub::HubError;
use crate::store::StoreError;

/// Compiled rule lists in the cache; more than this cost an occasional recompilation.
const CACHED: usize = 256;

/// Longest command, in bytes, that is judged on the runtime's thread: it takes well below a millisecond, so a change of
/// threads does not pay. A longer command would delay other calls.
const SHORT: usize = 4 * 1024;
/// Long commands that are judged concurrently; more would only compete for the processor.
const LONG_AT_ONCE: usize = 2;

/// A cache of compiled rule lists.
pub(in crate::hub) struct RuleBooks {
    /// A std mutex: locked for a map look-up, never across an await or a compilation.
    compiled: Mutex<HashMap<Vec<Guardrail>, Arc<Guardrails>>>,
    /// A permit for each long command that is being judged.
    long: Arc<Semaphore>,
}

impl Default for RuleBooks {
    fn default() -> Self {
        Self { compiled: Mutex::default(), long: Arc::new(Semaphore::new(LONG_AT_ONCE)) }
    }
}

impl RuleBooks {
    /// Returns the compiled rules, from the cache if possible.
    fn get(&self, rules: &[Guardrail]) -> Result<Arc<Guardrails>, HubError> {
        let cache = || self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = cache().get(rules) {
            return Ok(Arc::clone(known));
        }
        let compiled = Arc::new(Guardrails::compile(rules).map_err(|error| invalid(error.to_string()))?);
        let mut cache = cache();
        if cache.len() >= CACHED {
            cache.clear();
        }
        cache.insert(rules.to_vec(), Arc::clone(&compiled));
        Ok(compiled)
    }

    /// Judges a payload, and returns it with the judgement. A long command is judged on a blocking thread.
    pub(in crate::hub) async fn judge(
        &self,
        rules: &[Guardrail],
        payload: Payload,
    ) -> Result<(Judgement, Payload), HubError> {
        let rules = self.get(rules)?;
        if rules.is_empty() || Guardrails::length(&payload) <= SHORT {
            return Ok((rules.judge(&payload), payload));
        }
        let permit = Arc::clone(&self.long).acquire_owned().await.map_err(|_| StoreError::Busy)?;
        let judged = tokio::task::spawn_blocking(move || {
            let judgement = rules.judge(&payload);
            // Released only when the work is done, even if the caller has gone.
            drop(permit);
            (judgement, payload)
        });
        judged.await.map_err(|_| StoreError::Panicked.into())
    }

    /// Returns the proposal of another payload, with its digest and ruling.
    pub(in crate::hub) async fn proposal(&self, rules: &[Guardrail], payload: Payload) -> Result<Proposal, HubError> {
        let digest = digest(&payload)?;
        let (judgement, payload) = self.judge(rules, payload).await?;
        Ok(Proposal { ruling: judgement.verdict, digest, payload })
    }
}

pub(in crate::hub) fn digest(payload: &Payload) -> Result<Digest, HubError> {
    payload.digest().map_err(|error| {
        HubError::invalid(Code::InvalidPayload, "/context", format!("context has no canonical JSON: {error}"))
    })
}

fn invalid(detail: String) -> HubError {
    HubError::invalid(Code::InvalidPolicy, "/guardrails", detail)
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use serde_json::json;

    use super::*;
    use crate::approval::Ruling;

    fn payload(command: String) -> Payload {
        Payload { command, language: Some("sql".to_owned()), context: None, duration_seconds: None }
    }

    fn rules() -> Vec<Guardrail> {
        serde_json::from_value(json!([{"name": "no-drop", "effect": "deny", "statements": ["drop table"]}]))
            .expect("rules")
    }

    #[tokio::test]
    async fn long_commands_are_judged_on_a_blocking_thread_and_short_ones_directly() {
        let (books, rules) = (RuleBooks::default(), rules());
        let long = payload(format!("{}drop table x", "select 'a';\n".repeat(5_000)));
        let scripted = Payload {
            context: Some(json!({"argv": ["psql", "-c", format!("{}drop table x", "select 1;".repeat(2_000))]})),
            ..payload("select 1".to_owned())
        };
        for (given, elsewhere) in [(payload("drop table x".to_owned()), false), (long, true), (scripted, true)] {
            let mut judging = pin!(books.judge(&rules, given.clone()));
            // If the first poll is pending, another thread does the work.
            let judged = match judging.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(judged) if !elsewhere => judged,
                Poll::Pending if elsewhere => judging.await,
                other => panic!("{elsewhere} {other:?}"),
            };
            let (judgement, payload) = judged.expect("judged");
            assert!(matches!(judgement.verdict, Ruling::Denied { .. }), "{judgement:?}");
            assert_eq!(payload, given);
        }
        assert_eq!(books.long.available_permits(), LONG_AT_ONCE);
    }

    #[tokio::test]
    async fn few_long_commands_are_judged_concurrently_and_all_in_the_end() {
        let (books, rules) = (RuleBooks::default(), rules());
        let long = || books.judge(&rules, payload("select 'a';\n".repeat(5_000)));
        let mut waiting: Vec<_> = (0..LONG_AT_ONCE + 2).map(|_| Box::pin(long())).collect();
        for judging in &mut waiting {
            assert!(judging.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        assert!(books.long.available_permits() <= LONG_AT_ONCE);
        for judging in waiting {
            judging.await.expect("judged");
        }
    }
}
