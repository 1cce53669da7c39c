//! Random worlds and steps through the core, and through a model that finds out for itself: it keeps a diary of who said what,
//! and decides whether slots are filled by trying every way to seat people.

use std::collections::{BTreeMap, BTreeSet};

use countersign::approval::{Choice, Command, Refusal, Request, Roster, Slot, Status, Transition, decide, satisfiable};
use proptest::prelude::*;

use super::{at, ballot, email, group, request};

const PEOPLE: [&str; 5] = ["ann", "ben", "cat", "dan", "eve"];
const GROUPS: [&str; 3] = ["red", "green", "blue"];

#[derive(Debug, Clone)]
struct World {
    /// Per asked group: how many, and whether shared.
    slots: Vec<(usize, u32, bool)>,
    /// Bit p of entry g: person p is in group g.
    members: [u8; 3],
    requester: usize,
}

#[derive(Debug, Clone)]
enum Step {
    Vote { person: usize, approve: bool, named: Option<usize> },
    Wait(i64),
    Join { person: usize, group: usize },
    Leave { person: usize, group: usize },
    Expire,
    Cancel,
}

fn worlds() -> impl Strategy<Value = World> {
    let slots = prop::collection::btree_map(0..3_usize, (1..3_u32, prop::bool::weighted(0.2)), 1..=3);
    (slots, prop::array::uniform3(0_u8..32), 0..5_usize).prop_map(|(slots, members, requester)| World {
        slots: slots.into_iter().map(|(group, (needed, shared))| (group, needed, shared)).collect(),
        members,
        requester,
    })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        12 => (0..5_usize, prop::bool::weighted(0.9), prop::option::weighted(0.3, 0..3_usize))
            .prop_map(|(person, approve, named)| Step::Vote { person, approve, named }),
        2 => (0..40_i64).prop_map(Step::Wait),
        1 => (0..5_usize, 0..3_usize).prop_map(|(person, group)| Step::Join { person, group }),
        1 => (0..5_usize, 0..3_usize).prop_map(|(person, group)| Step::Leave { person, group }),
        1 => Just(Step::Expire),
        1 => Just(Step::Cancel),
    ];
    prop::collection::vec(step, 1..14)
}

/// What the model remembers: plain facts, in its own terms.
struct Model {
    world: World,
    now: i64,
    status: &'static str,
    /// Person → (what they last said, the groups they could speak for when they said it).
    said: BTreeMap<usize, (bool, BTreeSet<usize>)>,
}

impl Model {
    fn is_member(&self, person: usize, group: usize) -> bool {
        self.world.members[group] >> person & 1 == 1
    }

    fn vote(&mut self, person: usize, approve: bool, named: Option<usize>) -> &'static str {
        let same = self.said.get(&person).is_some_and(|(said, _)| *said == approve);
        if self.status == "expired" {
            return "expired";
        }
        if self.status != "pending" {
            return if same { "ok" } else { "decided" };
        }
        if self.now >= 100 {
            self.status = "expired";
            return "expired";
        }
        if person == self.world.requester {
            return "conflict";
        }
        let asked = self.world.slots.iter().map(|(group, ..)| *group);
        let groups: BTreeSet<usize> =
            asked.filter(|group| self.is_member(person, *group) && named.is_none_or(|named| named == *group)).collect();
        if groups.is_empty() {
            return "not eligible";
        }
        if same {
            return "ok";
        }
        self.said.insert(person, (approve, groups));
        if !approve {
            self.status = "rejected";
        } else if self.everybody_needed_agreed() {
            self.status = "approved";
        }
        "ok"
    }

    /// Tries every way to give each seat to a person who said yes for its group and is in that group still.
    fn everybody_needed_agreed(&self) -> bool {
        let may_sit = |person: usize, group: usize| {
            self.said.get(&person).is_some_and(|(approve, groups)| *approve && groups.contains(&group))
                && self.is_member(person, group)
        };
        let shared = self.world.slots.iter().filter(|(.., shared)| *shared);
        let enough =
            |group: usize, needed: u32| (0..5).filter(|person| may_sit(*person, group)).count() >= needed as usize;
        if !shared.clone().all(|(group, needed, _)| enough(*group, *needed)) {
            return false;
        }
        let seats: Vec<usize> = self
            .world
            .slots
            .iter()
            .filter(|(.., shared)| !shared)
            .flat_map(|(group, needed, _)| std::iter::repeat_n(*group, *needed as usize))
            .collect();
        let ways = 5_usize.pow(u32::try_from(seats.len()).expect("few seats"));
        (0..ways).any(|way| {
            let seated: Vec<usize> =
                (0..seats.len()).map(|seat| way / 5_usize.pow(u32::try_from(seat).expect("few")) % 5).collect();
            let distinct = seated.iter().collect::<BTreeSet<_>>().len() == seated.len();
            distinct && seated.iter().zip(&seats).all(|(person, group)| may_sit(*person, *group))
        })
    }
}

