//! What happened to a request, in order: from the audit trail, the messages about it, and the uses of their links.

use serde::Serialize;
use serde_json::{Value, json};

use super::told::{MessageExplanation, messages_about};
use crate::approval::{Assurance, Email};
use crate::audit::{Actor, Sealed};
use crate::hub::{Hub, HubError, Page};
use crate::identity::Principal;
use crate::ids::RequestId;
use crate::store::audit;
use crate::time::Timestamp;

/// Most steps that are listed; older ones are left out.
const MAX_STEPS: usize = 500;

/// Something that happened to a request.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    pub at: Timestamp,
    /// The action of the audit entry; or `told` for a message, and `seen` for the page behind its link.
    pub what: String,
    /// The person who acted, or for whom a system acted.
    pub person: Option<Email>,
    /// How sure the hub was of the person.
    pub assurance: Option<Assurance>,
    /// The name of the token, or of the endpoint whose link or app was used.
    pub via: Option<String>,
    /// Further facts: those of the audit entry, or of the delivery.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub details: Value,
}

impl Hub {
    /// What happened to a request, oldest first.
    ///
    /// # Errors
    /// When there is no such request for the caller.
    pub async fn timeline(&self, caller: &Principal, id: RequestId) -> Result<Page<Step>, HubError> {
        self.visible(caller, id).await?;
        let session = &mut self.store.read().await?;
        let trail = audit::of_request(session, id).await?;
        let told = messages_about(session, id).await?;
        Ok(Page { items: steps(trail, &told), next_cursor: None })
    }
}

/// The steps of a request, oldest first. Of the same moment, what was done comes before who was told.
pub(super) fn steps(trail: Vec<Sealed>, told: &[MessageExplanation]) -> Vec<Step> {
    let done = trail.into_iter().map(|sealed| {
        let entry = sealed.entry;
        let via = match entry.actor {
            Actor::Token { name, .. } => Some(name),
            Actor::Link { endpoint } | Actor::Chat { endpoint, .. } => Some(endpoint),
            Actor::Session { .. } | Actor::Hub => None,
        };
        Step {
            at: entry.at,
            what: entry.action,
            person: entry.person,
            assurance: entry.assurance,
            via,
            details: entry.details,
        }
    });
    // The newest message is the first.
    let told = told.iter().rev().flat_map(of_message);
    let mut steps: Vec<Step> = done.chain(told).collect();
    steps.sort_by_key(|step| step.at);
    let extra = steps.len().saturating_sub(MAX_STEPS);
    steps.split_off(extra)
}

fn of_message(message: &MessageExplanation) -> Vec<Step> {
    let told = Step {
        at: message.at,
        what: "told".to_owned(),
        person: None,
        assurance: None,
        via: Some(message.endpoint.clone()),
        details: json!({
            "event": message.event, "state": message.state, "attempts": message.attempts, "error": message.error,
        }),
    };
    let seen = message.links.iter().filter_map(|link| {
        let viewed = link.viewed?;
        Some(Step {
            at: viewed.first_at,
            what: "seen".to_owned(),
            person: None,
            assurance: None,
            via: Some(message.endpoint.clone()),
            details: json!({"group": link.group, "count": viewed.count, "last_at": viewed.last_at}),
        })
    });
    std::iter::once(told).chain(seen).collect()
}
