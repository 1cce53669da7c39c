//! Lists of an endpoint's deliveries, read by keyset pages from an index.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sqlx::AssertSqlSafe;

use super::arg::args;
use super::deliveries::{Delivery, DeliveryState, Row, SELECT};
use super::readable::{self, Listing};
use super::{Session, StoreError};
use crate::ids::{DeliveryId, EndpointId};
use crate::time::Timestamp;

/// Deliveries read in one round of a list.
const ROUND: u32 = 200;
/// Most rounds of one call.
const ROUNDS: usize = 25;
/// Above every id: `g` comes after the hex digits.
const END: &str = "dlv_g";
/// The condition of an index for deliveries that ended without success. The text must match the index's condition.
const UNSUCCESSFUL: &str = "d.state IN ('failed', 'expired', 'superseded', 'discarded')";

/// Which deliveries to list; empty and absent fields match all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    pub states: BTreeSet<DeliveryState>,
    /// Event types.
    pub events: BTreeSet<String>,
    /// Created at or after.
    pub from: Option<Timestamp>,
    /// Created before.
    pub to: Option<Timestamp>,
}

/// A page of a list.
#[derive(Debug)]
pub struct Page {
    pub deliveries: Vec<Delivery>,
    /// The cursor of the next page, when there may be more.
    pub next: Option<DeliveryId>,
}

#[derive(Debug, Clone, Copy)]
enum Order {
    Oldest,
    Newest,
}

impl Filter {
    /// Whether a delivery matches.
    pub fn matches(&self, delivery: &Delivery) -> bool {
        (self.states.is_empty() || self.states.contains(&delivery.state))
            && (self.events.is_empty() || self.events.contains(&delivery.event))
            && self.from.is_none_or(|from| from <= delivery.created_at)
            && self.to.is_none_or(|to| delivery.created_at < to)
    }

    /// Whether every delivery matches.
    fn matches_all(&self) -> bool {
        self.states.is_empty() && self.events.is_empty() && self.from.is_none() && self.to.is_none()
    }

    /// The id from which on deliveries match: ids are in the order of creation.
    pub fn begin(&self) -> String {
        self.from.map(|from| DeliveryId::least(from).to_string()).unwrap_or_default()
    }

    /// The id behind which nothing matches, `end` at the latest.
    fn end(&self, end: Option<DeliveryId>) -> String {
        // Ids are precise to a millisecond: in that of `to`, some deliveries may have been created before it.
        let to = self.to.map(|to| DeliveryId::least(to + Duration::from_micros(999)));
        let end = [to, end].into_iter().flatten().min();
        end.map_or_else(|| END.to_owned(), |end| end.to_string())
    }

    fn condition(&self) -> String {
        use DeliveryState::{Discarded, Expired, Failed, Superseded};

        let unsuccessful = BTreeSet::from([Failed, Expired, Superseded, Discarded]);
        let only = !self.states.is_empty() && self.states.is_subset(&unsuccessful);
        let only = if only { format!(" AND {UNSUCCESSFUL}") } else { String::new() };
        format!("WHERE d.endpoint_id = $1 AND d.id > $2 AND d.id < $3{only}")
    }
}

/// Up to `limit` deliveries of an endpoint that match, newest first, older than `before`.
///
/// A call reads at most 5,000 deliveries, so a page may be short although more pages follow.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn page(
    session: &mut Session,
    endpoint: EndpointId,
    filter: &Filter,
    before: Option<DeliveryId>,
    limit: u32,
) -> Result<Page, StoreError> {
    let (mut found, mut next) = (Vec::new(), before);
    let begin = filter.begin();
    let round = if filter.matches_all() { limit + 1 } else { ROUND };
    for _ in 0..ROUNDS {
        let part = part(session, endpoint, filter, (&begin, &filter.end(next)), Order::Newest, round).await?;
        let is_last = part.len() < round as usize;
        next = part.last().map(|last| last.id);
        for delivery in part.into_iter().filter(|delivery| filter.matches(delivery)) {
            if found.len() == limit as usize {
                let next = found.last().map(|last: &Delivery| last.id);
                return Ok(Page { deliveries: found, next });
            }
            found.push(delivery);
        }
        if is_last {
            return Ok(Page { deliveries: found, next: None });
        }
    }
    Ok(Page { deliveries: found, next })
}

/// The next `limit` deliveries of an endpoint after `after` and before `until`, oldest first. Not all of them match the
/// filter: the caller checks [`Filter::matches`].
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn walk(
    session: &mut Session,
    endpoint: EndpointId,
    filter: &Filter,
    after: &str,
    until: DeliveryId,
    limit: u32,
) -> Result<Vec<Delivery>, StoreError> {
    part(session, endpoint, filter, (after, &filter.end(Some(until))), Order::Oldest, limit).await
}

/// Counts the matching deliveries that were created before `until`.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn count(
    session: &mut Session,
    endpoint: EndpointId,
    filter: &Filter,
    until: DeliveryId,
) -> Result<u64, StoreError> {
    const PART: u32 = 1_000;
    let (mut count, mut after) = (0, filter.begin());
    loop {
        let part = walk(session, endpoint, filter, &after, until, PART).await?;
        count += part.iter().filter(|delivery| filter.matches(delivery)).count() as u64;
        match part.last() {
            Some(last) if part.len() == PART as usize => after = last.id.to_string(),
            _ => return Ok(count),
        }
    }
}

async fn part(
    session: &mut Session,
    endpoint: EndpointId,
    filter: &Filter,
    (after, before): (&str, &str),
    order: Order,
    limit: u32,
) -> Result<Vec<Delivery>, StoreError> {
    let direction = match order {
        Order::Oldest => "ASC",
        Order::Newest => "DESC",
    };
    let sql = format!("{SELECT} {} ORDER BY d.id {direction} LIMIT $4", filter.condition());
    let values = |place: &String, left| match order {
        Order::Oldest => args![&endpoint, place, before, left],
        Order::Newest => args![&endpoint, after, place, left],
    };
    let listing = Listing { values, position: |row: &Row| row.id.clone(), read: Row::into_delivery };
    let begin = match order {
        Order::Oldest => after,
        Order::Newest => before,
    };
    readable::page(session, AssertSqlSafe(sql), listing, begin.to_owned(), limit).await
}
