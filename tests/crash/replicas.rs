//! Two replicas on one PostgreSQL database, killed and stopped: no message is sent by both at once unless a lease has
//! expired, and writes by a stale owner are refused.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::lives::Systems;
use super::matrix::{two_receivers, watched};
use super::world::{Plan, World, pick, seed};
use super::{ledger, setting};
use crate::support::{Behaviour, Database, Received, Receiver, eventually};

/// Longer than a lease (16 s) and the poll after it.
const STOPPED: Duration = Duration::from_secs(19);
const REFUSED: &str = "the lease ran out before the result was recorded";

impl World {
    async fn signal(&self, replica: usize, name: &str) {
        self.died();
        self.inspect(replica, |hub| hub.signal(name)).await;
    }

    /// The row of the only delivery.
    async fn delivery(&self) -> String {
        let sql = "SELECT state || ' ' || attempts || ' ' || fence || ' ' || COALESCE(end_reason, ''), attempts FROM deliveries";
        Database::tally(&self.database.url, sql.to_owned()).await.into_keys().next().expect("a delivery")
    }
}

/// The first owner is stopped while it waits for an answer, and continues while the second one waits for its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_by_a_stale_owner_are_refused() {
    let receiver = Receiver::start().await;
    let world = World::make(Database::postgres().await, vec![Plan::new("held", receiver.clone())], 2).await;
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    receiver.choose(move |_, times| match times {
        // This answer would end the delivery permanently.
        0 => Behaviour::Held(Arc::clone(&held), 404),
        // Longer than the stale owner needs, and shorter than the deadline.
        _ => Behaviour::Late(Duration::from_millis(700)),
    });
    world.run(0).await;
    // To the first replica: the other one does not run yet.
    world.ask_only().await;
    receiver.wait_for(1).await;
    world.signal(0, "STOP").await;
    world.run(1).await;
    let second = eventually("the second owner sends", || async { (receiver.received().len() == 2).then_some(()) });
    tokio::time::timeout(STOPPED * 2, second).await.unwrap();
    gate.add_permits(1);
    world.signal(0, "CONT").await;
    eventually("the stale owner is refused", || async {
        world.inspect(0, |hub| hub.log.lock().unwrap().iter().any(|line| line.contains(REFUSED)).then_some(())).await
    })
    .await;
    world.quiet().await;
    assert_eq!(world.delivery().await, "delivered 2 2 ");
    world.kill(0).await;
    world.kill(1).await;
    ledger::check(&world).await;
}

/// Checks that when two exchanges of a message overlap, a lease had expired before the later one began.
fn check_owners(plan: &Plan, released: &BTreeMap<String, Vec<i64>>) {
    let received = plan.receiver.received();
    let mut by_id: BTreeMap<&str, Vec<&Received>> = BTreeMap::new();
    received.iter().for_each(|message| by_id.entry(message.header("webhook-id")).or_default().push(message));
    let mut overlaps = 0;
    for (id, exchanges) in by_id {
        for (number, later) in exchanges.iter().enumerate() {
            let earlier = &exchanges[..number];
            if !earlier.iter().any(|earlier| earlier.ended.is_none_or(|ended| ended > later.began)) {
                continue;
            }
            overlaps += 1;
            let began = later.began.as_micros();
            let ran_out = released.get(id).is_some_and(|moments| moments.iter().any(|moment| *moment <= began));
            assert!(ran_out, "{}: {id} is sent by two at once", plan.name);
        }
    }
    eprintln!("{}: {} exchanges, {overlaps} of them beside another of the same message", plan.name, received.len());
}

/// The times at which leases expired, by event.
async fn released(url: &str) -> BTreeMap<String, Vec<i64>> {
    let sql = "SELECT d.event_id || ' ' || a.number || ' ' || d.id, a.started_at + a.duration_us
        FROM attempts a JOIN deliveries d ON d.id = a.delivery_id WHERE a.class = 'lost'";
    let mut released: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for (row, moment) in Database::tally(url, sql.to_owned()).await {
        released.entry(row.split(' ').next().unwrap().to_owned()).or_default().push(moment);
    }
    released
}

/// One replica is stopped for longer than its leases while the other one is killed; then either, at random.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_never_has_two_owners_at_once() {
    let (seed, rounds) = (seed(), setting("CRASH_ROUNDS", 1));
    let plans = two_receivers().await;
    let world = World::make(Database::postgres().await, plans.clone(), 2).await;
    for plan in &plans {
        let slow = move |what: &str, times: usize| match pick(seed, (what, times), 8) {
            _ if times >= 3 => None,
            0 => Some(Behaviour::Late(Duration::from_millis(600))),
            1 => Some(Behaviour::Late(Duration::from_millis(1_500))),
            2 if times == 0 => Some(Behaviour::Status(500)),
            _ => None,
        };
        watched(&plan.receiver, &world.trigger, slow);
    }
    world.run(0).await;
    world.run(1).await;
    let systems = Systems::start(&world);
    for round in 0..rounds {
        let (one, other) = if pick(seed, round, 2) == 0 { (0, 1) } else { (1, 0) };
        tokio::time::sleep(Duration::from_millis(500)).await;
        world.signal(one, "STOP").await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        world.kill(other).await;
        world.run(other).await;
        tokio::time::sleep(STOPPED).await;
        world.signal(one, "CONT").await;
        for turn in 0..3 {
            let (either, pause) = (pick(seed, ("either", round, turn), 2), pick(seed, ("pause", round, turn), 800));
            tokio::time::sleep(Duration::from_millis(pause as u64)).await;
            world.kill(either).await;
            world.run(either).await;
        }
    }
    systems.stop().await;
    world.quiet().await;
    world.kill(0).await;
    world.kill(1).await;
    ledger::check(&world).await;
    let released = released(&world.database.url).await;
    plans.iter().for_each(|plan| check_owners(plan, &released));
    assert!(!released.is_empty(), "no lease ran out");
}
