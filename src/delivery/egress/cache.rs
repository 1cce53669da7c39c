//! A cache of prepared endpoints: HTTP client, route and token, so that a send need not build them.

use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use super::oauth::Tokens;
use super::prepared::Route;
use crate::ids::EndpointId;
use crate::store::endpoints::Endpoint;

/// Maximum entries of one generation.
const KEPT: usize = 1_000;

/// Everything that a send to one endpoint needs besides the message.
pub(in crate::delivery) struct EndpointClient {
    pub(in crate::delivery) route: Route,
    pub(super) client: reqwest::Client,
    pub(in crate::delivery) tokens: Option<Arc<Tokens>>,
}

/// Prepared endpoints, in two generations. A used entry moves to the young one. When that is full, the old one is
/// dropped.
#[derive(Default)]
pub(super) struct EndpointClients {
    /// A std mutex: locked for a look-up, never across an await.
    generations: Mutex<Generations>,
}

#[derive(Default)]
struct Generations {
    young: HashMap<EndpointId, Arc<EndpointClient>>,
    old: HashMap<EndpointId, Arc<EndpointClient>>,
}

impl EndpointClients {
    /// Returns the endpoint's entry, which may be outdated.
    pub(super) fn get(&self, id: EndpointId) -> Option<Arc<EndpointClient>> {
        let mut kept = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(prepared) = kept.young.get(&id) {
            return Some(Arc::clone(prepared));
        }
        let prepared = kept.old.remove(&id)?;
        kept.put(id, Arc::clone(&prepared));
        Some(prepared)
    }

    /// Stores an entry in place of an outdated one. Of two that were built concurrently, the first is kept, with its
    /// token.
    pub(super) fn put(&self, endpoint: &Endpoint, prepared: Arc<EndpointClient>) -> Arc<EndpointClient> {
        let mut kept = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(other) = kept.young.get(&endpoint.id)
            && other.route.is_of(endpoint)
        {
            return Arc::clone(other);
        }
        kept.put(endpoint.id, Arc::clone(&prepared));
        prepared
    }
}

impl Generations {
    fn put(&mut self, id: EndpointId, prepared: Arc<EndpointClient>) {
        if self.young.len() >= KEPT {
            self.old = mem::take(&mut self.young);
        }
        self.old.remove(&id);
        self.young.insert(id, prepared);
    }
}
