//! What happens by itself when its time has come: requests expire, people are reminded, others are asked too, unused approvals
//! lapse, access begins and ends. And what follows when the members of a group change.
//!
//! Every step is taken inside the writer, which judges anew what it finds there: whichever replica comes first takes it, and
//! the others find nothing to do.

use std::collections::BTreeSet;
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
use crate::store::{StoreError, Tx, membership_checks, requests, reviews};
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
            let mut handled = BTreeSet::new();
            loop {
                let due = timers::due(&mut self.store.read().await?, timer, self.clock.now(), BATCH).await?;
                // What is due still after its step was taken could not be helped by it: it must not keep the others waiting.
                let fresh: Vec<RequestId> = due.into_iter().filter(|id| handled.insert(*id)).collect();
                if fresh.is_empty() {
                    break;
                }
                steps += fresh.len();
                self.take_steps(timer, fresh).await?;
            }
        }
        Ok(steps + self.recheck().await?)
    }

    /// Takes the steps in one transaction; when one of them fails, each in its own, so that it fails alone.
    async fn take_steps(&self, timer: Timer, due: Vec<RequestId>) -> Result<(), HubError> {
        let alone = due.clone();
        match self.take_together(timer, due).await {
            Err(HubError::Store(error)) if error.is_transient() => Err(error.into()),
            Err(_) => {
                for id in alone {
                    if let Err(error) = self.take_together(timer, vec![id]).await {
                        tracing::error!(request = %id, ?timer, error = &error as &dyn std::error::Error, "a step failed");
                    }
                }
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    async fn take_together(&self, timer: Timer, due: Vec<RequestId>) -> Result<(), HubError> {
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
            .await
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
    let request = requests::get(tx.session(), id).await?.ok_or(HubError::NotFound("request"))?;
    let now = scene.clock.now();
    if !reviews::set_told(tx.session(), id).await? {
        return Ok(());
    }
    tx.record(&Entry { request: Some(id), ..Entry::new(now, "request.review_due", scene.actor.clone()) })?;
    announce(tx, scene, "request.review_due", &request, &Roster::default(), now).await
}

/// The next part of the check that was asked for longest ago, wherever another replica has left it.
async fn recheck_part(tx: &mut Tx, scene: &Scene) -> Result<usize, HubError> {
    let Some(check) = membership_checks::next(tx.session()).await? else { return Ok(0) };
    let part = membership_checks::part(tx.session(), &check, BATCH).await?;
    for id in &part {
        match carry_out(tx, *id, Command::Recheck, scene).await {
            Ok(_) => {}
            // A row that cannot be read must not keep the others from being looked at.
            Err(HubError::Store(error @ StoreError::Inconsistent { .. })) => {
                tracing::error!(request = %id, error = &error as &dyn std::error::Error, "cannot look at a request again");
            }
            Err(error) => return Err(error),
        }
    }
    membership_checks::advance(tx.session(), &check, part.last().copied()).await?;
    Ok(part.len())
}

/// Does what it is time for until told to stop.
pub async fn run_timer(hub: Arc<Hub>, stop: CancellationToken) {
    loop {
        hub.store.signals().looking();
        let done = hub.run_due().await;
        let wake = match done {
            Ok(_) => hub.next_look().await,
            Err(error) => Err(error),
        };
        let wake = wake.unwrap_or_else(|error| {
            tracing::warn!(error = &error as &dyn std::error::Error, "cannot look for what it is time for");
            hub.clock.now() + RETRY
        });
        hub.store.signals().looks_again_at(wake);
        tokio::select! {
            () = stop.cancelled() => return,
            () = hub.clock.sleep_until(wake) => {}
            () = hub.store.signals().deadline() => {}
        }
    }
}
