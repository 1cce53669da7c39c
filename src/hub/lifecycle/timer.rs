//! What happens by itself when its time has come: requests expire, people are reminded, others are asked too, unused approvals
//! lapse, access begins and ends. And what follows when the members of a group change.
//!
//! Every step is taken inside the writer, which judges anew what it finds there: whichever replica comes first takes it, and
//! the others find nothing to do.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::announce::announce;
use super::executions::{end_early, use_once};
use super::transition::carry_out;
use crate::approval::{Command, GrantCommand, Roster, Use};
use crate::audit::{Actor, Entry};
use crate::hub::retries::Task;
use crate::hub::scene::Scene;
use crate::hub::{Hub, HubError};
use crate::ids::RequestId;
use crate::store::membership_checks::Check;
use crate::store::timers::{self, Due, Timer};
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
            let mut handled = BTreeSet::new();
            let mut behind: Option<Due> = None;
            loop {
                let now = self.clock.now();
                let due = timers::due(&mut self.store.read().await?, timer, now, behind.as_ref(), BATCH).await?;
                let Some(last) = due.last().cloned() else { break };
                // What is due still after its step was taken could not be helped by it: it must not keep the others waiting.
                behind = Some(last);
                let may_try = |id: &RequestId| self.retries.may_try(&Task::Step(timer, *id), now);
                let ids = due.iter().map(|due| due.id);
                let fresh: Vec<RequestId> = ids.filter(|id| handled.insert(*id) && may_try(id)).collect();
                steps += fresh.len();
                self.take_steps(timer, fresh).await?;
            }
        }
        Ok(steps + self.recheck().await?)
    }

    /// Takes the steps in one transaction; when one of them fails, each in its own, so that it fails alone.
    async fn take_steps(&self, timer: Timer, due: Vec<RequestId>) -> Result<(), HubError> {
        if due.is_empty() {
            return Ok(());
        }
        let together = self.take_together(timer, due.clone()).await;
        match together {
            Ok(()) => due.into_iter().for_each(|id| self.retries.worked(&Task::Step(timer, id))),
            Err(error) if error.is_transient() => return Err(error),
            Err(_) => {
                for id in due {
                    let alone = self.take_together(timer, vec![id]).await;
                    self.note(Task::Step(timer, id), alone)?;
                }
            }
        }
        Ok(())
    }

    /// Remembers how a task ended that was done alone.
    ///
    /// # Errors
    /// When the store fails: that says nothing of the task.
    fn note(&self, task: Task, ended: Result<(), HubError>) -> Result<(), HubError> {
        match ended {
            Ok(()) => self.retries.worked(&task),
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => {
                let noted = self.retries.failed(task.clone(), self.clock.now());
                if noted.is_logged {
                    let (times, next) = (noted.times, noted.next);
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(?task, times, %next, error, "a step failed");
                }
            }
        }
        Ok(())
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
        loop {
            let next = membership_checks::next(&mut self.store.read().await?).await?;
            let Some(check) = next else { return Ok(checked) };
            let scene = self.scene(Actor::Hub);
            let part = self
                .store
                .write::<_, usize, HubError>(move |tx| Box::pin(async move { recheck_part(tx, &scene).await }))
                .await;
            checked += match part {
                Err(error) if !error.is_transient() => self.recheck_each(check).await?,
                part => part?,
            };
        }
    }

    /// A part in which something fails, each request in a transaction of its own. One that fails is logged and left as it is: the
    /// next change of the group looks at it again.
    async fn recheck_each(&self, check: Check) -> Result<usize, HubError> {
        let part = membership_checks::part(&mut self.store.read().await?, &check, BATCH).await?;
        for id in &part {
            let (id, scene) = (*id, self.scene(Actor::Hub));
            let alone = self
                .store
                .write::<_, (), HubError>(move |tx| {
                    Box::pin(async move { carry_out(tx, id, Command::Recheck, &scene).await.map(drop) })
                })
                .await;
            self.note(Task::Recheck(id), alone)?;
        }
        let last = part.last().copied();
        self.store
            .write::<_, (), HubError>(move |tx| {
                Box::pin(async move { Ok(membership_checks::advance(tx.session(), &check, last).await?) })
            })
            .await?;
        Ok(part.len())
    }

    /// When the timer has to look next, having looked at `looked_at`: what was due then and is due still waits for its next try.
    async fn next_look(&self, looked_at: Timestamp) -> Result<Timestamp, HubError> {
        let look = self.clock.now() + LOOK;
        let next = timers::next(&mut self.store.read().await?, looked_at).await?;
        let again = self.retries.next_after_look(looked_at);
        Ok(next.into_iter().chain(again).fold(look, Timestamp::min))
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
    let request = requests::get(tx.session(), id).await?.ok_or(HubError::Missing("the request of a review"))?;
    let now = scene.clock.now();
    if !reviews::set_announced(tx.session(), id).await? {
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
        carry_out(tx, *id, Command::Recheck, scene).await.map(drop)?;
    }
    membership_checks::advance(tx.session(), &check, part.last().copied()).await?;
    Ok(part.len())
}

/// Does what it is time for until told to stop.
pub async fn run_timer(hub: Arc<Hub>, stop: CancellationToken) {
    loop {
        hub.store.signals().timer_polls();
        let looked_at = hub.clock.now();
        let done = hub.run_due().await;
        let wake = match done {
            Ok(_) => hub.next_look(looked_at).await,
            Err(error) => Err(error),
        };
        let wake = wake.unwrap_or_else(|error| {
            tracing::warn!(error = &error as &dyn std::error::Error, "cannot look for what it is time for");
            hub.clock.now() + RETRY
        });
        hub.store.signals().timer_sleeps_until(wake);
        tokio::select! {
            () = stop.cancelled() => return,
            () = hub.clock.sleep_until(wake, LOOK) => {}
            () = hub.store.signals().deadline() => {}
        }
    }
}
