//! Heartbeats: an endpoint that was sent nothing for long is sent a `ping`, so that people notice when none arrives. A
//! Teams workflow that has stopped posting still answers 202.

use std::sync::Arc;
use std::time::Duration;

use crate::delivery::launcher::Launcher;
use crate::delivery::outbox::send_ping;
use crate::ids::EndpointId;
use crate::store::{StoreError, Tx, endpoints, heartbeats};
use crate::time::{CLOCK_SLACK, Timestamp};

/// Delay of a heartbeat that cannot be sent.
const PUT_OFF: Duration = Duration::from_secs(3_600);

/// Sends the due heartbeats.
pub(in crate::delivery) async fn send_due(launcher: &Arc<Launcher>) -> Result<(), StoreError> {
    let now = launcher.context.clock.now();
    let due = heartbeats::due(&mut launcher.context.store.read().await?, now).await?;
    for id in due {
        let owner = Arc::clone(launcher);
        let beaten = launcher.write(move |tx| Box::pin(async move { beat(tx, &owner, id, now).await })).await;
        match beaten {
            // A single failure (an unreadable row, for example) must not stop the other heartbeats, nor the
            // dispatcher's round.
            Err(error) if !error.is_transient() => {
                tracing::error!(endpoint = %id, error = &error as &dyn std::error::Error, "a heartbeat failed and is postponed");
                let later = now + PUT_OFF;
                launcher
                    .write(move |tx| Box::pin(async move { heartbeats::put_off(tx.session(), id, later).await }))
                    .await?;
            }
            beaten => beaten?,
        }
    }
    Ok(())
}

async fn beat(tx: &mut Tx, launcher: &Arc<Launcher>, id: EndpointId, now: Timestamp) -> Result<(), StoreError> {
    // Another replica may have sent it already.
    let to_come = now..=heartbeats::beyond(now);
    if heartbeats::due_at(tx.session(), id).await?.is_none_or(|due| due > now && to_come.contains(&due)) {
        return Ok(());
    }
    let endpoint = endpoints::get(tx.session(), id).await?;
    let every = endpoint.as_ref().and_then(|endpoint| endpoint.heartbeat_seconds);
    let (Some(endpoint), Some(seconds)) = (endpoint, every) else { return heartbeats::forget(tx.session(), id).await };
    let every = Duration::from_secs(seconds.into());
    // An attempt in the future was made before the clock was set back, an unknown time ago.
    let last = heartbeats::last_attempt(tx.session(), id).await?.filter(|last| *last <= now + CLOCK_SLACK);
    if let Some(next) = last.map(|last| last + every).filter(|next| *next > now) {
        return heartbeats::put_off(tx.session(), id, next).await;
    }
    heartbeats::put_off(tx.session(), id, now + every).await?;
    // An endpoint that is switched off or paused is silent on purpose.
    if endpoint.is_active() && endpoint.paused_at.is_none() {
        send_ping(tx, launcher, &Arc::new(endpoint), now);
    }
    Ok(())
}