fn roster(members: &[u8; 3]) -> Roster {
    let pairs = (0..3).flat_map(|g| (0..5).map(move |p| (g, p)));
    pairs.filter(|(g, p)| members[*g] >> p & 1 == 1).map(|(g, p)| (group(GROUPS[g]), email(PEOPLE[p]))).collect()
}

fn word(answer: &Result<(), Refusal>) -> &'static str {
    match answer {
        Ok(()) => "ok",
        Err(Refusal::Decided(_)) => "decided",
        Err(Refusal::Expired) => "expired",
        Err(Refusal::Conflict(_)) => "conflict",
        Err(Refusal::NotEligible(_)) => "not eligible",
        Err(other) => panic!("unexpected: {other:?}"),
    }
}

/// Writes down what the core said, as the services do.
fn apply(request: &mut Request, transition: Transition) {
    match transition {
        Transition::None => {}
        Transition::Voted { vote } => request.votes.push(vote),
        Transition::Ended { vote, voids, decision } => {
            assert_eq!(request.status, Status::Pending, "what is final stays");
            request.votes.iter_mut().filter(|vote| voids.contains(&vote.id)).for_each(|vote| vote.voided = true);
            request.votes.extend(vote);
            request.status = decision.outcome;
            request.decision = Some(decision);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn core_and_model_agree(world in worlds(), steps in steps()) {
        let slots = world.slots.iter().map(|(g, needed, shared)| Slot { group: group(GROUPS[*g]), needed: *needed, shared: *shared });
        let mut request = request(slots.collect(), PEOPLE[world.requester]);
        let mut model = Model { world, now: 0, status: "pending", said: BTreeMap::new() };
        for step in steps {
            let (command, expected) = match step {
                Step::Wait(seconds) => { model.now += seconds; continue }
                Step::Join { person, group } => { model.world.members[group] |= 1 << person; continue }
                Step::Leave { person, group } => { model.world.members[group] &= !(1 << person); continue }
                Step::Vote { person, approve, named } => {
                    let mut vote = ballot(PEOPLE[person], if approve { Choice::Approve } else { Choice::Reject });
                    vote.group = named.map(|g| group(GROUPS[g]));
                    (Command::Vote(vote), model.vote(person, approve, named))
                }
                Step::Expire => {
                    if model.status == "pending" && model.now >= 100 { model.status = "expired"; }
                    (Command::Expire, "ok")
                }
                Step::Cancel => {
                    let expected = match model.status {
                        "pending" if model.now >= 100 => { model.status = "expired"; "expired" }
                        "pending" => { model.status = "cancelled"; "ok" }
                        "cancelled" => "ok",
                        "expired" => "expired",
                        _ => "decided",
                    };
                    (Command::Cancel { by: None, reason: None }, expected)
                }
            };
            let verdict = decide(&request, command, &roster(&model.world.members), at(model.now));
            prop_assert_eq!(word(&verdict.answer), expected);
            apply(&mut request, verdict.transition);
            prop_assert_eq!(request.status.as_str(), model.status);
            let own = request.votes.iter().any(|vote| request.requester.is(&vote.voter));
            prop_assert!(!own, "the requester's vote is never kept");
        }
    }

    #[test]
    fn satisfiable_means_that_there_is_a_way_to_approve(world in worlds()) {
        let slots: Vec<Slot> = world.slots.iter().map(|(g, needed, shared)| Slot { group: group(GROUPS[*g]), needed: *needed, shared: *shared }).collect();
        let requester = email(PEOPLE[world.requester]);
        let all = |model: &Model, person: usize| {
            model.world.slots.iter().map(|(g, ..)| *g).filter(|g| model.is_member(person, *g)).collect::<BTreeSet<_>>()
        };
        let mut model = Model { world, now: 0, status: "pending", said: BTreeMap::new() };
        for person in (0..5).filter(|person| *person != model.world.requester) {
            let groups = all(&model, person);
            model.said.insert(person, (true, groups));
        }
        let found = satisfiable(&slots, &roster(&model.world.members), |person| *person == requester);
        prop_assert_eq!(found, model.everybody_needed_agreed());
    }
}

/// More in the long run: `PROPTEST_CASES=100000`.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(3_000)
}
