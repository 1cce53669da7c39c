//! Heartbeats: an endpoint that was sent nothing for long is sent a `ping`, so that people notice when none comes. A Teams workflow
//! that has stopped posting still answers 202.

use std::sync::Arc;
use std::time::Duration;

use crate::delivery::launcher::Launcher;
use crate::delivery::outbox::send_ping;
use crate::ids::EndpointId;
use crate::store::{StoreError, Tx, endpoints, heartbeats};
use crate::time::{CLOCK_SLACK, Timestamp};

/// How long one waits that cannot be sent.
const PUT_OFF: Duration = Duration::from_secs(3_600);

/// Sends the heartbeats whose time has come.
pub(in crate::delivery) async fn look(launcher: &Arc<Launcher>) -> Result<(), StoreError> {
    let now = launcher.context.clock.now();
    let due = heartbeats::due(&mut launcher.context.store.read().await?, now).await?;
    for id in due {
        let owner = Arc::clone(launcher);
        let beaten = launcher.write(move |tx| Box::pin(async move { beat(tx, &owner, id, now).await })).await;
        match beaten {
            // One whose row cannot be read, say, keeps no other from its own, nor the dispatcher from its round.
            Err(error) if !error.is_transient() => {
                tracing::error!(endpoint = %id, error = &error as &dyn std::error::Error, "a heartbeat is put off");
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
    // Another replica may have been faster.
    let to_come = now..=heartbeats::beyond(now);
    if heartbeats::due_at(tx.session(), id).await?.is_none_or(|moment| moment > now && to_come.contains(&moment)) {
        return Ok(());
    }
    let endpoint = endpoints::get(tx.session(), id).await?;
    let every = endpoint.as_ref().and_then(|endpoint| endpoint.heartbeat_seconds);
    let (Some(endpoint), Some(seconds)) = (endpoint, every) else { return heartbeats::forget(tx.session(), id).await };
    let every = Duration::from_secs(seconds.into());
    // What was sent in the future was sent before the clock was put back, nobody knows how long ago.
    let last = heartbeats::last_attempt(tx.session(), id).await?.filter(|last| *last <= now + CLOCK_SLACK);
    if let Some(next) = last.map(|last| last + every).filter(|next| *next > now) {
        return heartbeats::put_off(tx.session(), id, next).await;
    }
    heartbeats::put_off(tx.session(), id, now + every).await?;
    // One that is switched off or paused is meant to be silent.
    if endpoint.is_active() && endpoint.paused_at.is_none() {
        send_ping(tx, launcher, &Arc::new(endpoint), now);
    }
    Ok(())
}
