//! Test messages to an endpoint.

use serde::Deserialize;
use serde_json::json;

use super::input::check_events;
use super::sample::sample;
use crate::audit::Entry;
use crate::codes::Code;
use crate::delivery::Trial;
use crate::hub::services::TRIALS_AT_ONCE;
use crate::hub::{Hub, HubError, require};
use crate::identity::{Principal, Right};
use crate::ids::EndpointId;
use crate::store::endpoints;

/// The body of a test.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TestInput {
    /// The kind of event; `request.created` when absent.
    pub event: Option<String>,
}

impl Hub {
    /// Sends a sample event to an endpoint, even if it is paused or disabled, and returns the result.
    ///
    /// # Errors
    /// When the caller may not, there is no such endpoint or event, or too many tests are running.
    pub async fn test_endpoint(&self, caller: &Principal, id: EndpointId, input: TestInput) -> Result<Trial, HubError> {
        require(caller, Right::Configure)?;
        check_events("/event", input.event.as_ref())?;
        let kind = input.event.unwrap_or_else(|| "request.created".to_owned());
        let endpoint =
            endpoints::get(&mut self.store.read().await?, id).await?.ok_or(HubError::NotFound("endpoint"))?;
        let Ok(_permit) = self.trials.try_acquire() else {
            let detail = format!("{TRIALS_AT_ONCE} tests are already running: try again in a moment");
            return Err(HubError::conflict(Code::Busy, detail));
        };
        let event = sample(&kind, &endpoint, &self.settings.public_url, self.clock.now());
        let trial = self.launcher.context().try_out(&endpoint, event).await;
        let (now, actor) = (self.clock.now(), caller.actor());
        let details = json!({
            "endpoint": id, "name": endpoint.name, "event": kind, "delivered": trial.delivered, "class": trial.class,
            "status": trial.answer.as_ref().map(|answer| answer.status),
        });
        self.store
            .write::<_, (), HubError>(move |tx| {
                Box::pin(async move {
                    tx.record(&Entry { details, ..Entry::new(now, "endpoint.tested", actor) })?;
                    Ok(())
                })
            })
            .await?;
        Ok(trial)
    }
}
