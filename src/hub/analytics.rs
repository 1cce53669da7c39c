//! Analytics: the summary, and the rows behind it.

use std::time::Duration;

use futures_util::Stream;
use futures_util::stream::try_unfold;
use serde::Deserialize;

use super::{Hub, HubError, input, require};
use crate::analytics::{PendingBacklog, Summary, summarise, times};
use crate::approval::{Request, ResourceName};
use crate::identity::{Principal, Scope};
use crate::ids::RequestId;
use crate::store::rollups::{self, Period};
use crate::store::{Store, StoreError, requests};
use crate::time::Timestamp;

const HOUR: Duration = Duration::from_secs(3_600);
/// Rows read at a time: what an export holds in memory.
const BATCH: u32 = 200;

/// What a report covers.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportFilter {
    /// From this moment on; rounded down to a full hour (UTC).
    pub from: Option<Timestamp>,
    /// Until this moment, not included; rounded up to a full hour (UTC).
    pub to: Option<Timestamp>,
    /// One resource; all without it.
    pub resource: Option<ResourceName>,
}

impl ReportFilter {
    /// The hours it covers. Summary and export use the same, so that they agree.
    fn period(&self) -> Period {
        let up = |at: Timestamp| rollups::hour_of(at + HOUR - Duration::from_micros(1));
        Period { from_hour: self.from.map(rollups::hour_of), to_hour: self.to.map(up), resource: self.resource.clone() }
    }

    fn bounds(&self) -> (Option<Timestamp>, Option<Timestamp>) {
        let moment = |hour: i64| Timestamp::from_micros(hour.saturating_mul(3_600_000_000));
        let Period { from_hour, to_hour, .. } = self.period();
        (from_hour.map(moment), to_hour.map(moment))
    }
}

/// Where an export stands: those that ended first, then those that wait.
struct Cursor {
    store: std::sync::Arc<Store>,
    filter: ReportFilter,
    /// When the export began: what ends meanwhile counts as waiting, so that no request is missed or told twice.
    as_of: Timestamp,
    waiting: bool,
    after: Option<(Timestamp, RequestId)>,
}

impl Hub {
    /// How approving went in a period. Costs the same however long the history is.
    ///
    /// # Errors
    /// When the caller may not see it, or the period ends before it begins.
    pub async fn summary(&self, caller: &Principal, filter: &ReportFilter) -> Result<Summary, HubError> {
        require(caller, &[Scope::Analyst, Scope::Auditor])?;
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

    /// Every request that ended in the period, in the order of their ends, then every one asked in it that still waits; a
    /// batch at a time.
    ///
    /// # Errors
    /// When the caller may not see it, or the period ends before it begins.
    pub fn export(
        &self,
        caller: &Principal,
        filter: ReportFilter,
    ) -> Result<impl Stream<Item = Result<Vec<Request>, StoreError>> + Send + use<>, HubError> {
        require(caller, &[Scope::Analyst, Scope::Auditor])?;
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
