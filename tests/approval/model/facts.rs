//! The model: plain facts, and the rules applied to them in the most direct way.

use super::picture::{ModelSlot, ModelVote, Picture, asked};
use super::worlds::{END, FRESH, GROUPS, PEOPLE, Rule, Step, Vote, WINDOW, World};

pub(super) struct Facts {
    world: World,
    now: i64,
    seen: Picture,
}

fn bit(number: usize) -> u8 {
    1 << number
}

impl Facts {
    pub(super) fn new(world: &World) -> Self {
        let slots = world.slots.iter().map(|slot| asked(*slot)).collect();
        let seen = Picture {
            status: "pending",
            decision: None,
            payload: 0,
            revision: 1,
            slots,
            votes: Vec::new(),
            undecidable: false,
            successor: None,
            progress: (0, 0, 0),
            next_notice: None,
        };
        Self { world: world.clone(), now: 0, seen }
    }

    pub(super) fn picture(&self) -> Picture {
        let world = &self.world;
        let reminder = world.reminders.get(self.seen.progress.0);
        let step = world.escalation.get(self.seen.progress.1).map(|(after, ..)| after);
        let next = reminder.into_iter().chain(step).map(|after| i64::from(*after)).filter(|after| *after < END).min();
        Picture { next_notice: next, ..self.seen.clone() }
    }

