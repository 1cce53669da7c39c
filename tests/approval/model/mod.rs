//! Random worlds and steps, applied to the core and to an independent model. The model keeps plain facts about the
//! votes, and decides whether slots are filled by trying every way to seat people.

mod facts;
mod picture;
mod replay;
mod worlds;

use std::cell::RefCell;
use std::collections::BTreeSet;

use countersign::approval::satisfiable;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestError, TestRunner};

use facts::Facts;
use replay::Replay;
use worlds::{Step, World, steps, worlds};

/// The number of cases that all tests of this kind run together; more in the long run: `PROPTEST_CASES=1000000`.
const CASES: u32 = 100_000;
/// The cases are split between the tests, so that they run in parallel.
const SHARES: u32 = 4;

fn config(shares: u32) -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(CASES);
    // A failing case is printed whole; a seed in a file would mean another case after the next change here.
    let config = ProptestConfig { cases: cases / shares, failure_persistence: None, ..ProptestConfig::default() };
    // Without an optimiser the default generator, which is strong enough for secrets, takes three quarters of the time.
    ProptestConfig { rng_algorithm: RngAlgorithm::XorShift, ..config }
}

/// Situations that must occur when so many worlds are tried: a model in which nothing happens would agree too.
const SEEN: [&str; 38] = [
    "another window",
    "approved by break_glass",
    "approved by votes",
    "cancelled by cancellation",
    "changed by an approver",
    "changed by the requester",
    "conflict",
    "decided",
    "decidable again",
    "denied",
    "escalated",
    "expired",
    "expired by timeout",
    "in an absent member's place",
    "no reason",
    "no right",
    "not eligible",
    "nothing changed",
    "ok",
    "old",
    "rejected by two",
    "rejected by votes",
    "reminded",
    "replaced",
    "seat taken",
    "stale",
    "superseded by replacement",
    "too often",
    "undecidable",
    "unsatisfiable",
    "unsure",
    "void: changed_mind",
    "void: left_group",
    "void: revised",
    "void: taken_over",
    "voted for an added group",
    "voted long ago",
    "widened",
];

fn agree() {
    let config = config(SHARES);
    let enough = config.cases >= 5_000;
    let seen = RefCell::new(BTreeSet::new());
    let outcome = TestRunner::new(config).run(&(worlds(), steps()), |(world, steps)| walk(&world, &steps, &seen));
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(why, (world, steps))) => panic!("{why}\n{world:#?}\n{steps:#?}"),
        Err(other) => panic!("{other}"),
    }
    let seen = seen.into_inner();
    let missed: Vec<_> = SEEN.iter().filter(|what| !seen.contains(**what)).collect();
    assert!(!enough || missed.is_empty(), "never seen: {missed:?}");
}

/// Applies every step to both, and compares all observable state.
fn walk(world: &World, steps: &[Step], seen: &RefCell<BTreeSet<String>>) -> Result<(), TestCaseError> {
    let (mut facts, mut replay) = (Facts::new(world), Replay::new(world));
    for step in steps {
        let (expected, found) = (facts.apply(step), replay.apply(step));
        prop_assert_eq!(found, expected, "after {:?}", step);
        prop_assert_eq!(replay.picture(), facts.picture(), "after {:?}", step);
        let mut seen = seen.borrow_mut();
        for what in replay.noteworthy().iter().map(String::as_str).chain([found]) {
            if !seen.contains(what) {
                seen.insert(what.to_owned());
            }
        }
    }
    Ok(())
}

#[test]
fn core_and_model_agree_first_share() {
    agree();
}

#[test]
fn core_and_model_agree_second_share() {
    agree();
}

#[test]
fn core_and_model_agree_third_share() {
    agree();
}

#[test]
fn core_and_model_agree_fourth_share() {
    agree();
}

proptest! {
    #![proptest_config(config(SHARES))]

    /// The matching finds a complete assignment when there is one.
    #[test]
    fn satisfiable_means_that_there_is_a_way_to_approve(world in worlds(), escalated in any::<bool>()) {
        let (mut facts, mut replay) = (Facts::new(&world), Replay::new(&world));
        if escalated {
            for step in [Step::Wait(99), Step::Advance] {
                facts.apply(&step);
                replay.apply(&step);
            }
        }
        let request = replay.request();
        let found = satisfiable(&request.terms.slots, replay.roster(), |person| request.is_in_conflict(person));
        prop_assert_eq!(found, facts.could_be_approved());
    }
}
