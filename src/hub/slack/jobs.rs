//! The worker that runs the stored jobs, until each is done and its reply is sent.
//!
//! A job is leased, so that another replica continues it if this process ends. Its change and its completion are one
//! transaction, so the change happens once. The reply may be sent twice.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::payload::Work;
use super::plan::{PlannedStep, Step};
use super::reply::Reply;
use crate::approval::Refusal;
use crate::audit::Actor;
use crate::hub::change_context::ChangeContext;
use crate::hub::lifecycle::transition::carry_out;
use crate::hub::{Hub, HubError};
use crate::store::endpoints::{self, Endpoint};
use crate::store::slack::jobs::{self, Job};
use crate::store::{StoreError, Tx};
use crate::time::{CLOCK_SLACK, Timestamp};

/// Concurrent jobs: Slack opens a form only within 3 seconds, so it must not wait for other jobs.
const AT_ONCE: usize = 32;
/// Lease of a job.
const LEASE: Duration = Duration::from_secs(90);
/// Longest pause between polls: another replica may have left a job.
const POLL_INTERVAL: Duration = Duration::from_secs(5);
/// Pause after a failure.
const RETRY: Duration = Duration::from_secs(1);
/// Most attempts at a job.
const MAX_ATTEMPTS: u32 = 6;
/// Time for which Slack accepts replies.
const ANSWERABLE: Duration = Duration::from_secs(30 * 60);
/// How long an ended job is kept, to reject repeats: far longer than a signature is valid.
const REMEMBERED: Duration = Duration::from_secs(24 * 3_600);
/// Old jobs that are deleted with each job that ends.
const FORGOTTEN: u32 = 16;

/// Why a job stopped.
enum Stopped {
    /// Another process has leased it.
    Lost,
    Failed(HubError),
}

impl<E: Into<HubError>> From<E> for Stopped {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Runs jobs until `stop`.
pub async fn run_slack_jobs(hub: Arc<Hub>, stop: CancellationToken) {
    if hub.store.is_exclusive() {
        let now = hub.clock.now();
        let taken = hub.store.write(move |tx| Box::pin(async move { jobs::take_over(tx.session(), now).await })).await;
        if let Err(error) = taken {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "cannot release the Slack jobs of the last run: they wait until their leases expire"
            );
        }
    }
    let mut running = JoinSet::new();
    while !stop.is_cancelled() {
        let wake = start_due(&hub, &mut running).await.unwrap_or_else(|error| {
            tracing::warn!(error = &error as &dyn std::error::Error, "cannot poll for Slack jobs");
            hub.clock.now() + RETRY
        });
        tokio::select! {
            () = stop.cancelled() => {}
            () = hub.clock.sleep_until(wake, POLL_INTERVAL) => {}
            () = hub.store.signals().slack_jobs() => {}
            Some(_) = running.join_next(), if running.len() >= AT_ONCE => {}
        }
        while running.try_join_next().is_some() {}
    }
    running.join_all().await;
}

/// Starts due jobs up to [`AT_ONCE`], and returns the time of the next poll.
async fn start_due(hub: &Arc<Hub>, running: &mut JoinSet<()>) -> Result<Timestamp, StoreError> {
    let now = hub.clock.now();
    let room = u32::try_from(AT_ONCE.saturating_sub(running.len())).unwrap_or(0);
    let latest = now + POLL_INTERVAL;
    let next = jobs::next(&mut hub.store.read().await?).await?;
    let is_due = |(first, last): (Timestamp, Timestamp)| first <= now || last > now + LEASE + CLOCK_SLACK;
    if room == 0 || !next.is_some_and(is_due) {
        return Ok(next.filter(|(first, _)| *first > now).map_or(latest, |(first, _)| first.min(latest)));
    }
    let taken = hub
        .store
        .write(move |tx| Box::pin(async move { jobs::claim(tx.session(), now, now + LEASE, room).await }))
        .await?;
    for job in taken {
        let hub = Arc::clone(hub);
        running.spawn(async move { hub.process(job).await });
    }
    Ok(latest)
}

