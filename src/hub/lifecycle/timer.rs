//! The timer. It expires requests, sends reminders, escalates, ends unclaimed approvals and expired leases, starts and
//! ends access, and rechecks requests after membership changes.
//!
//! Every step reads and judges its request again inside the writer. The first replica performs it, the others find
//! nothing to do.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::announce::announce;
use super::executions::{advance_access, use_once};
use super::transition::carry_out;
use crate::approval::{Command, GrantCommand, Roster, Use};
use crate::audit::{Actor, Entry};
use crate::hub::change_context::ChangeContext;
use crate::hub::retries::Task;
use crate::hub::{Hub, HubError};
use crate::ids::RequestId;
use crate::store::membership_checks::Check;
use crate::store::timers::{self, Due, Timer};
use crate::store::{Tx, membership_checks, requests, reviews};
use crate::time::Timestamp;

/// Requests handled in one transaction.
const BATCH: u32 = 64;
/// Longest pause between polls: another replica may have created a request with a near deadline.
const POLL_INTERVAL: Duration = Duration::from_secs(5);
/// Pause after a failure.
const RETRY: Duration = Duration::from_secs(1);

impl Hub {
    /// Runs the steps that are due, and returns how many there were.
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
                // Continues after the last row: a row that is still due after its step must not block the others.
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

    /// Runs the steps in one transaction. When one of them fails, runs each in its own, so that only that one fails.
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

    /// Records the result of a task that ran alone.
    ///
    /// # Errors
    /// When the store is unavailable, which is not the task's fault.
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
        let context = self.change_context(Actor::Hub);
        self.store
            .write::<_, (), HubError>(move |tx| {
                Box::pin(async move {
                    for id in due {
                        step(tx, timer, id, &context).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Rechecks the pending requests of groups whose members have changed: some votes may no longer count, and some
    /// requests may no longer be decidable. Returns how many requests were rechecked.
    ///
    /// # Errors
    /// When the store fails.
    async fn recheck(&self) -> Result<usize, HubError> {
        let mut checked = 0;
        loop {
            let next = membership_checks::next(&mut self.store.read().await?).await?;
            let Some(check) = next else { return Ok(checked) };
            let context = self.change_context(Actor::Hub);
            let part = self
                .store
                .write::<_, usize, HubError>(move |tx| Box::pin(async move { recheck_part(tx, &context).await }))
                .await;
            checked += match part {
                Err(error) if !error.is_transient() => self.recheck_each(check).await?,
                part => part?,
            };
        }
    }

    /// Rechecks each request of a failing batch in its own transaction. A request that fails is logged and skipped: the
    /// next change of the group rechecks it.
    async fn recheck_each(&self, check: Check) -> Result<usize, HubError> {
        let part = membership_checks::part(&mut self.store.read().await?, &check, BATCH).await?;
        for id in &part {
            let (id, context) = (*id, self.change_context(Actor::Hub));
            let alone = self
                .store
                .write::<_, (), HubError>(move |tx| {
                    Box::pin(async move { carry_out(tx, id, Command::Recheck, &context).await.map(drop) })
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

    /// The time of the next poll. Rows that were due at `polled_at` and still are have failed: they wait for their
    /// retry.
    async fn next_wake(&self, polled_at: Timestamp) -> Result<Timestamp, HubError> {
        let latest = self.clock.now() + POLL_INTERVAL;
        let next = timers::next(&mut self.store.read().await?, polled_at).await?;
        let retry = self.retries.next_retry(polled_at);
        Ok(next.into_iter().chain(retry).fold(latest, Timestamp::min))
    }
}

async fn step(tx: &mut Tx, timer: Timer, id: RequestId, context: &ChangeContext) -> Result<(), HubError> {
    match timer {
        Timer::Deadline => carry_out(tx, id, Command::Expire, context).await.map(drop),
        Timer::Notice => carry_out(tx, id, Command::Advance, context).await.map(drop),
        Timer::Execution => use_once(tx, id, Use::Tick, context).await.map(drop),
        Timer::Grant => advance_access(tx, id, GrantCommand::Tick, context).await.map(drop),
        Timer::Review => announce_overdue_review(tx, id, context).await,
    }
}

/// Announces, once, that the review of a break-glass is overdue.
async fn announce_overdue_review(tx: &mut Tx, id: RequestId, context: &ChangeContext) -> Result<(), HubError> {
    let request = requests::get(tx.session(), id).await?.ok_or(HubError::Missing("the request of a review"))?;
    let now = context.clock.now();
    if !reviews::set_announced(tx.session(), id).await? {
        return Ok(());
    }
    tx.record(&Entry { request: Some(id), ..Entry::new(now, "request.review_due", context.actor.clone()) })?;
    announce(tx, context, "request.review_due", &request, &Roster::default(), now).await
}

/// Rechecks the next batch of the oldest membership check, from where any replica has left it.
async fn recheck_part(tx: &mut Tx, context: &ChangeContext) -> Result<usize, HubError> {
    let Some(check) = membership_checks::next(tx.session()).await? else { return Ok(0) };
    let part = membership_checks::part(tx.session(), &check, BATCH).await?;
    for id in &part {
        carry_out(tx, *id, Command::Recheck, context).await.map(drop)?;
    }
    membership_checks::advance(tx.session(), &check, part.last().copied()).await?;
    Ok(part.len())
}

/// Runs due steps until `stop`.
pub async fn run_timer(hub: Arc<Hub>, stop: CancellationToken) {
    loop {
        hub.store.signals().timer_polls();
        let polled_at = hub.clock.now();
        let done = hub.run_due().await;
        let wake = match done {
            Ok(_) => hub.next_wake(polled_at).await,
            Err(error) => Err(error),
        };
        let wake = wake.unwrap_or_else(|error| {
            tracing::warn!(error = &error as &dyn std::error::Error, "the timer failed and will retry");
            hub.clock.now() + RETRY
        });
        hub.store.signals().timer_sleeps_until(wake);
        tokio::select! {
            () = stop.cancelled() => return,
            () = hub.clock.sleep_until(wake, POLL_INTERVAL) => {}
            () = hub.store.signals().deadline() => {}
        }
    }
}
