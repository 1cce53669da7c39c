//! How an endpoint is, in a sentence.

use crate::delivery::HeldBy;
use crate::http::pages::reader::Reader;
use crate::hub::EndpointStatus;
use crate::store::endpoints::EndpointState;

/// The condition of an endpoint, the worst part of it.
pub(in crate::http::pages::settings) struct Condition {
    /// A CSS class: `yes`, `warn` or `no`.
    pub(super) mood: &'static str,
    /// In a word or two, for lists.
    pub(super) word: &'static str,
    /// In a sentence.
    pub(super) says: String,
    /// What follows from it, and what is known besides.
    pub(super) more: Vec<String>,
}

impl Condition {
    pub(super) fn of(status: &EndpointStatus, reader: &Reader) -> Self {
        let more = further(status, reader);
        let (mood, word, says) = main(status, reader);
        Self { mood, word, says, more }
    }
}

fn main(status: &EndpointStatus, reader: &Reader) -> (&'static str, &'static str, String) {
    let endpoint = &status.endpoint;
    if endpoint.state == EndpointState::Disabled {
        let reason = endpoint.disabled_reason.as_deref().unwrap_or("it failed for too long");
        return ("no", "switched off", format!("Switched off: {reason}."));
    }
    if let Some(at) = endpoint.paused_at {
        return ("warn", "paused", format!("Paused since {}: messages for it wait.", reader.time(at).shown));
    }
    if let Some(health) = &status.health {
        let since = reader.time(health.failing_since).shown;
        return (
            "no",
            "failing",
            format!("Nothing has arrived since {since}, for {}.", reader.ago(health.failing_since)),
        );
    }
    if status.held.is_some() {
        return ("warn", "held", "Nothing is sent to it at the moment.".to_owned());
    }
    if status.template_problem.is_some() {
        return ("warn", "template fails", "Messages arrive, but its template fails.".to_owned());
    }
    ("yes", "in order", "In order: the last message arrived, or none was due yet.".to_owned())
}

fn further(status: &EndpointStatus, reader: &Reader) -> Vec<String> {
    let mut more = Vec::new();
    if let Some(health) = &status.health {
        let error = health.last_error.as_deref().unwrap_or("no answer");
        more.push(format!("{} attempts in a row failed. The last: {error}.", health.failures));
        if let Some(at) = health.probe_at {
            more.push(format!("At {} the hub tries whether it works again.", reader.time(at).shown));
        }
    }
    if let Some(held) = status.held {
        let until = held.until.map(|at| format!(" until {}", reader.time(at).shown)).unwrap_or_default();
        more.push(match held.by {
            HeldBy::Breaker => format!("Its circuit breaker is open{until}: messages wait, and use up no attempts."),
            HeldBy::Throttled => format!("It asked for fewer messages: the hub waits{until}."),
        });
    }
    if let Some(problem) = &status.template_problem {
        let (at, place) = (reader.time(problem.at).shown, problem.template.as_deref().unwrap_or("a template"));
        let line = problem.line.map(|line| format!(", line {line}")).unwrap_or_default();
        more.push(format!(
            "At {at} the template {place}{line} failed for {}: {}. The one below it was used.",
            problem.event, problem.detail
        ));
    }
    more
}
