//! Records the results of deliveries, many in one statement, each guarded by its fence.

use std::collections::HashSet;

use super::{IdRow, Next, Settlement, Tier, bad};
use crate::ids::DeliveryId;
use crate::store::arg::{Arg, args};
use crate::store::bulk::Bulk;
use crate::store::deliveries::DeliveryState;
use crate::store::{Session, StoreError};
use crate::time::Timestamp;

/// Begins a CTE of the given rows, in a form that both databases accept.
macro_rules! rows_named {
    ($names:literal) => {
        concat!("WITH given (", $names, ") AS (")
    };
}

static SETTLE: Bulk = Bulk::typed(
    rows_named!("delivery, fenced, now_state, tries, not_counted, now_tier, due, over, why"),
    &["TEXT", "BIGINT", "TEXT", "BIGINT", "BIGINT", "BIGINT", "BIGINT", "BIGINT", "TEXT"],
    ") UPDATE deliveries SET state = given.now_state, attempts = given.tries, uncharged = given.not_counted,
        tier = given.now_tier, next_attempt_at = given.due, ended_at = given.over, end_reason = given.why,
        lease_until = NULL, leased_at = NULL
    FROM given WHERE deliveries.id = given.delivery AND deliveries.fence = given.fenced AND deliveries.state = 'leased'
    RETURNING id",
);

static ATTEMPTS: Bulk = Bulk::new(
    8,
    "INSERT INTO attempts (delivery_id, endpoint_id, number, started_at, duration_us, class, status, error, answer)",
    9,
    "",
);

/// Records attempts and what is next for their deliveries. Returns the deliveries whose lease was still valid. Nothing
/// is written about the others.
///
/// # Errors
/// When the database fails.
pub async fn settle(
    session: &mut Session,
    settlements: &[Settlement],
    now: Timestamp,
) -> Result<HashSet<DeliveryId>, StoreError> {
    let mut values = Vec::with_capacity(settlements.len() * 9);
    for settlement in settlements {
        values.extend(settlement.row(now));
    }
    let rows: Vec<IdRow> = session.fetch_bulk(&SETTLE, values).await?;
    let valid: HashSet<DeliveryId> =
        rows.iter().map(|row| row.id.parse().map_err(bad(&row.id, "id"))).collect::<Result<_, _>>()?;
    for settlement in settlements.iter().filter(|settlement| valid.contains(&settlement.id)) {
        let Some(attempt) = &settlement.attempt else { continue };
        let values = args![
            &settlement.id,
            &settlement.endpoint_id,
            attempt.number,
            attempt.started_at,
            attempt.duration_us,
            &attempt.class,
            attempt.status.map(i64::from),
            attempt.error.clone(),
            attempt.answer.clone(),
        ];
        session.add(&ATTEMPTS, values);
    }
    Ok(valid)
}

impl Settlement {
    fn row(&self, now: Timestamp) -> Vec<Arg> {
        let (state, due, ended, reason) = match &self.next {
            Next::Retry(at) | Next::GiveBack(at) | Next::Wait(at) => (DeliveryState::Pending, Some(*at), None, None),
            Next::End { state, reason } => (*state, None, Some(now), reason.clone()),
        };
        let made = u32::from(self.attempt.is_some());
        let tier = match (&self.next, self.tier) {
            (Next::Retry(_), Tier::Fresh) => Tier::Retry,
            (_, tier) => tier,
        };
        args![
            &self.id,
            self.fence,
            state.as_str(),
            self.attempts + made,
            self.uncharged + if self.charged { 0 } else { made },
            tier.number(),
            due,
            ended,
            reason,
        ]
    }
}

static EXTEND: Bulk = Bulk::typed(
    rows_named!("delivery, fenced, until"),
    &["TEXT", "BIGINT", "BIGINT"],
    ") UPDATE deliveries SET lease_until = given.until
    FROM given WHERE deliveries.id = given.delivery AND deliveries.fence = given.fenced AND deliveries.state = 'leased'
    RETURNING id",
);

/// Extends leases (delivery and fence) to `until`; returns those that were still valid.
///
/// # Errors
/// When the database fails.
pub async fn extend(
    session: &mut Session,
    leases: &[(DeliveryId, i64)],
    until: Timestamp,
) -> Result<HashSet<DeliveryId>, StoreError> {
    let values = leases.iter().flat_map(|(id, fence)| args![id, *fence, until]).collect();
    let rows: Vec<IdRow> = session.fetch_bulk(&EXTEND, values).await?;
    rows.iter().map(|row| row.id.parse().map_err(bad(&row.id, "id"))).collect()
}
