//! What a policy would do, as its pages show it.

use crate::channels::text::one_line;
use crate::http::pages::settings::text::joined;
use crate::hub::{CommandTrial, ResourceTrial, Says, TrialOutcome, Verb};

/// The result of a check.
pub(super) struct Check {
    /// What saving would do.
    pub(super) says: &'static str,
    pub(super) warnings: Vec<String>,
    pub(super) command: Option<Command>,
    pub(super) tried: usize,
    pub(super) left_out: usize,
    /// What, how often now, how often then.
    pub(super) counts: [(&'static str, String, String); 4],
    pub(super) changed: usize,
    pub(super) examples: Vec<Example>,
}

/// What it says to the command.
pub(super) struct Command {
    /// A CSS class.
    pub(super) mood: &'static str,
    pub(super) says: String,
    pub(super) more: Vec<String>,
    /// Statement, and what decided it.
    pub(super) findings: Vec<(String, String)>,
}

/// A request to which it says something else.
pub(super) struct Example {
    pub(super) id: String,
    pub(super) command: String,
    pub(super) now: String,
    pub(super) then: String,
}

fn words(says: Says) -> String {
    match says.outcome {
        TrialOutcome::Asked if says.approvals == 1 => "asks for 1 approval".to_owned(),
        TrialOutcome::Asked => format!("asks for {} approvals", says.approvals),
        TrialOutcome::Allowed => "allowed by a rule".to_owned(),
        TrialOutcome::Denied => "denied by a rule".to_owned(),
    }
}

impl Command {
    fn of(trial: &CommandTrial) -> Self {
        let rule = trial.rule.as_ref().map(|rule| format!(" (rule {rule})")).unwrap_or_default();
        let (mood, says) = match trial.says.outcome {
            TrialOutcome::Asked => {
                let slots = trial.slots.iter().map(|slot| format!("{} of {}", slot.needed, slot.group));
                ("warn", format!("People are asked: {}{rule}.", joined(slots, "nobody")))
            }
            TrialOutcome::Allowed => ("yes", format!("It runs without asking anybody{rule}.")),
            TrialOutcome::Denied => ("no", format!("It is denied{rule}.")),
        };
        let unclear = trial.unclear.then(|| "It cannot be read without doubt, so no rule allows it.".to_owned());
        let decided = |finding: &crate::approval::Finding| match (&finding.rule, finding.unknown_functions.as_slice()) {
            (Some(rule), _) => format!("rule {rule}"),
            (None, []) => "no rule".to_owned(),
            (None, unknown) => format!("no rule: it calls {}", unknown.join(", ")),
        };
        Self {
            mood,
            says,
            more: trial.reason.clone().into_iter().chain(unclear).collect(),
            findings: trial.findings.iter().map(|finding| (one_line(&finding.statement), decided(finding))).collect(),
        }
    }
}

impl From<ResourceTrial> for Check {
    fn from(trial: ResourceTrial) -> Self {
        let history = trial.history;
        let row = |name, now: usize, then: usize| (name, now.to_string(), then.to_string());
        Self {
            says: match trial.verb {
                Verb::Create => "Saving creates it.",
                Verb::Update => "Saving changes it, for new requests. Requests that were made keep their terms.",
                Verb::Keep => "Saving changes nothing: it already is like this.",
            },
            warnings: trial.warnings,
            command: trial.command.as_ref().map(Command::of),
            tried: history.tried,
            left_out: history.left_out,
            counts: [
                row("Asked of people", history.now.asked, history.then.asked),
                row("Allowed by a rule", history.now.allowed, history.then.allowed),
                row("Denied by a rule", history.now.denied, history.then.denied),
                ("Approvals needed", history.now.approvals.to_string(), history.then.approvals.to_string()),
            ],
            changed: history.changed,
            examples: history
                .examples
                .into_iter()
                .map(|one| Example {
                    id: one.id.to_string(),
                    command: one_line(&one.command),
                    now: words(one.now),
                    then: words(one.then),
                })
                .collect(),
        }
    }
}
