//! What happened to a request, in sentences.

use serde_json::Value;

use super::people::{Names, joined};
use crate::approval::Email;
use crate::channels::text::Listing;
use crate::http::pages::reader::Reader;
use crate::http::pages::shown::how;
use crate::http::pages::time::PageTime;
use crate::hub::Step;
use crate::time::Timestamp;

/// A line of what happened.
pub(super) struct LogLine {
    pub(super) at: PageTime,
    pub(super) icon: Option<&'static str>,
    /// A colour in the style sheet.
    pub(super) mood: &'static str,
    /// Who acted; the sentence goes on in `text`.
    pub(super) who: String,
    pub(super) text: String,
    /// What the person wrote.
    pub(super) words: Option<Listing>,
}

/// The lines of a request. Messages of one event that arrived are one line.
pub(super) fn lines(steps: &[Step], names: &Names, reader: &Reader) -> Vec<LogLine> {
    let mut lines = Vec::new();
    let mut at = 0;
    while let Some(step) = steps.get(at) {
        let alike = steps.iter().skip(at).take_while(|next| is_told_alike(step, next)).count();
        if alike > 1 {
            let endpoints: Vec<String> =
                steps.iter().skip(at).take(alike).filter_map(|step| step.via.clone()).collect();
            lines.push(line(step, reader, String::new(), format!("Told {}", joined(&endpoints))));
        } else {
            lines.extend(of_step(step, names, reader));
        }
        at += alike.max(1);
    }
    lines
}

fn is_told_alike(step: &Step, next: &Step) -> bool {
    step.what == "told"
        && next.what == "told"
        && has_arrived(step)
        && has_arrived(next)
        && step.details.get("event") == next.details.get("event")
}

fn has_arrived(step: &Step) -> bool {
    matches!(text(step, "/state"), "delivered" | "accepted") && number(step, "/attempts") <= 1
}

fn of_step(step: &Step, names: &Names, reader: &Reader) -> Option<LogLine> {
    let who =
        step.person.as_ref().map_or_else(|| step.via.clone().unwrap_or_default(), |person| capital(names, person));
    let line = |who: String, said: String| line(step, reader, who, said);
    let words = |pointer: &str| Some(text(step, pointer)).filter(|text| !text.trim().is_empty()).map(Listing::of);
    Some(match step.what.as_str() {
        "request.created" => line(who_or_system(&who), through(step, "asked")),
        "request.voted" => {
            let rejects = text(step, "/decision") == "reject";
            let (icon, mood, verb) = if rejects { ("cross", "no", "rejected") } else { ("check", "yes", "approved") };
            LogLine { icon: Some(icon), mood, words: words("/reason"), ..line(who, voted(step, verb)) }
        }
        "request.commented" => {
            LogLine { words: words("/text"), ..line(who, "commented, which decides nothing".to_owned()) }
        }
        "request.revised" => {
            let said = format!("changed it: revision {}", number(step, "/revision"));
            LogLine { words: words("/change/reason"), ..line(who_or_system(&who), said) }
        }
        "vote.voided" => line(String::new(), format!("The vote of {who} no longer counts")),
        "request.escalated" => line(String::new(), format!("More people are asked: {}", escalated(step))),
        "request.reminded" => line(who_or_hub(&who), "reminded those who have not decided".to_owned()),
        "request.undecidable" => line(String::new(), "Too few people are left who could approve it".to_owned()),
        "request.decidable" => line(String::new(), "There are enough people again who could approve it".to_owned()),
        "request.reviewed" => {
            LogLine { words: words("/note"), ..line(who, "reviewed this use of break-glass".to_owned()) }
        }
        "request.review_due" => line(String::new(), "The review of this use of break-glass is overdue".to_owned()),
        "execution.claimed" => line(who_or_system(&who), "began to run it".to_owned()),
        "execution.finished" => finished(step, who, &line),
        "execution.reported_late" => line(who_or_system(&who), "reported a result, too late".to_owned()),
        "grant.started" => line(String::new(), "Access started".to_owned()),
        "grant.ended" => line(String::new(), "Access ended".to_owned()),
        "grant.revoked" => {
            LogLine { words: words("/reason"), ..line(who_or_system(&who), "revoked the access".to_owned()) }
        }
        "told" => line(String::new(), told(step)),
        "seen" => line(String::new(), seen(step, reader)),
        "request.approved" | "request.rejected" | "request.expired" | "request.cancelled" | "request.superseded" => {
            ended(step, &line)
        }
        // Said by another line already.
        "request.self_approved" => return None,
        other => line(who, other.replace(['.', '_'], " ")),
    })
}

fn line(step: &Step, reader: &Reader, who: String, text: String) -> LogLine {
    LogLine { at: reader.time(step.at), icon: None, mood: "", who, text, words: None }
}

