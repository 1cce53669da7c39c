//! How requests like this one ended before.

use super::people::Names;
use crate::approval::{ExecutionStatus, Status};
use crate::channels::text::{Listing, visible};
use crate::http::pages::reader::{Reader, brief};
use crate::http::pages::shown::headline;
use crate::http::pages::time::PageTime;
use crate::hub::{EarlierRequest, History, RequestView};

/// Longest text of what differs, in characters.
const DIFFERS: usize = 120;

/// What stands before a request.
pub(super) struct Before {
    /// `14 of 15 approved`.
    pub(super) pattern: String,
    pub(super) last_run: Option<(&'static str, String, PageTime)>,
    pub(super) own: Vec<EarlierLine>,
}

/// An earlier request of the same person.
pub(super) struct EarlierLine {
    pub(super) id: String,
    pub(super) at: PageTime,
    /// What differs from this request.
    pub(super) differs: String,
    pub(super) mood: &'static str,
    pub(super) ended: String,
    pub(super) reason: Option<Listing>,
    pub(super) run: &'static str,
}

impl Before {
    pub(super) fn new(history: &History, request: &RequestView, names: &Names, reader: &Reader) -> Self {
        let more = if history.more { ", of the newest" } else { "" };
        let last = history.last_run.as_ref();
        Self {
            pattern: match history.decided {
                0 => "Never decided before".to_owned(),
                decided => format!("{} of {decided} approved{more}", history.approved),
            },
            last_run: last
                .map(|run| (run_word(Some(run.status)), run.request.to_string(), reader.time(run.finished_at))),
            own: history.own.iter().map(|earlier| EarlierLine::new(earlier, request, names, reader)).collect(),
        }
    }
}

impl EarlierLine {
    fn new(earlier: &EarlierRequest, request: &RequestView, names: &Names, reader: &Reader) -> Self {
        let after = earlier.decided_at.map(|at| brief(at.since(earlier.created_at).as_secs()));
        let (word, mood) = headline(earlier.status);
        let mut ended = if earlier.status == Status::Pending { "Not decided yet".to_owned() } else { word.to_owned() };
        if let Some(after) = after.filter(|_| matches!(earlier.status, Status::Approved | Status::Rejected)) {
            ended.push_str(&format!(" in {after}"));
        }
        if !earlier.by.is_empty() {
            ended.push_str(&format!(" by {}", names.all(&earlier.by)));
        }
        Self {
            id: earlier.id.to_string(),
            at: reader.time(earlier.created_at),
            differs: differs(&request.command, &earlier.command),
            mood,
            ended,
            reason: earlier.reason.as_deref().filter(|reason| !reason.trim().is_empty()).map(Listing::of),
            run: run_word(earlier.run),
        }
    }
}

/// The words of the earlier command that this one does not have.
fn differs(now: &str, then: &str) -> String {
    let found = crate::channels::text::differing(&visible(now), &visible(then));
    let shown: String = found.chars().take(DIFFERS).collect();
    match (found.is_empty(), found.len() > shown.len()) {
        (true, _) => "nothing".to_owned(),
        (false, true) => format!("{shown}…"),
        (false, false) => shown,
    }
}

const fn run_word(run: Option<ExecutionStatus>) -> &'static str {
    match run {
        Some(ExecutionStatus::Succeeded) => "Succeeded",
        Some(ExecutionStatus::Failed) => "Failed",
        Some(ExecutionStatus::Unknown) => "Result unknown",
        Some(ExecutionStatus::Claimed) => "Running",
        Some(ExecutionStatus::Ready | ExecutionStatus::Lapsed | ExecutionStatus::Revoked) | None => "Not run",
    }
}
