//! Lives of a hub, and the fault in each, while clients keep asking.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::wire::{Blow, Moment};
use super::world::World;

/// The number of clients, and the pause between their requests.
const SYSTEMS: usize = 4;
const REST: Duration = Duration::from_millis(40);
/// How long a life may last before its fault counts as not reached.
const LIFE: Duration = Duration::from_secs(6);

/// The fault in one life of the hub.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fault {
    /// Killed at the n-th of these system calls, counted over all threads.
    KilledAt(&'static str, usize),
    /// Killed when the moment has occurred n times.
    Killed(Moment, usize),
    /// The database connection breaks when the moment has occurred n times.
    Cut(Moment, usize),
    /// These system calls fail with an error from the first number to the second; then the hub is killed.
    Fails(&'static str, &'static str, usize, usize),
}

impl World {
    /// Runs one life with its fault; returns whether the fault occurred.
    async fn live(&self, fault: Fault) -> bool {
        let started = match fault {
            Fault::Killed(..) | Fault::Cut(..) => self.start(0).await,
            Fault::KilledAt(calls, number) => {
                let inject = format!("inject={calls}:signal=KILL:when={number}");
                self.start_traced(&["-e", &format!("trace={calls}"), "-e", &inject]).await
            }
            Fault::Fails(calls, error, first, last) => {
                let inject = format!("inject={calls}:error={error}:when={first}..{last}");
                self.start_traced(&["-e", &format!("trace={calls}"), "-e", &inject]).await
            }
        };
        // Killed before it was ready: this also counts as a life.
        let Ok(mut hub) = started else {
            self.died();
            return true;
        };
        self.trigger.hub.store(hub.child.id().unwrap_or(0), Ordering::SeqCst);
        let is_met = match fault {
            Fault::KilledAt(..) => tokio::time::timeout(LIFE, hub.child.wait()).await.is_ok(),
            Fault::Killed(moment, times) => {
                self.trigger.arm(moment, times, Blow::Kill);
                tokio::time::timeout(LIFE, hub.child.wait()).await.is_ok()
            }
            Fault::Cut(moment, times) => {
                self.trigger.arm(moment, times, Blow::Cut);
                self.until(|| !self.trigger.is_armed()).await
            }
            Fault::Fails(..) => {
                let refused = self.client.refused.load(Ordering::Relaxed);
                self.until(|| self.client.refused.load(Ordering::Relaxed) > refused).await
            }
        };
        self.trigger.disarm();
        if matches!(fault, Fault::Cut(..) | Fault::Fails(..)) {
            // The hub has to survive this fault.
            tokio::time::sleep(LIFE / 10).await;
        }
        let _dead_already = hub.child.kill().await;
        self.trigger.hub.store(0, Ordering::SeqCst);
        self.died();
        is_met
    }

    async fn until(&self, has_come: impl Fn() -> bool) -> bool {
        let waiting = async {
            while !has_come() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(LIFE, waiting).await.is_ok()
    }

    /// Clients ask while one hub after the other gets its fault; the last hub gets none. Waits until every delivery has
    /// ended. Returns the number of faults that occurred.
    pub(super) async fn run_through(self: &Arc<Self>, faults: &[Fault]) -> usize {
        let systems = Systems::start(self);
        let mut met = 0;
        for fault in faults {
            let is_met = self.live(*fault).await;
            if !is_met {
                eprintln!("did not occur: {fault:?}");
            }
            met += usize::from(is_met);
        }
        self.run(0).await;
        systems.stop().await;
        self.quiet().await;
        met
    }
}

/// Clients that ask until they are stopped.
pub(super) struct Systems {
    tasks: tokio::task::JoinSet<()>,
    is_over: Arc<AtomicBool>,
}

impl Systems {
    pub(super) fn start(world: &Arc<World>) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..SYSTEMS {
            let (world, is_over) = (Arc::clone(world), Arc::clone(&is_over));
            tasks.spawn(async move {
                while !is_over.load(Ordering::Relaxed) {
                    world.ask().await;
                    tokio::time::sleep(REST).await;
                }
            });
        }
        Self { tasks, is_over }
    }

    /// Stops every client after the answer to its current request.
    pub(super) async fn stop(self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.tasks.join_all().await;
    }
}
