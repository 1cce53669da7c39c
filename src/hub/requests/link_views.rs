//! Writes the collected counts of link uses every few seconds: a thousand fetches of one link cost one row and one
//! write.
//!
//! Counts that are not written yet are lost when the hub is killed. Votes are not: they are rows of their own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::link_log::Collected;
use crate::approval::GroupName;
use crate::hub::{Hub, HubError};
use crate::ids::{DeliveryId, RequestId};
use crate::store::Session;
use crate::store::link_events::{self, LinkEvent, Tally};
use crate::time::Timestamp;

/// Pause between writes.
const PERIOD: Duration = Duration::from_secs(5);

impl Hub {
    /// Writes the collected counts; if that fails, keeps them for the next write.
    async fn write_link_log(&self) -> Result<(), HubError> {
        let Collected { tallies, dropped } = self.link_log.take();
        if dropped > 0 {
            tracing::warn!(dropped, "too many links were used at once: some uses are not counted");
        }
        if tallies.is_empty() {
            return Ok(());
        }
        let rows = tallies.clone();
        let written = self
            .store
            .write::<_, (), HubError>(move |tx| {
                Box::pin(async move {
                    rows.iter().for_each(|(key, tally)| link_events::add(tx.session(), key, tally));
                    Ok(())
                })
            })
            .await;
        if written.is_err() {
            tallies.into_iter().for_each(|(key, tally)| self.link_log.add(key, tally));
        }
        written
    }
}

/// Uses of the links of one message for one slot.
#[derive(Debug, Clone, Serialize)]
pub struct LinkUses {
    pub group: GroupName,
    /// Any program fetched the page: a mail scanner, a preview, a browser.
    pub fetched: Option<Times>,
    /// A browser rendered the page, perhaps that of a scanner.
    pub viewed: Option<Times>,
    /// A vote was cast through the link.
    pub acted: Option<Times>,
}

/// Number of events, with the times of the first and the last.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Times {
    pub count: u32,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
}

/// Returns the uses of a request's links, by delivery.
pub(super) async fn link_uses(
    session: &mut Session,
    id: RequestId,
) -> Result<BTreeMap<DeliveryId, Vec<LinkUses>>, HubError> {
    let mut found: BTreeMap<DeliveryId, Vec<LinkUses>> = BTreeMap::new();
    // The rows are ordered by message and slot, so rows of one slot are adjacent.
    for (key, Tally { count, first_at, last_at, .. }) in link_events::of_request(session, id).await? {
        let slots = found.entry(key.delivery).or_default();
        if slots.last().is_none_or(|last| last.group != key.slot) {
            slots.push(LinkUses { group: key.slot, fetched: None, viewed: None, acted: None });
        }
        let Some(uses) = slots.last_mut() else { continue };
        let times = Some(Times { count, first_at, last_at });
        match key.event {
            LinkEvent::Fetched => uses.fetched = times,
            LinkEvent::Viewed => uses.viewed = times,
            LinkEvent::Acted => uses.acted = times,
        }
    }
    Ok(found)
}

/// Writes the counts periodically until `stop`, and then once more.
pub async fn run_link_log(hub: Arc<Hub>, stop: CancellationToken) {
    loop {
        let is_over = tokio::select! {
            () = stop.cancelled() => true,
            () = hub.clock.sleep_until(hub.clock.now() + PERIOD, PERIOD) => false,
        };
        if let Err(error) = hub.write_link_log().await {
            tracing::warn!(error = &error as &dyn std::error::Error, "cannot write the counts of link uses");
        }
        if is_over {
            return;
        }
    }
}
