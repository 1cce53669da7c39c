//! The connections that have not finished their handshake.

use std::collections::VecDeque;

use tokio::sync::oneshot;

/// Connections in their handshake, the oldest first. They have places of their own, so that those who stay silent take none
/// from the others. When all are taken, the oldest gives way.
#[derive(Debug)]
pub(in crate::http) struct Waiting {
    most: usize,
    /// Dropped to end the connection. Closed when its handshake is over.
    begun: VecDeque<oneshot::Sender<()>>,
}

impl Waiting {
    /// At most so many at a time.
    pub(in crate::http) fn new(most: usize) -> Self {
        Self { most: most.max(1), begun: VecDeque::new() }
    }

    /// A place for a new connection. The receiver is held until the handshake is over, and fails if the place is lost.
    pub(in crate::http) fn begin(&mut self) -> oneshot::Receiver<()> {
        if self.begun.len() >= self.most {
            self.begun.retain(|place| !place.is_closed());
        }
        if self.begun.len() >= self.most {
            self.begun.pop_front();
        }
        let (place, held) = oneshot::channel();
        self.begun.push_back(place);
        held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_gives_way_and_who_is_done_takes_no_place() {
        let mut waiting = Waiting::new(3);
        let (mut first, done, mut third) = (waiting.begin(), waiting.begin(), waiting.begin());
        drop(done);
        let mut fourth = waiting.begin();
        assert!(first.try_recv().is_err_and(|error| error == oneshot::error::TryRecvError::Empty));
        let mut fifth = waiting.begin();
        assert!(first.try_recv().is_err_and(|error| error == oneshot::error::TryRecvError::Closed));
        for held in [&mut third, &mut fourth, &mut fifth] {
            assert!(held.try_recv().is_err_and(|error| error == oneshot::error::TryRecvError::Empty));
        }
        for _ in 0..1_000 {
            drop(waiting.begin());
        }
        assert!(waiting.begun.len() <= 3);
    }
}
