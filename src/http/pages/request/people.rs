//! The people of a request, as its page names them.

use std::collections::BTreeMap;

use crate::approval::{Choice, Email};
use crate::http::pages::reader::Reader;
use crate::http::pages::time::PageTime;
use crate::hub::{PersonExplanation, RequestView, SlotExplanation, VoteView, YourPart};

/// Most people of a slot that are shown.
const SHOWN: usize = 20;

/// How people are called.
pub(super) struct Names {
    known: BTreeMap<Email, String>,
    you: Email,
}

impl Names {
    pub(super) fn new(known: BTreeMap<Email, String>, you: &Email) -> Self {
        Self { known, you: you.clone() }
    }

    pub(super) fn is_you(&self, person: &Email) -> bool {
        *person == self.you
    }

    /// The display name, or the address.
    pub(super) fn name(&self, person: &Email) -> String {
        self.known.get(person).filter(|name| !name.trim().is_empty()).cloned().unwrap_or_else(|| person.to_string())
    }

    /// The display name with the address, if they differ.
    pub(super) fn with_address(&self, person: &Email) -> String {
        let name = self.name(person);
        if name == person.as_str() { name } else { format!("{name} ({person})") }
    }

    /// The same, and `you` for the reader.
    pub(super) fn or_you(&self, person: &Email) -> String {
        if self.is_you(person) { "you".to_owned() } else { self.name(person) }
    }

    /// `Dana Reyes, Erik Holm and you`.
    pub(super) fn all<'e>(&self, people: impl IntoIterator<Item = &'e Email>) -> String {
        joined(&people.into_iter().map(|person| self.or_you(person)).collect::<Vec<_>>())
    }
}

/// A sentence's list: `a, b and c`.
pub(super) fn joined(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Why the reader is asked.
pub(super) fn why_asked(you: &YourPart, names: &Names) -> Option<String> {
    if you.may_only_reject {
        return None;
    }
    let own: Vec<String> =
        you.seats.iter().filter(|seat| seat.on_behalf_of.is_none()).map(|seat| seat.group.to_string()).collect();
    let for_others = you.seats.iter().filter_map(|seat| {
        let absent = seat.on_behalf_of.as_ref()?;
        Some(format!("stand in for {} in {}", names.name(absent), seat.group))
    });
    let own = (!own.is_empty()).then(|| format!("are in {}", joined(&own)));
    let reasons: Vec<String> = own.into_iter().chain(for_others).collect();
    (!reasons.is_empty()).then(|| format!("You are asked because you {}", joined(&reasons)))
}

/// A slot with its people.
pub(super) struct PersonSlot {
    pub(super) group: String,
    pub(super) also: String,
    pub(super) approved: u32,
    pub(super) needed: u32,
    pub(super) people: Vec<PersonLine>,
    /// How many more people could fill it.
    pub(super) more: usize,
}

/// A person of a slot.
pub(super) struct PersonLine {
    pub(super) icon: &'static str,
    /// `You` for the reader.
    pub(super) name: String,
    pub(super) is_you: bool,
    pub(super) address: String,
    /// What follows the name.
    pub(super) text: String,
    pub(super) at: Option<PageTime>,
    pub(super) after: String,
}

/// The slots with those who voted, can vote, and may not. Once it is decided, with those who voted.
pub(super) fn slots_shown(
    request: &RequestView,
    slots: &[SlotExplanation],
    names: &Names,
    reader: &Reader,
) -> Vec<PersonSlot> {
    let is_over = request.decision.is_some();
    let of_slot = |slot: &SlotExplanation| {
        let voted = |person: &PersonExplanation| vote_of(request, &person.email);
        let mut people: Vec<&PersonExplanation> =
            slot.people.iter().filter(|person| !is_over || voted(person).is_some()).collect();
        people.sort_by_key(|person| (rank(person, voted(person).is_some(), names), person.name.clone()));
        PersonSlot {
            group: slot.group.to_string(),
            also: slot.also.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
            approved: slot.approved,
            needed: slot.needed,
            more: people.len().saturating_sub(SHOWN),
            people: people
                .into_iter()
                .take(SHOWN)
                .map(|person| PersonLine::new(person, voted(person), names, reader))
                .collect(),
        }
    };
    slots.iter().map(of_slot).collect()
}

/// Who voted first, then the reader, then those who can, then the rest.
fn rank(person: &PersonExplanation, voted: bool, names: &Names) -> u8 {
    match (voted, names.is_you(&person.email), person.can_decide && !person.away) {
        (true, _, _) => 0,
        (false, true, _) => 1,
        (false, false, true) => 2,
        (false, false, false) => 3,
    }
}

fn vote_of<'r>(request: &'r RequestView, seat: &Email) -> Option<&'r VoteView> {
    request.votes.iter().find(|vote| !vote.voided && vote.on_behalf_of.as_ref().unwrap_or(&vote.person) == seat)
}

impl PersonLine {
    fn new(person: &PersonExplanation, vote: Option<&VoteView>, names: &Names, reader: &Reader) -> Self {
        let is_you = names.is_you(&person.email);
        let line = |icon, text: &str| Self {
            icon,
            name: if is_you { "You".to_owned() } else { person.name.clone() },
            is_you,
            address: person.email.to_string(),
            text: text.to_owned(),
            at: None,
            after: String::new(),
        };
        if let Some(vote) = vote {
            let (icon, verb) = match vote.decision {
                Choice::Approve => ("check", "approved"),
                Choice::Reject => ("cross", "rejected"),
            };
            let stand_in = vote.on_behalf_of.as_ref().map(|_| format!(", through {}", names.or_you(&vote.person)));
            return Self {
                at: Some(reader.time(vote.at)),
                after: stand_in.unwrap_or_default(),
                ..line(icon, &format!("{verb} at"))
            };
        }
        let deputy = person.delegate.as_ref().map(|delegate| format!("; {}", stands_in(names, delegate)));
        match (person.away, person.why_not) {
            (_, Some("requester")) if is_you => line("cross", "may not: you made the request, or it is for you"),
            (_, Some("requester")) => line("cross", "may not: made the request, or it is for them"),
            (_, Some("conflict")) => line("cross", "may not: the resource excludes them"),
            (true, _) => Self {
                at: person.away_until.map(|until| reader.time(until)),
                after: deputy.unwrap_or_default(),
                ..line(
                    "away",
                    match (is_you, person.away_until.is_some()) {
                        (true, true) => "are away until",
                        (true, false) => "are away",
                        (false, true) => "is away until",
                        (false, false) => "is away",
                    },
                )
            },
            (_, Some("sign_in")) if is_you => line("wait", "can, after you sign in again"),
            (_, Some("sign_in")) => line("wait", "can, after another sign-in"),
            _ => line("wait", "can"),
        }
    }
}

/// `you stand in`, `Olga Petrova stands in`.
fn stands_in(names: &Names, person: &Email) -> String {
    format!("{} stand{} in", names.or_you(person), if names.is_you(person) { "" } else { "s" })
}
