//! Request, decision and execution as one protocol: every state that a small world can reach is visited, with the
//! core's own `decide` and `use_execution` in the middle.

mod explorer;
mod sabotage;
mod state;
mod world;

use countersign::approval::{ExecutionStatus, Status};

use explorer::explore;
use sabotage::Sabotage;
use state::World;
use world::Hub;

#[test]
fn every_property_holds_in_every_reachable_state() {
    let explored = explore(&Hub::new(None)).unwrap_or_else(|fault| panic!("{fault:#?}"));
    println!("{} states, {} steps, depth {}", explored.states.len(), explored.steps, explored.depth);
    // A model in which nothing happens would be safe too.
    let seen = |what: &dyn Fn(&World) -> bool| explored.states.iter().any(what);
    for status in [Status::Pending, Status::Approved, Status::Rejected, Status::Expired, Status::Cancelled] {
        assert!(seen(&|world| world.status == status), "{status:?}");
    }
    for payloads in ["A", "AB", "AC", "ABC", "ACB"].map(str::as_bytes) {
        assert!(seen(&|world| world.status == Status::Approved && world.payloads == payloads), "{payloads:?}");
    }
    use ExecutionStatus::{Claimed, Failed, Lapsed, Ready, Revoked, Succeeded, Unknown};
    for status in [Ready, Claimed, Succeeded, Failed, Unknown, Lapsed, Revoked] {
        assert!(seen(&|world| world.execution.as_ref().is_some_and(|it| it.status == status)), "{status:?}");
    }
    for executor in 0..2 {
        assert!(seen(&|world| world.answered[executor] && world.received[executor].is_none()), "a lost answer");
        assert!(seen(&|world| world.received[executor].is_some()), "an answer that arrived");
    }
    assert!(seen(&|world| world.diary.lease_until == 6), "a heartbeat");
}

#[test]
fn every_property_detects_the_sabotage_it_guards_against() {
    for (sabotage, property) in Sabotage::ALL {
        match explore(&Hub::new(Some(sabotage))) {
            Ok(explored) => panic!("{sabotage:?} went unnoticed in {} states", explored.states.len()),
            Err(fault) => assert_eq!(fault.property, property, "{sabotage:?}: {:?}", fault.way),
        }
    }
}
