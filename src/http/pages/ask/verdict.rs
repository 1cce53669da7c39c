//! What would happen to an ask, in words.

use std::collections::BTreeSet;

use crate::approval::{Effect, Finding};
use crate::channels::text::Listing;
use crate::http::pages::reader::Reader;
use crate::hub::{Evaluation, EvaluationOutcome, PersonExplanation, SlotExplanation};

/// Most people of a group that are named.
const NAMED: usize = 12;

/// What would happen.
pub(super) struct Verdict {
    /// A CSS class.
    pub(super) mood: &'static str,
    pub(super) headline: String,
    pub(super) text: Option<String>,
    pub(super) slots: Vec<Slot>,
    pub(super) findings: Vec<FindingShown>,
    /// Whether the command is ambiguous.
    pub(super) unclear: bool,
}

/// A group that would be asked.
pub(super) struct Slot {
    pub(super) group: String,
    pub(super) needed: u32,
    pub(super) people: Vec<Candidate>,
    /// How many more there are.
    pub(super) more: usize,
}

/// A person of a group.
pub(super) struct Candidate {
    pub(super) name: String,
    /// Why they cannot decide, or who stands in.
    pub(super) note: Option<String>,
}

/// What a rule says about a statement.
pub(super) struct FindingShown {
    pub(super) statement: Listing,
    pub(super) rule: Option<String>,
    pub(super) says: String,
}

impl Verdict {
    pub(super) fn new(evaluation: Evaluation, reader: &Reader) -> Self {
        let (mood, headline, text) = words(&evaluation);
        let slot = |slot: &SlotExplanation| Slot {
            group: slot.group.to_string(),
            needed: slot.needed,
            more: slot.people.len().saturating_sub(NAMED),
            people: slot.people.iter().take(NAMED).map(|person| candidate(person, reader)).collect(),
        };
        let finding = |finding: &Finding| FindingShown {
            statement: Listing::of(&finding.statement),
            says: says(finding.effect, &finding.unknown_functions),
            rule: finding.rule.as_ref().map(ToString::to_string),
        };
        Self {
            mood,
            headline,
            text: text.filter(|text| !text.trim().is_empty()),
            slots: evaluation.slots.iter().map(slot).collect(),
            findings: evaluation.findings.iter().map(finding).collect(),
            unclear: evaluation.unclear,
        }
    }
}

/// A CSS class, the headline, and a sentence more.
fn words(evaluation: &Evaluation) -> (&'static str, String, Option<String>) {
    let reason = || Some(evaluation.reason.clone());
    match evaluation.outcome {
        EvaluationOutcome::NotVisible => ("no", "You may not ask about this".to_owned(), reason()),
        EvaluationOutcome::Denied => {
            let by = evaluation.rule.as_ref().map(|rule| format!("Rule {rule} denies it"));
            ("no", by.unwrap_or_else(|| "It is denied".to_owned()), reason())
        }
        EvaluationOutcome::Direct => {
            let text = match (&evaluation.rule, &evaluation.exempt_group) {
                (Some(rule), _) => Some(format!("Rule {rule} allows it.")),
                (None, Some(group)) => Some(format!("You are in {group}, which needs no approval here.")),
                (None, None) => reason(),
            };
            ("yes", "Approved at once, nobody is asked".to_owned(), text)
        }
        EvaluationOutcome::NeedsApproval if !evaluation.satisfiable => {
            let text = "It would be refused. Somebody has to be added to the groups below; you do not count.";
            ("no", "Too few people could approve it".to_owned(), Some(text.to_owned()))
        }
        EvaluationOutcome::NeedsApproval => {
            let people = evaluation.slots.iter().flat_map(|slot| &slot.people);
            let able: BTreeSet<_> = people.filter(|person| person.can_decide).map(|person| &person.email).collect();
            let headline = match able.len() {
                1 => "1 person would be asked".to_owned(),
                count => format!("{count} people would be asked"),
            };
            let again: Vec<String> = evaluation.needs_sign_in.iter().take(NAMED).map(ToString::to_string).collect();
            let text = (!again.is_empty()).then(|| format!("Needs a new sign-in of {}.", again.join(" or ")));
            ("", headline, text)
        }
    }
}

fn candidate(person: &PersonExplanation, reader: &Reader) -> Candidate {
    let note = match person.why_not {
        Some("requester") => Some("may not: on the asking side".to_owned()),
        Some("conflict") => Some("may not: conflict of interest".to_owned()),
        Some("sign_in") => Some("has to sign in again first".to_owned()),
        Some(other) => Some(other.to_owned()),
        None if person.away => {
            let until = person.away_until.map(|at| format!(" until {}", reader.time(at).shown)).unwrap_or_default();
            let by = person.delegate.as_ref().map(|delegate| format!("; {delegate} stands in")).unwrap_or_default();
            Some(format!("away{until}{by}"))
        }
        None => None,
    };
    Candidate { name: person.name.clone(), note }
}

fn says(effect: Option<Effect>, unknown: &[String]) -> String {
    match effect {
        Some(Effect::Deny) => "denies it".to_owned(),
        Some(Effect::Allow) => "allows it".to_owned(),
        Some(Effect::Require) => "requires approval".to_owned(),
        None if unknown.is_empty() => "no rule decides it".to_owned(),
        None => format!("no rule decides it: not known to be harmless: {}", unknown.join(", ")),
    }
}
