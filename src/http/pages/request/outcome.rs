//! How a request ended, and what came of it.

use super::people::Names;
use crate::approval::{ExecutionStatus, GrantStatus, Method, Status};
use crate::channels::text::Listing;
use crate::http::pages::reader::{Reader, brief};
use crate::http::pages::shown::headline;
use crate::http::pages::time::PageTime;
use crate::hub::{ExecutionView, GrantView, RequestView};

/// The end of a request.
pub(super) struct Outcome {
    pub(super) heading: String,
    /// A class in the style sheet.
    pub(super) mood: &'static str,
    pub(super) icon: Option<&'static str>,
    pub(super) by: String,
    pub(super) at: Option<PageTime>,
    /// How long it took.
    pub(super) after: String,
    pub(super) reason: Option<Listing>,
    /// The request that replaced it.
    pub(super) successor: Option<String>,
    /// Labels and what stands beside them, about the run or the access.
    pub(super) usage: Vec<(&'static str, Fact)>,
    pub(super) output: Option<Output>,
}

/// A fact about the use of an approval.
pub(super) enum Fact {
    At(PageTime),
    Text(String),
    Words(Listing),
}

/// What a run printed.
pub(super) struct Output {
    pub(super) listing: Listing,
    pub(super) is_cut: bool,
    pub(super) digest: Option<String>,
}

impl Outcome {
    pub(super) fn new(request: &RequestView, names: &Names, reader: &Reader) -> Option<Self> {
        let decision = request.decision.as_ref()?;
        let (heading, mood) = heading(request);
        let by = match decision.method {
            Method::Rule => decision.rule.as_ref().map(|rule| format!("by rule {rule}")).unwrap_or_default(),
            Method::Exempt => "because the requester is exempt".to_owned(),
            Method::BreakGlass => format!("in an emergency, by {}", names.all(&decision.by)),
            _ if decision.by.is_empty() => String::new(),
            _ => format!("by {}", names.all(&decision.by)),
        };
        let usage = request.execution.as_ref().map(|run| of_run(run, names, reader));
        let access = request.grant.as_ref().map(|grant| of_access(grant, names, reader));
        let output = request.execution.as_ref().and_then(|run| {
            let text = run.output.as_deref().filter(|text| !text.is_empty())?;
            let digest = run.output_digest.map(|digest| digest.to_string());
            Some(Output { listing: Listing::of(text), is_cut: run.output_truncated, digest })
        });
        Some(Self {
            heading,
            mood,
            icon: match request.status {
                Status::Approved => Some("check"),
                Status::Rejected => Some("cross"),
                _ => None,
            },
            by,
            at: request.decided_at.map(|at| reader.time(at)),
            after: request.decided_at.map(|at| brief(at.since(request.created_at).as_secs())).unwrap_or_default(),
            reason: decision.reason.as_deref().filter(|reason| !reason.trim().is_empty()).map(Listing::of),
            successor: request.superseded_by.map(|id| id.to_string()),
            usage: usage.into_iter().chain(access).flatten().collect(),
            output,
        })
    }
}

/// The heading, and its colour.
fn heading(request: &RequestView) -> (String, &'static str) {
    let (status, mood) = headline(request.status);
    let run = request.execution.as_ref().map(|run| match run.status {
        ExecutionStatus::Ready => ("Approved, not run yet", "yes"),
        ExecutionStatus::Claimed => ("Approved, and running", "yes"),
        ExecutionStatus::Succeeded => ("Approved, and run once: succeeded", "yes"),
        ExecutionStatus::Failed => ("Approved, but the run failed", "warn"),
        ExecutionStatus::Unknown => ("Approved, but nobody reported how the run ended", "warn"),
        ExecutionStatus::Lapsed => ("Approved, but nobody ran it in time", "idle"),
        ExecutionStatus::Revoked => ("Approved, and revoked before it ran", "idle"),
    });
    let access = request.grant.as_ref().map(|grant| match grant.status {
        GrantStatus::Scheduled => ("Approved: access begins later", "yes"),
        GrantStatus::Active => ("Approved: access is open", "yes"),
        GrantStatus::Ended => ("Approved: access has ended", "idle"),
        GrantStatus::Revoked => ("Approved, and access was revoked", "idle"),
    });
    let (heading, mood) = run.or(access).unwrap_or((status, mood));
    (heading.to_owned(), mood)
}

fn of_run(run: &ExecutionView, names: &Names, reader: &Reader) -> Vec<(&'static str, Fact)> {
    let at = |label, time: Option<crate::time::Timestamp>| time.map(|at| (label, Fact::At(reader.time(at))));
    let is_ready = run.status == ExecutionStatus::Ready;
    let finished = match run.status {
        ExecutionStatus::Revoked => at("Revoked", run.finished_at),
        _ => at("Finished", run.finished_at),
    };
    [
        at("Use by", Some(run.use_by).filter(|_| is_ready)),
        at("Claimed", run.claimed_at),
        at("Lease until", run.lease_expires_at.filter(|_| run.status == ExecutionStatus::Claimed)),
        finished,
        run.exit_code.map(|code| ("Exit code", Fact::Text(code.to_string()))),
        run.revoked_by.as_ref().map(|person| ("Revoked by", Fact::Text(names.name(person)))),
        run.reason.as_deref().map(|reason| ("Reason", Fact::Words(Listing::of(reason)))),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn of_access(grant: &GrantView, names: &Names, reader: &Reader) -> Vec<(&'static str, Fact)> {
    let at = |label, time| (label, Fact::At(reader.time(time)));
    [
        Some(("Who", Fact::Text(names.with_address(&grant.requester)))),
        Some(at("From", grant.starts_at)),
        Some(at("Until", grant.ends_at)),
        grant.ended_at.map(|ended| at("Ended", ended)),
        grant.ended_by.as_ref().map(|person| ("Ended by", Fact::Text(names.name(person)))),
        grant.reason.as_deref().map(|reason| ("Reason", Fact::Words(Listing::of(reason)))),
    ]
    .into_iter()
    .flatten()
    .collect()
}
