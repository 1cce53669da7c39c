//! One round of the dispatcher: the configuration, short leases, and due deliveries. The number of statements does not
//! grow with the number of endpoints.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::{Dispatcher, POLL_INTERVAL};
use crate::delivery::context::WAITING;
use crate::delivery::results::health;
use crate::delivery::results::heartbeat;
use crate::ids::EndpointId;
use crate::store::StoreError;
use crate::store::endpoints::Endpoint;
use crate::store::queue::{self, ClaimQuota, ClaimedDelivery, DueTimes, Room};
use crate::time::{CLOCK_SLACK, Timestamp};

/// Deliveries whose due time one transaction corrects.
const PART: u32 = 500;
/// Difference between this machine's clock and the database's above which the log warns.
const SKEW: Duration = Duration::from_secs(1);

impl Dispatcher {
    /// Polls once; returns when to poll again. A step that fails for a reason of its own does not stop the others.
    pub(super) async fn round(&mut self) -> Result<Timestamp, StoreError> {
        let store = &self.launcher.context.store;
        // The next poll is counted from here: the clock may be set during the round, and its first steps have read it
        // already.
        let began = self.launcher.context.clock.now();
        store.refresh_configuration().await?;
        let endpoints = store.lookup().endpoints().await?;
        self.launcher.carry_out(self.launcher.scheduler.configure(&endpoints));
        go_on("prolong leases", self.prolong().await)?;
        go_on("probe endpoints that are switched off", health::send_probes(&self.launcher).await)?;
        go_on("send heartbeats", heartbeat::send_due(&self.launcher).await)?;

        let now = self.launcher.context.clock.now();
        let mut session = store.read().await?;
        let due_times = queue::due_times(&mut session).await?;
        let overrun = queue::next_overrun(&mut session).await?;
        let database = queue::database_time(&mut session).await?;
        let latest = queue::latest(&mut session).await?;
        drop(session);
        self.compare_clocks(database, now);
        go_on("correct times set by another clock", self.correct_times(&endpoints, latest, now).await)?;
        if overrun.is_some_and(|overrun| overrun <= now) {
            let released =
                self.launcher.write(move |tx| Box::pin(async move { queue::release_overrun(tx.session(), now).await }));
            go_on("return leases that have run out", released.await)?;
        }
        let next = |(_, due_times): &(_, DueTimes)| due_times.first();
        let (due, later): (Vec<_>, Vec<_>) =
            due_times.into_iter().partition(|queue| next(queue).is_some_and(|due| due <= now));
        self.serve(&endpoints, due, now).await?;
        let next_poll = if now < began { now } else { began + POLL_INTERVAL };
        Ok(later
            .iter()
            .filter_map(next)
            .chain(overrun.filter(|overrun| *overrun > now))
            .fold(next_poll, Timestamp::min))
    }

    /// Corrects due times and leases that lie too far ahead: the clock was set back after they were set, perhaps by
    /// years. Without this, such a delivery would not be sent until the clock reaches that time again.
    async fn correct_times(
        &mut self,
        endpoints: &[Arc<Endpoint>],
        (due, lease): (Option<Timestamp>, Option<Timestamp>),
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let endpoints = endpoints.iter().map(|endpoint| &**endpoint);
        let beyond = now + self.launcher.context.schedule.longest_wait(endpoints) + CLOCK_SLACK;
        if due.is_some_and(|due| due > beyond) {
            let moved = self
                .launcher
                .write(move |tx| Box::pin(async move { queue::bring_forward(tx.session(), beyond, now, PART).await }))
                .await?;
            tracing::warn!(moved, "the clock was set back: deliveries that were due too far ahead are retried now");
            self.launcher.note_due(now);
        }
        let beyond = now + self.launcher.context.lease() + CLOCK_SLACK;
        let is_abandoned = lease.is_some_and(|lease| lease > beyond) && self.is_abandoned(now);
        if is_abandoned {
            let released = self
                .launcher
                .write(move |tx| Box::pin(async move { queue::release_beyond(tx.session(), beyond, now).await }))
                .await?;
            tracing::warn!(released, "the clock was set back: leases without a living owner were ended");
        }
        if lease.is_none_or(|lease| lease <= beyond) || is_abandoned {
            self.overlong_leases_since = None;
        }
        Ok(())
    }

    /// Whether overlong leases have existed for the duration of a lease. A living owner has settled or corrected its
    /// own by then.
    fn is_abandoned(&mut self, now: Timestamp) -> bool {
        let since = self.overlong_leases_since.filter(|since| *since <= now).unwrap_or(now);
        self.overlong_leases_since = Some(since);
        now.since(since) >= self.launcher.context.lease()
    }

