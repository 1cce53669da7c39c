//! `kill -9` at each step of a delivery: accepted, claimed, sent, recorded, answered.
//!
//! On SQLite `strace` kills the hub at a system call: a write or a flush of the database, a connection, or a write to a
//! socket. On PostgreSQL a relay kills it around `COMMIT`. On both, receivers kill it before, while and after they have
//! the message. `CRASH_LIVES` is the number of lives for each kind of kill.

use std::sync::Arc;

use super::lives::Fault;
use super::world::{Plan, World, pick, seed, strace_works};
use super::{ledger, setting};
use crate::crash::wire::{Moment, Trigger};
use crate::support::{Behaviour, Database, Hook, Receiver, on_both};

/// Makes the receiver report its steps to the trigger. `answer` chooses a bad answer, if any.
pub(super) fn watched(
    receiver: &Receiver,
    trigger: &Arc<Trigger>,
    bad: impl Fn(&str, usize) -> Option<Behaviour> + Send + Sync + 'static,
) {
    let notice = |moment| -> Hook {
        let trigger = Arc::clone(trigger);
        Arc::new(move || {
            trigger.at(moment);
        })
    };
    receiver.on_connection(notice(Moment::Connected));
    let (received, answered) = (notice(Moment::Received), notice(Moment::Answered));
    receiver.choose(move |message, times| {
        received();
        let what = format!("{} {}", message.json()["type"], message.json()["data"]["request"]["command"]);
        bad(&what, times).unwrap_or_else(|| Behaviour::Then(Arc::clone(&answered)))
    });
}

/// A receiver without faults, and one that fails now and then, at most twice for a message.
pub(super) async fn two_receivers() -> Vec<Plan> {
    vec![Plan::new("steady", Receiver::start().await), Plan::new("moody", Receiver::start().await)]
}

/// One attempt in three fails, but never a message's third one. With more, the hub would pause the endpoint for long.
pub(super) fn failures(seed: u64) -> impl Fn(&str, usize) -> Option<Behaviour> + Send + Sync + 'static {
    move |what, times| match pick(seed, (what, times), 9) {
        _ if times >= 2 => None,
        0 => Some(Behaviour::Status(500)),
        1 => Some(Behaviour::Reset),
        2 => Some(Behaviour::Half(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf".to_vec())),
        _ => None,
    }
}

/// Kills at the steps that receivers see.
fn at_receivers(lives: usize) -> impl Iterator<Item = Fault> {
    let moments = [Moment::Connected, Moment::Received, Moment::Answered];
    moments.into_iter().flat_map(move |moment| {
        // A hub connects once to each of the two_receivers receivers.
        (0..lives).map(move |life| {
            Fault::Killed(moment, if moment == Moment::Connected { 1 + life % 2 } else { 1 + life * 3 % MOST })
        })
    })
}

fn on_sqlite(seed: u64, lives: usize) -> Vec<Fault> {
    let flushes = (1..=4 * lives).map(|number| Fault::KilledAt("fsync,fdatasync", 1 + (number - 1) % MOST));
    let writes = (0..4 * lives).map(move |life| Fault::KilledAt("pwrite64", 1 + pick(seed, ("pwrite64", life), 120)));
    let connections = (1..=lives.min(2)).map(|number| Fault::KilledAt("connect", number));
    let sockets = (0..4 * lives).map(move |life| Fault::KilledAt(SOCKETS, 1 + pick(seed, ("sockets", life), 12)));
    flushes.chain(writes).chain(connections).chain(sockets).chain(at_receivers(lives)).collect()
}

/// The highest count that a fault waits for; it would not occur in time with more.
const MOST: usize = 20;
/// The system calls with which the hub writes to sockets.
const SOCKETS: &str = "sendto,writev,sendmsg";

fn on_postgres(_seed: u64, lives: usize) -> Vec<Fault> {
    let around = |moment| (1..=2 * lives).map(move |times| Fault::Killed(moment, 1 + (times - 1) % MOST));
    let cut = |moment| (1..=lives).map(move |times| Fault::Cut(moment, 1 + times * 2 % MOST));
    around(Moment::Committing)
        .chain(around(Moment::Committed))
        .chain(cut(Moment::Committing))
        .chain(cut(Moment::Committed))
        .chain(at_receivers(lives))
        .collect()
}

on_both! {
    async fn killed_at_each_step(database: Database) {
        strace_works().await;
        let (seed, lives) = (seed(), setting("CRASH_LIVES", 2));
        let faults =
            if database.url.starts_with("sqlite") { on_sqlite(seed, lives) } else { on_postgres(seed, lives) };
        let plans = two_receivers().await;
        let world = World::make(database, plans.clone(), 1).await;
        watched(&plans[0].receiver, &world.trigger, |_, _| None);
        watched(&plans[1].receiver, &world.trigger, failures(seed));
        let occurred = world.run_through(&faults).await;
        world.kill(0).await;
        ledger::check(&world).await;
        assert!(occurred * 10 >= faults.len() * 8, "only {occurred} of {} faults occurred", faults.len());
    }
}