    /// Applies a step and returns the expected answer.
    pub(super) fn apply(&mut self, step: &Step) -> &'static str {
        match *step {
            Step::Wait(seconds) => self.now += seconds,
            Step::Join { person, group } => {
                self.world.members[group] |= bit(person);
                self.world.by_sign_in[group] &= !bit(person);
            }
            Step::SignIn { person } => self.world.fresh_until[person] = self.now + FRESH,
            Step::Leave { person, group } => self.world.members[group] &= !bit(person),
            Step::Away { person, stand_in } => self.world.stand_ins[person] = stand_in,
            _ if self.seen.status == "pending" && self.now >= END => {
                self.end("expired", "timeout", Vec::new());
                return if matches!(step, Step::Expire | Step::Recheck | Step::Advance) { "ok" } else { "expired" };
            }
            _ if self.seen.status != "pending" => return self.too_late(step),
            Step::Vote(ref vote) => return self.vote(vote),
            Step::Revise { payload, stale } => return self.revise(payload, stale),
            Step::Recheck => self.recheck(),
            Step::Advance => self.advance(),
            Step::Expire => {}
            Step::Cancel => self.end("cancelled", "cancellation", Vec::new()),
            Step::Supersede { successor } => {
                self.seen.successor = Some(successor);
                self.end("superseded", "replacement", Vec::new());
            }
            Step::BreakGlass { person, reasoned, recent } => return self.break_glass(person, reasoned, recent),
        }
        "ok"
    }

    fn end(&mut self, status: &'static str, method: &'static str, by: Vec<usize>) {
        self.seen.status = status;
        self.seen.decision = Some((method, by));
        self.seen.undecidable = false;
    }

    /// The expected answer after the request has ended.
    fn too_late(&mut self, step: &Step) -> &'static str {
        let status = self.seen.status;
        match *step {
            Step::Expire | Step::Recheck | Step::Advance => "ok",
            Step::Cancel if status == "cancelled" => "ok",
            Step::Supersede { successor } if status != "approved" => {
                if self.seen.successor.is_some_and(|other| other != successor) {
                    return "replaced";
                }
                self.seen.successor = Some(successor);
                "ok"
            }
            _ if status == "expired" => "expired",
            Step::Vote(ref vote) => {
                let asks_for_another = vote.payload.is_some_and(|payload| payload != self.seen.payload);
                let fits = |kept: &&ModelVote| {
                    vote.behalf.is_none_or(|behalf| behalf == kept.seat)
                        && vote.named.is_none_or(|named| kept.groups & bit(named) != 0)
                };
                let known = self.live().filter(|kept| kept.voter == vote.person).find(fits);
                let same = known.is_some_and(|kept| kept.covers(vote)) && !vote.stale;
                if same && !asks_for_another { "ok" } else { "decided" }
            }
            _ => "decided",
        }
    }

    fn is_barred(&self, person: usize) -> bool {
        let world = &self.world;
        let others = [world.acting_for, world.beneficiary, world.token_owner];
        let asks = person == world.requester || others.contains(&Some(person));
        world.conflicted & bit(person) != 0 || (asks && !world.self_approval)
    }

    fn is_in(&self, person: usize, group: usize) -> bool {
        self.world.members[group] & bit(person) != 0
    }

    /// Whether the person is in the group, and listed there or signed in not long ago.
    fn is_fresh(&self, person: usize, group: usize) -> bool {
        let ages = self.world.by_sign_in[group] & bit(person) != 0;
        self.is_in(person, group) && (!ages || self.now < self.world.fresh_until[person])
    }

    fn may_fill(&self, person: usize, slot: &ModelSlot) -> bool {
        self.is_in(person, slot.group) || slot.also.iter().any(|group| self.is_in(person, *group))
    }

    /// The slots that the person may fill, limited to the named one if there is one.
    fn slots_of(&self, person: usize, slots: &[ModelSlot], named: Option<usize>) -> u8 {
        let mine = slots.iter().filter(|slot| self.may_fill(person, slot));
        mine.filter(|slot| named.is_none_or(|named| named == slot.group)).map(|slot| bit(slot.group)).sum()
    }

    /// The same without old memberships: the slots that the person may vote for now.
    fn fresh_slots_of(&self, person: usize, slots: &[ModelSlot], named: Option<usize>) -> u8 {
        let is_fresh = |slot: &&ModelSlot| {
            self.is_fresh(person, slot.group) || slot.also.iter().any(|group| self.is_fresh(person, *group))
        };
        let mine = self.slots_of(person, slots, named);
        slots.iter().filter(is_fresh).map(|slot| bit(slot.group) & mine).sum()
    }

    fn live(&self) -> impl Iterator<Item = &ModelVote> {
        self.seen.votes.iter().filter(|kept| kept.void.is_none())
    }

    /// Whether the member whose vote it is may still fill one of the slots that the vote counts for.
    fn holds(&self, kept: &ModelVote) -> bool {
        kept.groups & self.slots_of(kept.seat, &self.seen.slots, None) != 0
    }

    /// The seat that the person votes with, or why there is none.
    fn seat(&self, vote: &Vote, fresh: bool) -> Result<usize, &'static str> {
        let has_slot = |person: usize| match fresh {
            true => self.fresh_slots_of(person, &self.seen.slots, vote.named) != 0,
            false => self.slots_of(person, &self.seen.slots, vote.named) != 0,
        };
        if vote.behalf.is_none() && has_slot(vote.person) {
            return Ok(vote.person);
        }
        let is_away = |absent: &usize| self.world.stand_ins[*absent] == Some(vote.person);
        let is_meant = |absent: &usize| vote.behalf.is_none_or(|behalf| behalf == *absent);
        let mut why_not = "not eligible";
        for absent in (0..PEOPLE).filter(is_away).filter(is_meant).filter(|absent| has_slot(*absent)) {
            let used = self.live().any(|kept| kept.seat == absent && kept.voter != vote.person && self.holds(kept));
            match (vote.approve && self.is_barred(absent), used) {
                (true, _) => why_not = "conflict",
                (_, true) => why_not = "seat taken",
                _ => return Ok(absent),
            }
        }
        Err(why_not)
    }

    fn vote(&mut self, vote: &Vote) -> &'static str {
        if vote.stale {
            return "stale";
        }
        if vote.link && self.world.strict {
            return "unsure";
        }
        // A conflict of interest does not prevent a rejection.
        if vote.approve && self.is_barred(vote.person) {
            return "conflict";
        }
        let (seat, is_old) = match (self.seat(vote, true), self.seat(vote, false)) {
            (Ok(seat), _) => (seat, false),
            (Err(_), Ok(seat)) => (seat, true),
            (Err(why_not), Err(_)) => return why_not,
        };
        let other = vote.payload.filter(|payload| *payload != self.seen.payload);
        let is_theirs = |kept: &&ModelVote| (kept.voter, kept.seat, kept.approve) == (vote.person, seat, vote.approve);
        let before = self.live().filter(is_theirs).find(|kept| self.holds(kept)).filter(|_| other.is_none()).cloned();
        let asked = match is_old {
            true => self.slots_of(seat, &self.seen.slots, vote.named),
            false => self.fresh_slots_of(seat, &self.seen.slots, vote.named),
        };
        if before.as_ref().is_some_and(|kept| kept.covers(vote) && asked & !kept.groups == 0) {
            return "ok";
        }
        if is_old {
            return "old";
        }
        if vote.window.is_some_and(|window| !vote.approve || !self.world.access || window > WINDOW) {
            return "widened";
        }
        let change = other.filter(|_| vote.approve);
        let slots = match change.map_or(Ok(self.seen.slots.clone()), |payload| self.slots_for(payload)) {
            Ok(slots) => slots,
            Err(why_not) => return why_not,
        };
        let mut groups = self.fresh_slots_of(seat, &slots, vote.named);
        if groups == 0 {
            return "not eligible";
        }
        // A vote that only adds a slot or changes the window keeps the earlier slots and reason.
        groups |= before.as_ref().map_or(0, |kept| kept.groups);
        let why = vote.why.or(before.and_then(|kept| kept.why));
        match change {
            Some(payload) => self.change(payload, slots),
            None => self.make_way(vote.person, seat),
        }
        let (voter, approve, revision, window) = (vote.person, vote.approve, self.seen.revision, vote.window);
        self.seen.votes.push(ModelVote { voter, seat, approve, groups, revision, window, why, void: None });
        self.count(approve);
        "ok"
    }

    /// Ends the request when enough people agree.
    fn count(&mut self, approve: bool) {
        let alike: Vec<ModelVote> = self.live().filter(|kept| kept.approve == approve).cloned().collect();
        let mut by: Vec<usize> = alike.iter().map(|kept| kept.voter).collect();
        by.sort_unstable();
        if !approve && by.len() >= self.world.reject_needed as usize {
            self.end("rejected", "votes", by);
        } else if approve {
            let agreed = |person: usize, slot: &ModelSlot| {
                alike.iter().any(|kept| kept.seat == person && kept.groups & bit(slot.group) != 0)
            };
            if self.can_be_filled(&self.seen.slots, agreed) {
                self.end("approved", "votes", by);
            }
        }
    }

    /// Voids the votes that a vote by `person` with the seat of `seat` replaces.
    fn make_way(&mut self, person: usize, seat: usize) {
        self.void_lapsed();
        for kept in self.seen.votes.iter_mut().filter(|kept| kept.void.is_none()) {
            if kept.voter == person {
                kept.void = Some("changed_mind");
            } else if kept.seat == seat {
                kept.void = Some("taken_over");
            }
        }
    }

    fn void_lapsed(&mut self) {
        let lapsed: Vec<bool> = self.seen.votes.iter().map(|kept| kept.void.is_none() && !self.holds(kept)).collect();
        for (kept, _) in self.seen.votes.iter_mut().zip(lapsed).filter(|(_, lapsed)| *lapsed) {
            kept.void = Some("left_group");
        }
    }

    /// The slots that the rules require for another payload.
    fn slots_for(&self, payload: usize) -> Result<Vec<ModelSlot>, &'static str> {
        let mut slots: Vec<ModelSlot> = self.world.slots.iter().map(|slot| asked(*slot)).collect();
        for slot in &mut slots {
            let known = self.seen.slots.iter().find(|known| known.group == slot.group);
            slot.also = known.expect("a slot of the policy stays").also.clone();
        }
        match self.world.rules[payload] {
            Rule::Denies => return Err("denied"),
            Rule::Silent | Rule::Allows => {}
            Rule::Asks(group, needed, shared) => match slots.iter_mut().find(|slot| slot.group == group) {
                Some(slot) => (slot.needed, slot.shared) = (slot.needed.max(needed), slot.shared && shared),
                None => slots.push(asked((group, needed, shared))),
            },
        }
        let anybody = |person: usize, _: &ModelSlot| !self.is_barred(person);
        if self.can_be_filled(&slots, anybody) { Ok(slots) } else { Err("unsatisfiable") }
    }

    fn change(&mut self, payload: usize, slots: Vec<ModelSlot>) {
        (self.seen.payload, self.seen.slots) = (payload, slots);
        self.seen.revision += 1;
        self.seen.undecidable = false;
        self.seen.votes.iter_mut().filter(|kept| kept.void.is_none()).for_each(|kept| kept.void = Some("revised"));
    }

    fn revise(&mut self, payload: usize, stale: bool) -> &'static str {
        if stale {
            return "stale";
        }
        if payload == self.seen.payload {
            return "nothing changed";
        }
        match self.slots_for(payload) {
            Ok(slots) => self.change(payload, slots),
            Err(why_not) => return why_not,
        }
        "ok"
    }

    fn recheck(&mut self) {
        self.void_lapsed();
        self.seen.undecidable = !self.could_be_approved();
    }

    /// Whether the eligible people who have not rejected could fill every slot.
    pub(super) fn could_be_approved(&self) -> bool {
        let said_no = |person: usize| self.live().any(|kept| kept.seat == person && !kept.approve);
        self.can_be_filled(&self.seen.slots, |person, _| !self.is_barred(person) && !said_no(person))
    }

    /// Tries every way to seat the `willing` people.
    fn can_be_filled(&self, slots: &[ModelSlot], willing: impl Fn(usize, &ModelSlot) -> bool) -> bool {
        let sitters = |slot: &ModelSlot| -> u8 {
            let may = |person: &usize| self.may_fill(*person, slot) && willing(*person, slot);
            (0..PEOPLE).filter(may).map(bit).sum()
        };
        let (shared, apart): (Vec<_>, Vec<_>) = slots.iter().partition(|slot| slot.shared);
        let seats: Vec<u8> =
            apart.iter().flat_map(|slot| std::iter::repeat_n(sitters(slot), slot.needed as usize)).collect();
        shared.iter().all(|slot| sitters(slot).count_ones() >= slot.needed) && can_sit(&seats, 0)
    }

    fn advance(&mut self) {
        let is_over = |after: &u32| i64::from(*after) <= self.now;
        let reminders = self.world.reminders.iter().filter(|after| is_over(after)).count();
        let steps: Vec<_> = self.world.escalation.iter().filter(|(after, ..)| is_over(after)).copied().collect();
        let progress = &mut self.seen.progress;
        progress.2 += usize::from(reminders > progress.0);
        let added: Vec<_> = steps[progress.1..].iter().map(|(_, slot, add)| (*slot, *add)).collect();
        (progress.0, progress.1) = (reminders, steps.len());
        for (slot, add) in added {
            let slot =
                self.seen.slots.iter_mut().find(|known| known.group == slot).expect("a slot of the policy stays");
            if !slot.also.contains(&add) {
                slot.also.push(add);
            }
        }
    }

    fn break_glass(&mut self, person: usize, reasoned: bool, recent: u32) -> &'static str {
        let Some((groups, per_day)) = self.world.glass else { return "no right" };
        let has_right = |group: &usize| groups & bit(*group) != 0 && self.is_in(person, *group);
        if !(0..GROUPS).any(|group| has_right(&group)) {
            return "no right";
        }
        if !(0..GROUPS).filter(has_right).any(|group| self.is_fresh(person, group)) {
            return "old";
        }
        match (reasoned, recent < per_day) {
            (false, _) => "no reason",
            (true, false) => "too often",
            (true, true) => {
                self.end("approved", "break_glass", vec![person]);
                "ok"
            }
        }
    }
}

/// Whether each seat can be filled by one of its possible people, each of whom sits only once.
fn can_sit(seats: &[u8], seated: u8) -> bool {
    let [first, others @ ..] = seats else { return true };
    (0..PEOPLE).map(bit).any(|person| first & person != 0 && seated & person == 0 && can_sit(others, seated | person))
}