    /// Warns when the clocks differ. Each replica uses its own clock for leases, so a wrong one claims what others are
    /// sending.
    fn compare_clocks(&self, database: Option<Timestamp>, now: Timestamp) {
        let Some(database) = database else { return };
        let skew = database.since(now).max(now.since(database));
        let was_wrong = self.launcher.metrics.set_clock_skew(skew) > SKEW;
        match (was_wrong, skew > SKEW) {
            (false, true) => tracing::warn!(
                skew_seconds = skew.as_secs_f64(),
                "this machine's clock and the database's differ: set both by NTP, or replicas send messages twice"
            ),
            (true, false) => tracing::info!("this machine's clock and the database's agree again"),
            _ => {}
        }
    }

    /// Claims due deliveries for the endpoints that the scheduler has room for, the longest overdue endpoint first.
    async fn serve(
        &self,
        endpoints: &[Arc<Endpoint>],
        mut due: Vec<(EndpointId, DueTimes)>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        due.sort_by_key(|(_, due_times)| due_times.first());
        let mut wanted = Vec::new();
        for (id, due_times) in due {
            match endpoints.iter().find(|endpoint| endpoint.id == id) {
                Some(endpoint) if endpoint.is_active() => wanted.push((endpoint, due_times)),
                // The others' deliveries are discarded (`discard.rs`).
                _ => {}
            }
        }
        let rooms = self.launcher.scheduler.rooms(&wanted.iter().map(|(endpoint, _)| *endpoint).collect::<Vec<_>>());
        let quotas: Vec<(&Arc<Endpoint>, ClaimQuota)> = wanted
            .into_iter()
            .zip(rooms)
            .filter(|(_, room)| *room != Room::default())
            .map(|((endpoint, due_times), room)| {
                (endpoint, ClaimQuota { endpoint: endpoint.id, room, due: due_times.due(now) })
            })
            .collect();
        match self.claim(&quotas, now).await {
            Err(error) if !error.is_transient() => {
                // One endpoint may be the cause. Claimed one by one, the others still get their deliveries.
                for quota in &quotas {
                    go_on("claim deliveries", self.claim(std::slice::from_ref(quota), now).await)?;
                }
                Ok(())
            }
            claimed => claimed,
        }
    }

    async fn claim(&self, quotas: &[(&Arc<Endpoint>, ClaimQuota)], now: Timestamp) -> Result<(), StoreError> {
        if quotas.is_empty() {
            return Ok(());
        }
        let (lease, wanted) =
            (self.launcher.context.lease(), quotas.iter().map(|(_, quota)| *quota).collect::<Vec<_>>());
        let claimed = self
            .launcher
            .write(move |tx| Box::pin(async move { queue::claim(tx.session(), &wanted, now, lease).await }))
            .await?;
        let mut by_endpoint: HashMap<EndpointId, Vec<ClaimedDelivery>> = HashMap::new();
        for claimed in claimed {
            by_endpoint.entry(claimed.endpoint_id).or_default().push(claimed);
        }
        for (endpoint, ClaimQuota { room, .. }) in quotas {
            let claimed = by_endpoint.remove(&endpoint.id).unwrap_or_default();
            let more = claimed.len() >= room.fresh.min(room.later) as usize;
            self.launcher.carry_out(self.launcher.scheduler.add_claimed(endpoint, claimed, more));
        }
        Ok(())
    }

    /// Prolongs the leases of deliveries that have waited in memory for long.
    async fn prolong(&self) -> Result<(), StoreError> {
        let now = self.launcher.context.clock.now();
        let leases = self.launcher.scheduler.wrong_leases(
            now + self.launcher.context.needed() + WAITING / 2,
            now + self.launcher.context.lease() + CLOCK_SLACK,
        );
        if leases.is_empty() {
            return Ok(());
        }
        let (until, asked) = (now + self.launcher.context.lease(), leases.clone());
        let held = self
            .launcher
            .write(move |tx| Box::pin(async move { queue::extend(tx.session(), &leases, until).await }))
            .await?;
        self.launcher.scheduler.prolong(&asked, &held, until);
        Ok(())
    }
}

/// Returns an error that affects every step, such as an unreachable database; logs one that affects this step alone.
fn go_on(what: &str, done: Result<impl Sized, StoreError>) -> Result<(), StoreError> {
    match done {
        Err(error) if !error.is_transient() => {
            tracing::error!(error = &error as &dyn std::error::Error, "cannot {what}");
            Ok(())
        }
        done => done.map(drop),
    }
}
