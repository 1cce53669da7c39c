//! The end of a replay.

use serde_json::json;

use crate::audit::{Actor, Entry};
use crate::hub::HubError;
use crate::store::Tx;
use crate::store::replays::{self, Replay, ReplayState};
use crate::time::Timestamp;

/// Ends a replay and records it in the audit trail; `reason` is given when the hub itself cancels it.
pub(super) async fn end(
    tx: &mut Tx,
    replay: &mut Replay,
    state: ReplayState,
    reason: Option<&str>,
    actor: Actor,
    now: Timestamp,
) -> Result<(), HubError> {
    (replay.state, replay.step_at, replay.ended_at) = (state, None, Some(now));
    replays::advance(tx.session(), replay).await?;
    let action = if state == ReplayState::Finished { "replay.finished" } else { "replay.cancelled" };
    let mut details = json!({"replay": replay.id, "endpoint": replay.endpoint_id, "replayed": replay.replayed});
    if let (Some(reason), Some(details)) = (reason, details.as_object_mut()) {
        details.insert("reason".to_owned(), reason.into());
    }
    tx.record(&Entry { details, ..Entry::new(now, action, actor) })?;
    Ok(())
}
