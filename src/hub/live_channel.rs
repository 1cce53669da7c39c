//! The channel to the streams of open pages, and the places of each person among them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::broadcast;

use crate::approval::Email;
use crate::store::requests::audience::Changed;

/// Most streams of a hub.
pub const MAX_STREAMS: usize = 2_000;
/// Most streams of one person: a browser has one for all its pages.
pub const MAX_STREAMS_OF_PERSON: usize = 20;
/// Changes that a stream may be behind.
const BACKLOG: usize = 1_024;
/// What all streams are told.
#[derive(Debug, Clone)]
pub(super) enum Item {
    Changed(Arc<Changed>),
    /// Something may have been missed.
    Missed,
    /// Groups or sessions may have changed.
    Configuration,
}

/// The streams of a hub.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) news: broadcast::Sender<Item>,
    /// How many streams there were, to spread their reads.
    begun: AtomicU64,
    /// The streams of each person who has any. A std mutex: locked for one look-up.
    people: Arc<Mutex<HashMap<Email, usize>>>,
}

impl Default for Live {
    fn default() -> Self {
        Self { news: broadcast::Sender::new(BACKLOG), begun: AtomicU64::default(), people: Arc::default() }
    }
}

/// A place among a person's streams, until it is dropped.
#[derive(Debug)]
pub(super) struct Held {
    person: Email,
    people: Arc<Mutex<HashMap<Email, usize>>>,
}

impl Live {
    /// How many streams there were before.
    pub(super) fn begun(&self) -> u64 {
        self.begun.fetch_add(1, Ordering::Relaxed)
    }

    /// A place for one more stream of the person; none if they have too many.
    pub(super) fn enter(&self, person: &Email) -> Option<Held> {
        let mut people = self.people.lock().unwrap_or_else(PoisonError::into_inner);
        let count = people.entry(person.clone()).or_default();
        (*count < MAX_STREAMS_OF_PERSON).then(|| {
            *count += 1;
            Held { person: person.clone(), people: Arc::clone(&self.people) }
        })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut people = self.people.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = people.get_mut(&self.person) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                people.remove(&self.person);
            }
        }
    }
}
