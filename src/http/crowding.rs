//! How many connections one address may hold, so that it leaves room for others.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// The connections of each address that has any.
#[derive(Debug, Clone)]
pub(super) struct Crowding {
    most: usize,
    held: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// A connection that counts, until it is dropped.
#[derive(Debug)]
pub(super) struct Held {
    address: IpAddr,
    crowding: Crowding,
}

impl Crowding {
    /// At most so many connections for each address.
    pub(super) fn new(most: usize) -> Self {
        Self { most: most.max(1), held: Arc::default() }
    }

    /// Counts a connection; None if the address has too many.
    pub(super) fn enter(&self, address: IpAddr) -> Option<Held> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.entry(address).or_default();
        (*count < self.most).then(|| {
            *count += 1;
            Held { address, crowding: self.clone() }
        })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut held = self.crowding.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut entry) = held.entry(self.address) {
            match entry.get().saturating_sub(1) {
                0 => drop(entry.remove()),
                left => *entry.get_mut() = left,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_leaves_room_for_others_and_is_forgotten_when_it_is_gone() {
        let crowding = Crowding::new(2);
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        let (one, two) = (crowding.enter(address("192.0.2.7")), crowding.enter(address("192.0.2.7")));
        assert!(one.is_some() && two.is_some() && crowding.enter(address("192.0.2.7")).is_none());
        let other = crowding.enter(address("192.0.2.8"));
        assert!(other.is_some());
        drop(one);
        let again = crowding.enter(address("192.0.2.7"));
        assert!(again.is_some());
        drop((two, other, again));
        assert!(crowding.held.lock().expect("counts").is_empty());
    }
}
