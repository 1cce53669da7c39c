//! What helps to judge a request: how requests like it ended.

use std::time::Duration;

use serde::Serialize;

use crate::approval::{Email, ExecutionStatus, Request, Status, pattern_digest};
use crate::hub::HubError;
use crate::ids::RequestId;
use crate::store::Session;
use crate::store::requests::{self, Earlier, EarlierText};
use crate::time::Timestamp;

/// How far back likes are looked for.
const PERIOD: Duration = Duration::from_secs(90 * 24 * 3_600);
/// Most earlier requests that are counted.
const COUNTED: u32 = 200;
/// Most earlier requests of the requester that are shown.
const SHOWN: usize = 5;

/// How requests with the same pattern on the same resource ended, in 90 days.
#[derive(Debug, Clone, Default, Serialize)]
pub struct History {
    /// How many were decided by people or rules.
    pub decided: u32,
    /// How many of them were approved.
    pub approved: u32,
    /// Whether only the newest ones were counted.
    pub more: bool,
    /// How the last run of such a request ended.
    pub last_run: Option<LastRun>,
    /// The requester's own last ones, newest first.
    pub own: Vec<EarlierRequest>,
}

/// The last run of a request of the same pattern.
#[derive(Debug, Clone, Serialize)]
pub struct LastRun {
    pub request: RequestId,
    pub status: ExecutionStatus,
    pub finished_at: Timestamp,
}

/// An earlier request of the same requester.
#[derive(Debug, Clone, Serialize)]
pub struct EarlierRequest {
    pub id: RequestId,
    pub created_at: Timestamp,
    pub command: String,
    pub status: Status,
    pub decided_at: Option<Timestamp>,
    /// Who decided.
    pub by: Vec<Email>,
    /// The reason of the decision.
    pub reason: Option<String>,
    pub run: Option<ExecutionStatus>,
}

/// The history of a request: two statements.
pub(super) async fn history(session: &mut Session, request: &Request, now: Timestamp) -> Result<History, HubError> {
    let pattern = pattern_digest(request.kind, &request.payload.command);
    let found = requests::alike(session, request, &pattern, now - PERIOD, COUNTED).await?;
    let count = |is: &dyn Fn(Status) -> bool| {
        u32::try_from(found.iter().filter(|earlier| is(earlier.status)).count()).unwrap_or(u32::MAX)
    };
    let own: Vec<&Earlier> = found
        .iter()
        .filter(|earlier| earlier.requester.is_some() && earlier.requester == request.requester.email)
        .take(SHOWN)
        .collect();
    let ids: Vec<RequestId> = own.iter().map(|earlier| earlier.id).collect();
    let mut texts = requests::texts(session, &ids).await?;
    let mut text_of = |id: RequestId| {
        let at = texts.iter().position(|text: &EarlierText| text.id == id)?;
        Some(texts.swap_remove(at))
    };
    Ok(History {
        decided: count(&|status| matches!(status, Status::Approved | Status::Rejected)),
        approved: count(&|status| status == Status::Approved),
        more: found.len() == COUNTED as usize,
        last_run: found.iter().find_map(last_run),
        own: own.into_iter().filter_map(|earlier| Some(shown(earlier, text_of(earlier.id)?))).collect(),
    })
}

fn last_run(earlier: &Earlier) -> Option<LastRun> {
    let status = earlier
        .run
        .filter(|run| matches!(run, ExecutionStatus::Succeeded | ExecutionStatus::Failed | ExecutionStatus::Unknown))?;
    Some(LastRun { request: earlier.id, status, finished_at: earlier.finished_at? })
}

fn shown(earlier: &Earlier, text: EarlierText) -> EarlierRequest {
    let (by, reason) = text.decision.map(|decision| (decision.by, decision.reason)).unwrap_or_default();
    EarlierRequest {
        id: earlier.id,
        created_at: earlier.created_at,
        command: text.command,
        status: earlier.status,
        decided_at: earlier.decided_at,
        by,
        reason,
        run: earlier.run,
    }
}
