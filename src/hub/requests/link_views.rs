//! What happens to links, gathered and written down together: whoever fetches a link a thousand times costs one row, and a write
//! every few seconds.
//!
//! What was gathered and not written yet is lost when the hub is killed; votes are not among that, they are on record by themselves.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::link_log::Gathered;
use crate::approval::GroupName;
use crate::hub::{Hub, HubError};
use crate::ids::{DeliveryId, RequestId};
use crate::store::Session;
use crate::store::link_events::{self, LinkEvent, Tally};
use crate::time::Timestamp;

/// How long is gathered.
const PERIOD: Duration = Duration::from_secs(5);
impl Hub {
    /// Writes down what was gathered; what cannot be written is kept for the next time.
    async fn write_link_log(&self) -> Result<(), HubError> {
        let Gathered { tallies, left_out } = self.link_log.take();
        if left_out > 0 {
            tracing::warn!(left_out, "more links were looked at than are counted at once");
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

/// What happened to the links of one message for one slot.
#[derive(Debug, Clone, Serialize)]
pub struct LinkUses {
    /// The slot.
    pub group: GroupName,
    /// Its page was asked for, by whatever program: a mail scanner, a preview, a browser.
    pub fetched: Option<Times>,
    /// Its page was drawn, as browsers do; and as scanners do that run one.
    pub viewed: Option<Times>,
    /// A vote came by it.
    pub acted: Option<Times>,
}

/// How often something happened, and when.
#[derive(Debug, Clone, Copy, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Times {
    pub count: u32,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
}

/// What happened to the links of a request, by message.
pub(super) async fn link_uses(
    session: &mut Session,
    id: RequestId,
) -> Result<BTreeMap<DeliveryId, Vec<LinkUses>>, HubError> {
    let mut found: BTreeMap<DeliveryId, Vec<LinkUses>> = BTreeMap::new();
    // By message and slot, so what belongs together stands together.
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

/// Writes down what happens to links until told to stop, and then the rest.
pub async fn run_link_log(hub: Arc<Hub>, stop: CancellationToken) {
    loop {
        let is_over = tokio::select! {
            () = stop.cancelled() => true,
            () = hub.clock.sleep_until(hub.clock.now() + PERIOD, PERIOD) => false,
        };
        if let Err(error) = hub.write_link_log().await {
            tracing::warn!(error = &error as &dyn std::error::Error, "cannot write down who looked at links");
        }
        if is_over {
            return;
        }
    }
}
