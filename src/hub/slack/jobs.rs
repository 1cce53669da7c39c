//! Carries out what was written down: at once, and again after a crash, until it is done and said.
//!
//! A job is taken for a while, so that another replica goes on with it should this process end. Its change and the word that it is
//! done are one transaction: it happens once. What is to be said may be said twice.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::payload::Work;
use super::plan::{Plan, Step};
use super::reply::Reply;
use crate::audit::Actor;
use crate::hub::lifecycle::transition::carry_out;
use crate::hub::scene::Scene;
use crate::hub::{Hub, HubError};
use crate::store::endpoints::{self, Endpoint};
use crate::store::slack::jobs::{self, Job};
use crate::store::{StoreError, Tx};
use crate::time::{CLOCK_SLACK, Timestamp};

/// Jobs under way at once: a form has to be opened within 3 seconds, whatever the others wait for.
const AT_ONCE: usize = 32;
/// How long a job is a process's own.
const HELD: Duration = Duration::from_secs(90);
/// How often the worker looks for itself: another replica may have left something.
const LOOK: Duration = Duration::from_secs(5);
/// Pause after a failure.
const RETRY: Duration = Duration::from_secs(1);
/// Times that a job is taken up.
const MOST: u32 = 6;
/// Slack takes answers for so long.
const ANSWERABLE: Duration = Duration::from_secs(30 * 60);
/// How long a job that has ended is remembered: far longer than a signature is good for.
const REMEMBERED: Duration = Duration::from_secs(24 * 3_600);
/// Jobs forgotten with each that ends.
const FORGOTTEN: u32 = 16;

/// Why a job did not go on.
enum Stopped {
    /// Another process has it by now.
    Lost,
    Failed(HubError),
}

impl<E: Into<HubError>> From<E> for Stopped {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Carries jobs out until told to stop.
pub async fn run_slack_jobs(hub: Arc<Hub>, stop: CancellationToken) {
    if hub.store.is_exclusive() {
        let now = hub.clock.now();
        let taken = hub.store.write(move |tx| Box::pin(async move { jobs::take_over(tx.session(), now).await })).await;
        if let Err(error) = taken {
            tracing::warn!(error = &error as &dyn std::error::Error, "jobs of Slack wait for their turn to run out");
        }
    }
    let mut running = JoinSet::new();
    while !stop.is_cancelled() {
        let wake = take_some(&hub, &mut running).await.unwrap_or_else(|error| {
            tracing::warn!(error = &error as &dyn std::error::Error, "cannot look for what was done in Slack");
            hub.clock.now() + RETRY
        });
        tokio::select! {
            () = stop.cancelled() => {}
            () = hub.clock.sleep_until(wake, LOOK) => {}
            () = hub.store.signals().slack_jobs() => {}
            Some(_) = running.join_next(), if running.len() >= AT_ONCE => {}
        }
        while running.try_join_next().is_some() {}
    }
    running.join_all().await;
}

/// Sets off what is due, as far as there is room; answers when to look again.
async fn take_some(hub: &Arc<Hub>, running: &mut JoinSet<()>) -> Result<Timestamp, StoreError> {
    let now = hub.clock.now();
    let room = u32::try_from(AT_ONCE.saturating_sub(running.len())).unwrap_or(0);
    let look = now + LOOK;
    let next = jobs::next(&mut hub.store.read().await?).await?;
    let is_due = |(first, last): (Timestamp, Timestamp)| first <= now || last > now + HELD + CLOCK_SLACK;
    if room == 0 || !next.is_some_and(is_due) {
        return Ok(next.filter(|(first, _)| *first > now).map_or(look, |(first, _)| first.min(look)));
    }
    let taken = hub
        .store
        .write(move |tx| Box::pin(async move { jobs::claim(tx.session(), now, now + HELD, room).await }))
        .await?;
    for job in taken {
        let hub = Arc::clone(hub);
        running.spawn(async move { hub.work_off(job).await });
    }
    Ok(look)
}

impl Hub {
    async fn work_off(&self, job: Job) {
        let id = job.id;
        match self.try_to_work_off(&job).await {
            Ok(()) => {}
            Err(Stopped::Lost) => tracing::info!(job = %id, "another replica goes on with what was done in Slack"),
            // Whatever it is that fails, waiting does not mend it.
            Err(Stopped::Failed(error)) if job.attempts >= MOST && !error.is_transient() => {
                tracing::error!(job = %id, error = &error as &dyn std::error::Error, "what was done in Slack is given up");
                if let Err(Stopped::Failed(error)) = self.end(&job, Some(format!("given up: {error}"))).await {
                    tracing::warn!(job = %id, error = &error as &dyn std::error::Error, "it cannot be ended now");
                }
            }
            // It is due again when its time is over.
            Err(Stopped::Failed(error)) => {
                tracing::warn!(job = %id, error = &error as &dyn std::error::Error, "what was done in Slack waits");
            }
        }
    }

