//! The messages about a request, with their deliveries and the uses of their links.

use serde::Serialize;

use super::link_views::{LinkUses, link_uses};
use crate::hub::HubError;
use crate::ids::{DeliveryId, RequestId};
use crate::store::Session;
use crate::store::deliveries::{self, DeliveryState, Told};
use crate::time::Timestamp;

/// Most messages that an explanation lists.
const MAX_MESSAGES: u32 = 100;

/// A message about the request, with its delivery.
#[derive(Debug, Clone, Serialize)]
pub struct MessageExplanation {
    pub delivery: DeliveryId,
    /// Name of the endpoint.
    pub endpoint: String,
    /// The kind of event.
    pub event: String,
    pub state: DeliveryState,
    /// Attempts made.
    pub attempts: u32,
    /// The last error.
    pub error: Option<String>,
    /// When the delivery was created.
    pub at: Timestamp,
    /// The recorded uses of its links, by slot.
    pub links: Vec<LinkUses>,
}

/// The newest messages about a request, newest first: two statements.
pub(super) async fn messages_about(session: &mut Session, id: RequestId) -> Result<Vec<MessageExplanation>, HubError> {
    let found = deliveries::told(session, id, MAX_MESSAGES).await?;
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let mut links = link_uses(session, id).await?;
    let message = |Told { delivery, endpoint, error }: Told| {
        let arrived = matches!(delivery.state, DeliveryState::Delivered | DeliveryState::Accepted);
        MessageExplanation {
            delivery: delivery.id,
            endpoint: endpoint.unwrap_or_default(),
            event: delivery.event,
            state: delivery.state,
            attempts: delivery.attempts,
            error: error.filter(|_| !arrived).or(delivery.end_reason),
            at: delivery.created_at,
            links: links.remove(&delivery.id).unwrap_or_default(),
        }
    };
    Ok(found.into_iter().map(message).collect())
}
