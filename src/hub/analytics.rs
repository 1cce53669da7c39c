//! Analytics: the summary of a period, and the export of its requests.

use std::time::Duration;

use futures_util::Stream;
use futures_util::stream::try_unfold;
use serde::Deserialize;

use super::{Hub, HubError, input, require};
use crate::analytics::{PendingBacklog, Summary, summarise, times};
use crate::approval::{Request, ResourceName};
use crate::identity::{Principal, Right};
use crate::ids::RequestId;
use crate::store::rollups::{self, Period};
use crate::store::{Store, StoreError, requests};
use crate::time::Timestamp;

const HOUR: Duration = Duration::from_secs(3_600);
/// Requests per batch of an export, which bounds its memory.
const BATCH: u32 = 200;

/// The period and resource of a report.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportFilter {
    /// Inclusive; rounded down to a full hour (UTC).
    pub from: Option<Timestamp>,
    /// Exclusive; rounded up to a full hour (UTC).
    pub to: Option<Timestamp>,
    /// `None` for all resources.
    pub resource: Option<ResourceName>,
}

impl ReportFilter {
    /// The hours that the report covers. Summary and export use the same hours, so that they agree.
    fn period(&self) -> Period {
        let up = |at: Timestamp| rollups::hour_of(at + HOUR - Duration::from_micros(1));
        Period { from_hour: self.from.map(rollups::hour_of), to_hour: self.to.map(up), resource: self.resource.clone() }
    }

    fn bounds(&self) -> (Option<Timestamp>, Option<Timestamp>) {
        let start_of = |hour: i64| Timestamp::from_micros(hour.saturating_mul(3_600_000_000));
        let Period { from_hour, to_hour, .. } = self.period();
        (from_hour.map(start_of), to_hour.map(start_of))
    }
}

/// The position of an export: first the ended requests, then the pending ones.
struct Cursor {
    store: std::sync::Arc<Store>,
    filter: ReportFilter,
    /// Start of the export. A request that ends later is exported as pending, so that none is missed or appears twice.
    as_of: Timestamp,
    waiting: bool,
    after: Option<(Timestamp, RequestId)>,
}

impl Hub {
    /// Summarises the requests of a period from rollups: its cost does not depend on the number of requests.
    ///
    /// # Errors
    /// When the caller may not see it, or the period ends before it begins.
    pub async fn summary(&self, caller: &Principal, filter: &ReportFilter) -> Result<Summary, HubError> {
        require(caller, Right::ReadAnalytics)?;
        input::period_of_list(filter.from, filter.to)?;
        let mut session = self.store.read().await?;
        let period = filter.period();
        let counts = rollups::counts(&mut session, &period).await?;
        let buckets = rollups::buckets(&mut session, &period).await?;
        let (count, oldest) = requests::backlog(&mut session, filter.resource.as_ref()).await?;
        let (ended, rates, approval_time) = summarise(&counts, &buckets);
        let (counts, buckets) = rollups::working(&mut session, &period).await?;
        let working_time = times(&counts, &buckets);
        let (from, to) = filter.bounds();
        let oldest_seconds = oldest.map(|oldest| self.clock.now().since(oldest).as_secs_f64());
        let pending = PendingBacklog { count, oldest_seconds };
        Ok(Summary { from, to, resource: filter.resource.clone(), ended, rates, approval_time, working_time, pending })
    }

    /// Streams batches of the requests that ended in the period, by their end, then of the pending ones created in it.
    ///
    /// # Errors
    /// When the caller may not see it, or the period ends before it begins.
    pub fn export(
        &self,
        caller: &Principal,
        filter: ReportFilter,
    ) -> Result<impl Stream<Item = Result<Vec<Request>, StoreError>> + Send + use<>, HubError> {
        require(caller, Right::ReadAnalytics)?;
        input::period_of_list(filter.from, filter.to)?;
        let as_of = self.clock.now();
        let cursor = Cursor { store: self.store.clone(), filter, as_of, waiting: false, after: None };
        Ok(try_unfold(cursor, next_batch))
    }
}

async fn next_batch(mut cursor: Cursor) -> Result<Option<(Vec<Request>, Cursor)>, StoreError> {
    let (from, to) = cursor.filter.bounds();
    let before = Some(to.map_or(cursor.as_of, |to| to.min(cursor.as_of)));
    loop {
        let mut session = cursor.store.read().await?;
        let resource = cursor.filter.resource.as_ref();
        let batch = if cursor.waiting {
            requests::waiting(&mut session, resource, (from, to), cursor.as_of, cursor.after, BATCH).await?
        } else {
            requests::ended(&mut session, resource, (from, before), cursor.after, BATCH).await?
        };
        let Some(last) = batch.last() else {
            if cursor.waiting {
                return Ok(None);
            }
            (cursor.waiting, cursor.after) = (true, None);
            continue;
        };
        let place = if cursor.waiting { last.expires_at } else { last.decided_at.unwrap_or_default() };
        cursor.after = Some((place, last.id));
        return Ok(Some((batch, cursor)));
    }
}
