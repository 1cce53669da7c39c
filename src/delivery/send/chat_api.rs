//! Calls to a chat service that answer a user there. They are no deliveries and are not retried: the user can ask
//! again.

use serde_json::Value;

use super::attempt::call;
use super::outcome::Class;
use crate::delivery::context::SendContext;
use crate::store::endpoints::Endpoint;

/// A failed call to a chat service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct CallError {
    pub may_be_tried_again: bool,
    /// The error, without any secret.
    pub text: String,
}

impl SendContext {
    /// Calls a method of the endpoint's chat API.
    ///
    /// # Errors
    /// When the call fails, or its result is unknown.
    pub async fn call_chat(&self, endpoint: &Endpoint, method: &'static str, body: &Value) -> Result<(), CallError> {
        let now = self.clock.now();
        let outcome = call(&self.egress, endpoint, method, body.to_string(), now).await;
        if outcome.class == Class::Success {
            return Ok(());
        }
        let text = outcome.error.unwrap_or_else(|| outcome.class.as_str().to_owned());
        Err(CallError { may_be_tried_again: outcome.class.is_retried(), text })
    }

    /// Posts to the response URL that a chat service sent with an interaction.
    ///
    /// # Errors
    /// When the URL is not allowed, or the call fails.
    pub async fn answer_chat(&self, endpoint: &Endpoint, url: &str, body: &Value) -> Result<(), CallError> {
        let egress = &self.egress;
        let failed = |may_be_tried_again, text: String| Err(CallError { may_be_tried_again, text });
        let sent = async {
            let prepared = egress.prepare(endpoint)?;
            egress.post_to(&prepared, url, body.to_string(), self.clock.now()).await
        };
        match sent.await {
            Ok(answer) if answer.status == 200 => Ok(()),
            Ok(answer) => {
                failed(answer.status == 429 || answer.status >= 500, format!("Slack answered {}", answer.status))
            }
            Err(error) => failed(true, error.to_string()),
        }
    }
}