    async fn try_to_work_off(&self, job: &Job) -> Result<(), Stopped> {
        let endpoint = endpoints::any_state(&mut self.store.read().await?, job.endpoint).await?;
        let (Ok(work), Some(endpoint)) = (serde_json::from_str::<Work>(&job.work), endpoint) else {
            return self.end(job, Some("it cannot be read any more".to_owned())).await;
        };
        let reply = match &job.reply {
            Some(done) => serde_json::from_str(done).unwrap_or(Reply::Nothing),
            None => self.carry_through(job, &endpoint, &work).await?,
        };
        match self.say(&endpoint, &work.member, &reply).await {
            Ok(()) => self.end(job, None).await,
            Err(error) => {
                tracing::warn!(job = %job.id, endpoint = %endpoint.name, %error, "cannot answer in Slack");
                let again = self.clock.now() + Duration::from_secs(1 << job.attempts.min(MOST));
                let in_time = job.attempts < MOST && again.since(job.created_at) < ANSWERABLE;
                if !(error.may_be_tried_again && in_time) {
                    return self.end(job, Some(error.text)).await;
                }
                let job = job.clone();
                self.store
                    .write(move |tx| Box::pin(async move { Ok(jobs::again(tx.session(), &job, again).await?) }))
                    .await
            }
        }
    }

    /// Does it, once, and answers what is to be said.
    async fn carry_through(&self, job: &Job, endpoint: &Endpoint, work: &Work) -> Result<Reply, Stopped> {
        let planned = self.plan(endpoint, work).await;
        let done = match planned {
            Ok(Plan { step, actor }) => self.keep(job, step, actor).await,
            Err(error) => Err(error.into()),
        };
        match done {
            // The hub's own faults are nothing to tell people.
            Err(Stopped::Failed(error @ (HubError::Store(_) | HubError::Missing(_)))) => Err(error.into()),
            Err(Stopped::Failed(refused)) => self.keep(job, Step::Say(Reply::refusal(&refused)), Actor::Hub).await,
            done => done,
        }
    }

    /// Does the step and writes down that it is done, in one transaction.
    async fn keep(&self, job: &Job, step: Step, actor: Actor) -> Result<Reply, Stopped> {
        let (job, scene) = (job.clone(), self.scene(actor));
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let reply = take_step(tx, step, &scene).await?;
                    let is_ours = jobs::done(tx.session(), &job, &json!(reply).to_string()).await?;
                    if is_ours { Ok(reply) } else { Err(Stopped::Lost) }
                })
            })
            .await
    }

    async fn end(&self, job: &Job, reason: Option<String>) -> Result<(), Stopped> {
        let (job, now) = (job.clone(), self.clock.now());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    jobs::end(tx.session(), &job, reason, now).await?;
                    jobs::forget(tx.session(), now - REMEMBERED, FORGOTTEN).await?;
                    Ok(())
                })
            })
            .await
    }
}

async fn take_step(tx: &mut Tx, step: Step, scene: &Scene) -> Result<Reply, HubError> {
    match step {
        Step::Say(reply) => Ok(reply),
        Step::Change(change) => change.carry_out(tx, scene).await,
        Step::Vote(id, command) => {
            let (_, answer) = carry_out(tx, id, *command, scene).await?;
            Ok(answer.map_or_else(|refusal| Reply::refusal(&refusal), |()| Reply::Nothing))
        }
    }
}