impl Hub {
    async fn process(&self, job: Job) {
        let id = job.id;
        match self.try_process(&job).await {
            Ok(()) => {}
            Err(Stopped::Lost) => tracing::info!(job = %id, "another replica has taken over this Slack job"),
            // A failure that is not transient: more retries would not help.
            Err(Stopped::Failed(error)) if job.attempts >= MAX_ATTEMPTS && !error.is_transient() => {
                tracing::error!(job = %id, error = &error as &dyn std::error::Error, "giving up a Slack job");
                if let Err(Stopped::Failed(error)) = self.end(&job, Some(format!("given up: {error}"))).await {
                    tracing::warn!(job = %id, error = &error as &dyn std::error::Error, "cannot end a Slack job now");
                }
            }
            // It is due again when its lease expires.
            Err(Stopped::Failed(error)) => {
                tracing::warn!(job = %id, error = &error as &dyn std::error::Error, "a Slack job will be retried");
            }
        }
    }

    async fn try_process(&self, job: &Job) -> Result<(), Stopped> {
        let endpoint = endpoints::any_state(&mut self.store.read().await?, job.endpoint).await?;
        let (Ok(work), Some(endpoint)) = (serde_json::from_str::<Work>(&job.work), endpoint) else {
            return self.end(job, Some("the job or its endpoint can no longer be read".to_owned())).await;
        };
        let reply = match &job.reply {
            Some(done) => serde_json::from_str(done).unwrap_or(Reply::Nothing),
            None => self.execute(job, &endpoint, &work).await?,
        };
        match self.send_reply(&endpoint, &work.member, &reply).await {
            Ok(()) => self.end(job, None).await,
            Err(error) => {
                tracing::warn!(job = %job.id, endpoint = %endpoint.name, %error, "cannot answer in Slack");
                let again = self.clock.now() + Duration::from_secs(1 << job.attempts.min(MAX_ATTEMPTS));
                let in_time = job.attempts < MAX_ATTEMPTS && again.since(job.created_at) < ANSWERABLE;
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

    /// Runs the work, once, and returns the reply.
    async fn execute(&self, job: &Job, endpoint: &Endpoint, work: &Work) -> Result<Reply, Stopped> {
        let planned = self.plan(endpoint, work).await;
        let done = match planned {
            Ok(PlannedStep { step, actor }) => self.run_step(job, step, actor).await,
            Err(error) => Err(error.into()),
        };
        match done {
            // The hub's own faults are retried, not shown to the member.
            Err(Stopped::Failed(error @ (HubError::Store(_) | HubError::Missing(_)))) => Err(error.into()),
            Err(Stopped::Failed(refused)) => {
                self.run_step(job, Step::Reply(Reply::refusal(&refused)), Actor::Hub).await
            }
            done => done,
        }
    }

    /// Runs the step and marks the job as done, in one transaction.
    async fn run_step(&self, job: &Job, step: Step, actor: Actor) -> Result<Reply, Stopped> {
        let (job, context) = (job.clone(), self.change_context(actor));
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let reply = take_step(tx, step, &context).await?;
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

async fn take_step(tx: &mut Tx, step: Step, context: &ChangeContext) -> Result<Reply, HubError> {
    match step {
        Step::Reply(reply) => Ok(reply),
        Step::Change(change) => change.carry_out(tx, context).await,
        Step::Vote(id, command) => {
            let (_, answer) = carry_out(tx, id, *command, context).await?;
            Ok(match answer {
                Ok(()) => Reply::Nothing,
                Err(refusal @ Refusal::MembershipStale(_)) => {
                    Reply::refusal(&refusal).with_sign_in(&context.public_url)
                }
                Err(refusal) => Reply::refusal(&refusal),
            })
        }
    }
}
