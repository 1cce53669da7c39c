//! The random worlds, and the steps that happen in them.

use proptest::prelude::*;

pub(super) const PEOPLE: usize = 5;
pub(super) const GROUPS: usize = 4;
pub(super) const PAYLOADS: usize = 3;
/// The deadline, in seconds.
pub(super) const END: i64 = 100;
/// How long a membership by a sign-in is fresh, in seconds.
pub(super) const FRESH: i64 = 30;
/// The duration of the access that is requested, in seconds.
pub(super) const WINDOW: u32 = 600;

/// People, groups and payloads by number. Payload 0 is the one requested at first. Sets are bits of a byte.
#[derive(Debug, Clone)]
pub(super) struct World {
    /// Group, number of approvals needed, and whether the slot is shared.
    pub(super) slots: Vec<(usize, u32, bool)>,
    /// The members of each group, as bits.
    pub(super) members: [u8; GROUPS],
    /// Those of them who are members by a sign-in, as bits.
    pub(super) by_sign_in: [u8; GROUPS],
    /// The time when each person's membership by a sign-in gets old.
    pub(super) fresh_until: [i64; PEOPLE],
    /// The stand-in of each person.
    pub(super) stand_ins: [Option<usize>; PEOPLE],
    pub(super) requester: usize,
    pub(super) acting_for: Option<usize>,
    pub(super) beneficiary: Option<usize>,
    /// The owner of the token that asked.
    pub(super) token_owner: Option<usize>,
    pub(super) conflicted: u8,
    pub(super) self_approval: bool,
    pub(super) reject_needed: u32,
    /// Whether the request is for access during `WINDOW` seconds instead of for an action.
    pub(super) access: bool,
    /// Whether the policy requires more assurance than a link.
    pub(super) strict: bool,
    /// Times of the reminders.
    pub(super) reminders: Vec<u32>,
    /// Time, slot and group of each escalation step.
    pub(super) escalation: Vec<(u32, usize, usize)>,
    /// The groups with the break-glass right, and how often a day it may be used.
    pub(super) glass: Option<(u8, u32)>,
    /// The ruling for each payload.
    pub(super) rules: [Rule; PAYLOADS],
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Rule {
    Silent,
    Denies,
    Allows,
    /// Adds a slot.
    Asks(usize, u32, bool),
}

#[derive(Debug, Clone)]
pub(super) enum Step {
    Vote(Vote),
    Revise {
        payload: usize,
        stale: bool,
    },
    Wait(i64),
    Join {
        person: usize,
        group: usize,
    },
    Leave {
        person: usize,
        group: usize,
    },
    /// The person signs in: memberships by sign-ins are fresh again.
    SignIn {
        person: usize,
    },
    Away {
        person: usize,
        stand_in: Option<usize>,
    },
    Recheck,
    Advance,
    Expire,
    Cancel,
    Supersede {
        successor: usize,
    },
    BreakGlass {
        person: usize,
        reasoned: bool,
        recent: u32,
    },
}

#[derive(Debug, Clone)]
pub(super) struct Vote {
    pub(super) person: usize,
    pub(super) approve: bool,
    /// The slot that the voter names.
    pub(super) named: Option<usize>,
    /// The member whose seat the voter names.
    pub(super) behalf: Option<usize>,
    /// The changed payload that the voter approves instead.
    pub(super) payload: Option<usize>,
    /// Whether the voter saw another revision.
    pub(super) stale: bool,
    /// Whether the vote has only the assurance of a link.
    pub(super) link: bool,
    /// The window that the voter narrows to.
    pub(super) window: Option<u32>,
    /// The reason, by number.
    pub(super) why: Option<usize>,
}

fn person() -> impl Strategy<Value = usize> {
    0..PEOPLE
}

fn group() -> impl Strategy<Value = usize> {
    0..GROUPS
}

fn rarely(person: impl Strategy<Value = usize>) -> impl Strategy<Value = Option<usize>> {
    prop::option::weighted(0.1, person)
}

fn slots() -> impl Strategy<Value = Vec<(usize, u32, bool)>> {
    let needed = prop_oneof![2 => Just(1_u32), 3 => Just(2), 1 => Just(3)];
    let slot = (needed, prop::bool::weighted(0.2));
    prop::collection::btree_map(group(), slot, 1..=3)
        .prop_map(|slots| slots.into_iter().map(|(group, (needed, shared))| (group, needed, shared)).collect())
}

fn rule() -> impl Strategy<Value = Rule> {
    prop_oneof![
        3 => Just(Rule::Silent),
        1 => Just(Rule::Denies),
        1 => Just(Rule::Allows),
        3 => (group(), 1..3_u32, any::<bool>()).prop_map(|(group, needed, shared)| Rule::Asks(group, needed, shared)),
    ]
}

/// Makes each person a member of a group more often than not.
fn members() -> impl Strategy<Value = u8> {
    (0_u8..32, 0_u8..32).prop_map(|(some, more)| some | more)
}

/// Escalation steps for existing slots, in the order of their times.
fn escalation(slots: &[(usize, u32, bool)], wanted: Vec<(u32, usize, usize)>) -> Vec<(u32, usize, usize)> {
    let mut steps: Vec<_> = wanted
        .into_iter()
        .map(|(after, slot, add)| (after, slots[slot % slots.len()].0, add))
        .filter(|(_, slot, add)| slot != add)
        .collect();
    steps.sort_unstable();
    steps
}

pub(super) fn worlds() -> impl Strategy<Value = World> {
    let people = (
        (prop::array::uniform4(members()), prop::array::uniform4(0_u8..32), prop::array::uniform5(0..2 * FRESH)),
        prop::array::uniform5(prop::option::weighted(0.4, person())),
        person(),
        rarely(person()),
        rarely(person()),
        rarely(person()),
        prop_oneof![3 => Just(0_u8), 1 => (0..PEOPLE).prop_map(|person| 1 << person)],
    );
    let policy = (
        prop::bool::weighted(0.3),
        prop_oneof![2 => Just(1_u32), 2 => Just(2), 1 => Just(3)],
        prop::bool::weighted(0.2),
        prop::collection::btree_set(1..110_u32, 0..3),
        prop::collection::vec((1..110_u32, 0..3_usize, group()), 0..3),
        prop::option::of((1_u8..16, 1..3_u32)),
        prop::array::uniform3(rule()),
        any::<bool>(),
    );
    (slots(), people, policy).prop_map(|(slots, people, policy)| {
        let (members, stand_ins, requester, acting_for, beneficiary, token_owner, conflicted) = people;
        let (members, by_sign_in, fresh_until) = members;
        let (self_approval, reject_needed, strict, reminders, steps, glass, rules, access) = policy;
        let escalation = escalation(&slots, steps);
        let reminders = reminders.into_iter().collect();
        World {
            slots,
            members,
            by_sign_in,
            fresh_until,
            stand_ins,
            requester,
            acting_for,
            beneficiary,
            token_owner,
            conflicted,
            self_approval,
            reject_needed,
            access,
            strict,
            reminders,
            escalation,
            glass,
            rules,
        }
    })
}

fn vote() -> impl Strategy<Value = Vote> {
    (
        person(),
        prop::bool::weighted(0.75),
        prop::option::weighted(0.12, group()),
        prop::option::weighted(0.15, person()),
        prop::option::weighted(0.12, 0..PAYLOADS),
        prop::bool::weighted(0.03),
        prop::bool::weighted(0.1),
        prop::option::weighted(0.2, prop::sample::select(vec![60, WINDOW, WINDOW + 1])),
        prop::option::weighted(0.2, 0..2_usize),
    )
        .prop_map(|(person, approve, named, behalf, payload, stale, link, window, why)| Vote {
            person,
            approve,
            named,
            behalf,
            payload,
            stale,
            link,
            window,
            why,
        })
}

/// Steps that end a request permanently are rare, so that something happens before.
pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let revise = (0..PAYLOADS, prop::bool::weighted(0.1));
    let step = prop_oneof![
        100 => vote().prop_map(Step::Vote),
        7 => revise.prop_map(|(payload, stale)| Step::Revise { payload, stale }),
        14 => (1..45_i64).prop_map(Step::Wait),
        6 => (person(), group()).prop_map(|(person, group)| Step::Join { person, group }),
        14 => (person(), group()).prop_map(|(person, group)| Step::Leave { person, group }),
        8 => person().prop_map(|person| Step::SignIn { person }),
        6 => (person(), prop::option::weighted(0.8, person()))
            .prop_map(|(person, stand_in)| Step::Away { person, stand_in }),
        14 => Just(Step::Recheck),
        12 => Just(Step::Advance),
        3 => Just(Step::Expire),
        1 => Just(Step::Cancel),
        2 => (0..2_usize).prop_map(|successor| Step::Supersede { successor }),
        4 => (person(), any::<bool>(), 0..3_u32)
            .prop_map(|(person, reasoned, recent)| Step::BreakGlass { person, reasoned, recent }),
    ];
    prop::collection::vec(step, 1..24)
}
