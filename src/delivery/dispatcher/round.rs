//! One look at the database: what is configured, whose lease is short, and what is due for every endpoint, in a few statements
//! however many endpoints there are.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::{Dispatcher, LOOK};
use crate::delivery::context::WAITING;
use crate::delivery::results::health;
use crate::delivery::results::heartbeat;
use crate::ids::EndpointId;
use crate::store::StoreError;
use crate::store::endpoints::Endpoint;
use crate::store::queue::{self, ClaimQuota, ClaimedDelivery, DueTimes, Room};
use crate::time::{CLOCK_SLACK, Timestamp};

/// Deliveries brought forward in one transaction.
const PART: u32 = 500;
/// How far this machine's clock and the database's may differ before the log says so.
const SKEW: Duration = Duration::from_secs(1);

impl Dispatcher {
    /// Looks once: at the configuration, at leases, at what is due. Answers when to look again. What fails for a reason of its own
    /// keeps nothing else from being done.
    pub(super) async fn round(&mut self) -> Result<Timestamp, StoreError> {
        let store = &self.launcher.context.store;
        // The next look is counted from here: the clock may move during the round, either way, and parts of it have looked before.
        let began = self.launcher.context.clock.now();
        store.refresh_configuration().await?;
        let endpoints = store.lookup().endpoints().await?;
        self.launcher.carry_out(self.launcher.scheduler.configure(&endpoints));
        go_on("prolong leases", self.prolong().await)?;
        go_on("probe what is switched off", health::look(&self.launcher).await)?;
        go_on("send heartbeats", heartbeat::look(&self.launcher).await)?;

        let now = self.launcher.context.clock.now();
        let mut session = store.read().await?;
        let moments = queue::due_times(&mut session).await?;
        let overrun = queue::next_overrun(&mut session).await?;
        let database = queue::database_time(&mut session).await?;
        let latest = queue::latest(&mut session).await?;
        drop(session);
        self.compare_clocks(database, now);
        go_on("take back what was put off by another clock", self.mend_moments(&endpoints, latest, now).await)?;
        if overrun.is_some_and(|overrun| overrun <= now) {
            let released =
                self.launcher.write(move |tx| Box::pin(async move { queue::release_overrun(tx.session(), now).await }));
            go_on("take back what another process left", released.await)?;
        }
        let next = |(_, moments): &(_, DueTimes)| moments.first();
        let (due, later): (Vec<_>, Vec<_>) =
            moments.into_iter().partition(|queue| next(queue).is_some_and(|moment| moment <= now));
        self.serve(&endpoints, due, now).await?;
        let look = if now < began { now } else { began + LOOK };
        Ok(later.iter().filter_map(next).chain(overrun.filter(|overrun| *overrun > now)).fold(look, Timestamp::min))
    }

    /// What is due, or leased, further ahead than it can have been put by this clock was put there before the clock was put back,
    /// perhaps by years. Nobody would look at it for as long.
    async fn mend_moments(
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
            tracing::warn!(moved, "the clock was put back: what was to be tried again later is tried now");
            self.launcher.told(now);
        }
        let beyond = now + self.launcher.context.lease() + CLOCK_SLACK;
        let is_left = lease.is_some_and(|lease| lease > beyond) && self.is_left_behind(now);
        if is_left {
            let released = self
                .launcher
                .write(move |tx| Box::pin(async move { queue::release_beyond(tx.session(), beyond, now).await }))
                .await?;
            tracing::warn!(released, "the clock was put back: leases that nobody keeps are over");
        }
        if lease.is_none_or(|lease| lease <= beyond) || is_left {
            self.strange_leases = None;
        }
        Ok(())
    }

    /// Whether leases that end too late have been seen for as long as a lease lasts: whoever is alive has settled or set them
    /// right by then.
    fn is_left_behind(&mut self, now: Timestamp) -> bool {
        let since = self.strange_leases.filter(|since| *since <= now).unwrap_or(now);
        self.strange_leases = Some(since);
        now.since(since) >= self.launcher.context.lease()
    }

    /// Leases and deadlines go by each replica's own clock: one that goes wrong by seconds takes away what others are sending.
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

    /// Claims what is due, that which has waited longest first.
    async fn serve(
        &self,
        endpoints: &[Arc<Endpoint>],
        mut due: Vec<(EndpointId, DueTimes)>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        due.sort_by_key(|(_, moments)| moments.first());
        let mut wanted = Vec::new();
        for (id, moments) in due {
            match endpoints.iter().find(|endpoint| endpoint.id == id) {
                Some(endpoint) if endpoint.is_active() => wanted.push((endpoint, moments)),
                // What waits for others is discarded, by small steps.
                _ => {}
            }
        }
        let rooms = self.launcher.scheduler.rooms(&wanted.iter().map(|(endpoint, _)| *endpoint).collect::<Vec<_>>());
        let wishes: Vec<(&Arc<Endpoint>, ClaimQuota)> = wanted
            .into_iter()
            .zip(rooms)
            .filter(|(_, room)| *room != Room::default())
            .map(|((endpoint, moments), room)| {
                (endpoint, ClaimQuota { endpoint: endpoint.id, room, due: moments.due(now) })
            })
            .collect();
        match self.claim(&wishes, now).await {
            Err(error) if !error.is_transient() => {
                // Whoever is to blame must not keep the others from theirs.
                for wish in &wishes {
                    go_on("claim deliveries", self.claim(std::slice::from_ref(wish), now).await)?;
                }
                Ok(())
            }
            claimed => claimed,
        }
    }

    async fn claim(&self, wishes: &[(&Arc<Endpoint>, ClaimQuota)], now: Timestamp) -> Result<(), StoreError> {
        if wishes.is_empty() {
            return Ok(());
        }
        let (lease, wanted) = (self.launcher.context.lease(), wishes.iter().map(|(_, wish)| *wish).collect::<Vec<_>>());
        let claimed = self
            .launcher
            .write(move |tx| Box::pin(async move { queue::claim(tx.session(), &wanted, now, lease).await }))
            .await?;
        let mut by_endpoint: HashMap<EndpointId, Vec<ClaimedDelivery>> = HashMap::new();
        for claimed in claimed {
            by_endpoint.entry(claimed.endpoint_id).or_default().push(claimed);
        }
        for (endpoint, ClaimQuota { room, .. }) in wishes {
            let claimed = by_endpoint.remove(&endpoint.id).unwrap_or_default();
            let more = claimed.len() >= room.fresh.min(room.later) as usize;
            self.launcher.carry_out(self.launcher.scheduler.take(endpoint, claimed, more));
        }
        Ok(())
    }

    /// Prolongs the leases of what has waited here for long.
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

/// Passes on what concerns everything, as a database that is away does; logs what concerns this alone.
fn go_on(what: &str, done: Result<impl Sized, StoreError>) -> Result<(), StoreError> {
    match done {
        Err(error) if !error.is_transient() => {
            tracing::error!(error = &error as &dyn std::error::Error, "cannot {what}");
            Ok(())
        }
        done => done.map(drop),
    }
}
