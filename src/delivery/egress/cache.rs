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
pub(in crate::delivery) struct Line {
    pub(in crate::delivery) route: Route,
    pub(super) client: reqwest::Client,
    pub(in crate::delivery) tokens: Option<Arc<Tokens>>,
}

/// Lines by endpoint, in two generations. A used line moves to the young one. When that is full, the old one is
/// dropped.
#[derive(Default)]
pub(super) struct Lines {
    /// A std mutex: locked for a look-up, never across an await.
    generations: Mutex<Generations>,
}

#[derive(Default)]
struct Generations {
    young: HashMap<EndpointId, Arc<Line>>,
    old: HashMap<EndpointId, Arc<Line>>,
}

impl Lines {
    /// Returns the endpoint's line, which may be outdated.
    pub(super) fn get(&self, id: EndpointId) -> Option<Arc<Line>> {
        let mut kept = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = kept.young.get(&id) {
            return Some(Arc::clone(line));
        }
        let line = kept.old.remove(&id)?;
        kept.put(id, Arc::clone(&line));
        Some(line)
    }

    /// Stores a line in place of an outdated one. Of two that were built concurrently, the first is kept, with its
    /// token.
    pub(super) fn put(&self, endpoint: &Endpoint, line: Arc<Line>) -> Arc<Line> {
        let mut kept = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(other) = kept.young.get(&endpoint.id)
            && other.route.is_of(endpoint)
        {
            return Arc::clone(other);
        }
        kept.put(endpoint.id, Arc::clone(&line));
        line
    }
}

impl Generations {
    fn put(&mut self, id: EndpointId, line: Arc<Line>) {
        if self.young.len() >= KEPT {
            self.old = mem::take(&mut self.young);
        }
        self.old.remove(&id);
        self.young.insert(id, line);
    }
}
