//! What happens by itself when its time has come: requests expire, people are reminded, others are asked too, unused approvals
//! lapse, access begins and ends. And what follows when the members of a group change.
//!
//! Every step is taken inside the writer, which judges anew what it finds there: whichever replica comes first takes it, and
//! the others find nothing to do.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::notify::announce;
use super::transition::{Scene, carry_out};
use super::usage::{end_early, use_once};
use super::{Hub, HubError};
use crate::approval::{Command, GrantCommand, Roster, Use};
use crate::audit::{Actor, Entry};
use crate::ids::RequestId;
use crate::store::timers::{self, Timer};
use crate::store::{Tx, membership_checks, requests, reviews};
use crate::time::Timestamp;

/// Requests handled in one transaction.
const BATCH: u32 = 64;
/// How often the timer looks for itself: another replica may have made a request with a near deadline.
const LOOK: Duration = Duration::from_secs(5);
/// Pause after a failure.
const RETRY: Duration = Duration::from_secs(1);

impl Hub {
    /// Does what it is time for; answers how many steps that were.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn run_due(&self) -> Result<usize, HubError> {
        let mut steps = 0;
        for timer in Timer::ALL {
            loop {
                let due = timers::due(&mut self.store.read().await?, timer, self.clock.now(), BATCH).await?;
                if due.is_empty() {
                    break;
                }
                steps += due.len();
                let scene = self.scene(Actor::Hub);
                self.store
                    .write::<_, (), HubError>(move |tx| {
                        Box::pin(async move {
                            for id in due {
                                step(tx, timer, id, &scene).await?;
                            }
                            Ok(())
                        })
                    })
                    .await?;
            }
        }
        Ok(steps + self.recheck().await?)
    }

    /// Looks again at what waits for groups whose members have changed: whose vote no longer counts, and what nobody could
    /// decide any more. Answers how many requests that were.
    ///
    /// # Errors
    /// When the store fails.
    async fn recheck(&self) -> Result<usize, HubError> {
        let mut checked = 0;
        while membership_checks::next(&mut self.store.read().await?).await?.is_some() {
            let scene = self.scene(Actor::Hub);
            checked += self
                .store
                .write::<_, usize, HubError>(move |tx| Box::pin(async move { recheck_part(tx, &scene).await }))
                .await?;
        }
        Ok(checked)
    }

    /// When the timer has to look next.
    async fn next_look(&self) -> Result<Timestamp, HubError> {
        let look = self.clock.now() + LOOK;
        let next = timers::next(&mut self.store.read().await?).await?;
        Ok(next.map_or(look, |next| next.min(look)))
    }
}

async fn step(tx: &mut Tx, timer: Timer, id: RequestId, scene: &Scene) -> Result<(), HubError> {
    match timer {
        Timer::Deadline => carry_out(tx, id, Command::Expire, scene).await.map(drop),
        Timer::Notice => carry_out(tx, id, Command::Advance, scene).await.map(drop),
        Timer::Execution => use_once(tx, id, Use::Tick, scene).await.map(drop),
        Timer::Grant => end_early(tx, id, GrantCommand::Tick, scene).await.map(drop),
        Timer::Review => tell_of_review(tx, id, scene).await,
    }
}

/// Nobody has looked at a broken glass in time: those who should hear of it.
async fn tell_of_review(tx: &mut Tx, id: RequestId, scene: &Scene) -> Result<(), HubError> {
    if !reviews::set_told(tx.session(), id).await? {
        // Another replica was here first, or somebody has looked since it was found due.
        return Ok(());
    }
    let request = requests::get(tx.session(), id).await?.ok_or(HubError::NotFound("request"))?;
    let now = scene.clock.now();
    tx.record(&Entry { request: Some(id), ..Entry::new(now, "request.review_due", scene.actor.clone()) })?;
    announce(tx, &scene.public_url, "request.review_due", &request, &Roster::default(), now).await
}

/// The next part of the check that was asked for longest ago, wherever another replica has left it.
async fn recheck_part(tx: &mut Tx, scene: &Scene) -> Result<usize, HubError> {
    let Some(check) = membership_checks::next(tx.session()).await? else { return Ok(0) };
    let part = membership_checks::part(tx.session(), &check, BATCH).await?;
    for id in &part {
        let (_request, _always_ok) = carry_out(tx, *id, Command::Recheck, scene).await?;
    }
    membership_checks::advance(tx.session(), &check, part.last().copied()).await?;
    Ok(part.len())
}

/// Does what it is time for until told to stop.
pub async fn run_timer(hub: Arc<Hub>, stop: CancellationToken) {
    loop {
        let done = hub.run_due().await;
        let wake = match done {
            Ok(_) => hub.next_look().await,
            Err(error) => Err(error),
        };
        let wake = wake.unwrap_or_else(|error| {
            tracing::warn!(error = &error as &dyn std::error::Error, "cannot look for what it is time for");
            hub.clock.now() + RETRY
        });
        tokio::select! {
            () = stop.cancelled() => return,
            () = hub.clock.sleep_until(wake) => {}
            () = hub.store.signals().deadline() => {}
        }
    }
}