/// The end of a request. Its reason stands with the vote that gave it, except where nobody voted.
fn ended(step: &Step, line: &dyn Fn(String, String) -> LogLine) -> LogLine {
    let (icon, mood, said) = match step.what.as_str() {
        "request.approved" => (Some("check"), "yes", "Approved"),
        "request.rejected" => (Some("cross"), "no", "Rejected"),
        "request.expired" => (None, "", "Expired: nobody decided in time"),
        "request.cancelled" => (None, "", "Taken back"),
        _ => (None, "", "Replaced by a newer request"),
    };
    let is_vote = text(step, "/method") == "votes";
    let reason = Some(text(step, "/reason")).filter(|reason| !is_vote && !reason.trim().is_empty());
    LogLine { icon, mood, words: reason.map(Listing::of), ..line(String::new(), said.to_owned()) }
}

fn finished(step: &Step, who: String, line: &dyn Fn(String, String) -> LogLine) -> LogLine {
    let exit = step.details.pointer("/exit_code").and_then(Value::as_i64);
    let exit = exit.map(|code| format!(", exit code {code}")).unwrap_or_default();
    let (who, mood, said) = match text(step, "/to") {
        "succeeded" => (who_or_system(&who), "yes", format!("reported: succeeded{exit}")),
        "failed" => (who_or_system(&who), "warn", format!("reported: failed{exit}")),
        "lapsed" => (String::new(), "", "Nobody ran it in time".to_owned()),
        "revoked" => (who_or_system(&who), "", "revoked it before it ran".to_owned()),
        _ => (String::new(), "warn", "Nobody reported how the run ended".to_owned()),
    };
    LogLine { mood, ..line(who, said) }
}

fn voted(step: &Step, verb: &str) -> String {
    let groups: Vec<String> = list(step, "/groups");
    let groups = if groups.is_empty() { String::new() } else { format!(" for {}", joined(&groups)) };
    let absent = text(step, "/on_behalf_of");
    let absent = if absent.is_empty() { String::new() } else { format!(", in place of {absent}") };
    let surely = step.assurance.map(|assurance| format!(", {}", how(assurance))).unwrap_or_default();
    format!("{verb}{groups}{absent}{surely}")
}

fn escalated(step: &Step) -> String {
    let steps = step.details.pointer("/steps").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let of = |step: &Value, field: &str| step.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    joined(&steps.iter().map(|step| format!("{} for {}", of(step, "added"), of(step, "slot"))).collect::<Vec<_>>())
}

fn told(step: &Step) -> String {
    let endpoint = step.via.as_deref().unwrap_or_default();
    let attempts = number(step, "/attempts");
    let error = Some(text(step, "/error")).filter(|error| !error.is_empty()).map(|error| format!(": {error}"));
    let error = error.unwrap_or_default();
    match text(step, "/state") {
        "delivered" | "accepted" if attempts > 1 => format!("Told {endpoint}, after {attempts} attempts"),
        "delivered" | "accepted" => format!("Told {endpoint}"),
        "failed" => format!("Telling {endpoint} failed after {attempts} attempts{error}"),
        "pending" | "leased" if attempts > 0 => format!("Telling {endpoint} has failed so far{error}"),
        "pending" | "leased" => format!("{endpoint} will be told"),
        "superseded" => format!("{endpoint} was not told: there was newer news"),
        "expired" => format!("{endpoint} was not told in time"),
        _ => format!("{endpoint} was not told{error}"),
    }
}

fn seen(step: &Step, reader: &Reader) -> String {
    let endpoint = step.via.as_deref().unwrap_or_default();
    let last: Option<Timestamp> = text(step, "/last_at").parse().ok();
    match (number(step, "/count"), last) {
        (count @ 2.., Some(last)) => format!("Seen from {endpoint}, {count} times until {}", reader.time(last).shown),
        _ => format!("Seen from {endpoint}"),
    }
}

/// `asked`, with the program that did it.
fn through(step: &Step, verb: &str) -> String {
    match step.via.as_deref().filter(|_| step.person.is_some()) {
        Some(token) => format!("{verb}, through {token}"),
        None => verb.to_owned(),
    }
}

fn capital(names: &Names, person: &Email) -> String {
    if names.is_you(person) { "You".to_owned() } else { names.name(person) }
}

fn who_or_system(who: &str) -> String {
    if who.is_empty() { "A system".to_owned() } else { who.to_owned() }
}

fn who_or_hub(who: &str) -> String {
    if who.is_empty() { "The hub".to_owned() } else { who.to_owned() }
}

fn text<'s>(step: &'s Step, pointer: &str) -> &'s str {
    step.details.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn number(step: &Step, pointer: &str) -> u64 {
    step.details.pointer(pointer).and_then(Value::as_u64).unwrap_or_default()
}

fn list(step: &Step, pointer: &str) -> Vec<String> {
    let items = step.details.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}
