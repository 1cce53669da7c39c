//! Endpoints that were sent to lately, ready to be sent to again.

use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use super::oauth::Tokens;
use super::prepared::Route;
use crate::ids::EndpointId;
use crate::store::endpoints::Endpoint;

/// Lines of one generation.
const KEPT: usize = 1_000;

/// Everything that a send to one endpoint needs besides the message.
pub(in crate::delivery) struct Line {
    pub(in crate::delivery) route: Route,
    pub(super) client: reqwest::Client,
    pub(in crate::delivery) tokens: Option<Arc<Tokens>>,
}

/// Lines by endpoint, in two generations: what is used comes into the young one, and when that is full the old one is dropped.
#[derive(Default)]
pub(super) struct Lines {
    /// A std mutex: held for a look-up, never across an await.
    generations: Mutex<Generations>,
}

#[derive(Default)]
struct Generations {
    young: HashMap<EndpointId, Arc<Line>>,
    old: HashMap<EndpointId, Arc<Line>>,
}

impl Lines {
    /// The endpoint's line, whether it is still right or not.
    pub(super) fn get(&self, id: EndpointId) -> Option<Arc<Line>> {
        let mut kept = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = kept.young.get(&id) {
            return Some(Arc::clone(line));
        }
        let line = kept.old.remove(&id)?;
        kept.put(id, Arc::clone(&line));
        Some(line)
    }

    /// Keeps a line in place of an earlier one. Of two that are made for the same at once the first stays, with its token.
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
