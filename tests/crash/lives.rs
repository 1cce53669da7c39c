//! Lives of a hub, and what befalls each, while systems ask on and on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::wire::{Blow, Moment};
use super::world::World;

/// Systems that ask at once, and how long each rests in between.
const SYSTEMS: usize = 4;
const REST: Duration = Duration::from_millis(40);
/// How long a life may last before its fault counts as not met.
const LIFE: Duration = Duration::from_secs(6);

/// What befalls one life of the hub.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fault {
    /// Killed at the so-manieth of these system calls that any of its threads makes.
    KilledAt(&'static str, usize),
    /// Killed when that has happened so many times.
    Killed(Moment, usize),
    /// The database connection breaks when that has happened so many times.
    Cut(Moment, usize),
    /// These system calls fail so from the first number to the second; then the hub is killed.
    Fails(&'static str, &'static str, usize, usize),
}

impl World {
    /// One life, and what befalls it; answers whether it did.
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
        // Killed before it was ready: that is a life too.
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
            // It has to live with it.
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

    /// Systems ask while one hub after the other meets its fault, and a last one meets none; waits until all is told. Answers how
    /// many met theirs.
    pub(super) async fn suffer(self: &Arc<Self>, faults: &[Fault]) -> usize {
        let systems = Systems::start(self);
        let mut met = 0;
        for fault in faults {
            let is_met = self.live(*fault).await;
            if !is_met {
                eprintln!("not met: {fault:?}");
            }
            met += usize::from(is_met);
        }
        self.run(0).await;
        systems.stop().await;
        self.quiet().await;
        met
    }
}

/// Systems that ask on and on.
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

    /// Each ends with what it was about to ask, once that is answered.
    pub(super) async fn stop(self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.tasks.join_all().await;
    }
}
