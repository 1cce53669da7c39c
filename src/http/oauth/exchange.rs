//! `/v1/token`: token exchange (RFC 8693).

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use serde::Serialize;

use super::answer::{AccessToken, OAuthError, unstored};
use super::form::Form;
use super::{MAX_FORM, MAX_NAME};
use crate::http::App;
use crate::hub::{ExchangeRefusal, NotAccepted};

/// RFC 8693 §2.1.
const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// RFC 8693 §3.
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const SUBJECT_TYPES: [&str; 2] = ["urn:ietf:params:oauth:token-type:jwt", "urn:ietf:params:oauth:token-type:id_token"];
/// The scope of every token that a workload gets.
const SCOPE: &str = "requester";

/// RFC 8693 §2.2.1.
#[derive(Debug, Serialize)]
struct ExchangedToken {
    issued_token_type: &'static str,
    #[serde(flatten)]
    token: AccessToken,
}

/// `POST /v1/token`
pub(in crate::http) async fn exchange(State(app): State<App>, mut form: Form) -> Result<impl IntoResponse, OAuthError> {
    if form.required("grant_type", MAX_NAME)? != GRANT {
        return Err(OAuthError::new("unsupported_grant_type", format!("grant_type must be {GRANT}")));
    }
    let subject_type = form.required("subject_token_type", MAX_NAME)?;
    if !SUBJECT_TYPES.contains(&subject_type.as_str()) {
        return Err(OAuthError::invalid_request(format!("subject_token_type must be {}", SUBJECT_TYPES.join(" or "))));
    }
    let wanted = form.optional("requested_token_type", MAX_NAME)?;
    if wanted.is_some_and(|wanted| wanted != ACCESS_TOKEN) {
        return Err(OAuthError::invalid_request(format!("requested_token_type must be {ACCESS_TOKEN}")));
    }
    if form.optional("actor_token", MAX_FORM)?.is_some() {
        return Err(OAuthError::invalid_request("actor_token is not supported: the subject acts for itself"));
    }
    // Ignoring these would give a token for more than was asked for.
    for target in ["resource", "audience"] {
        if form.optional(target, MAX_FORM)?.is_some() {
            let detail = format!("{target} is not supported: the trusted issuer says what a token is for");
            return Err(OAuthError::new("invalid_target", detail));
        }
    }
    if form.optional("scope", MAX_FORM)?.is_some_and(|scope| scope.trim() != SCOPE) {
        return Err(OAuthError::new("invalid_scope", format!("the scope of such a token is {SCOPE}")));
    }
    let exchanged = app.hub.exchange_token(&form.required("subject_token", MAX_FORM)?).await?;
    let token = AccessToken {
        access_token: exchanged.secret,
        token_type: "Bearer",
        expires_in: exchanged.expires_at.since(app.hub.now()).as_secs(),
        scope: SCOPE.to_owned(),
    };
    Ok((unstored(), Json(ExchangedToken { issued_token_type: ACCESS_TOKEN, token })))
}

impl From<ExchangeRefusal> for OAuthError {
    fn from(refusal: ExchangeRefusal) -> Self {
        let text = refusal.to_string();
        match refusal {
            ExchangeRefusal::Hub(error) => error.into(),
            ExchangeRefusal::NotAccepted(NotAccepted::Keys(error)) => {
                tracing::warn!(%error, "a token cannot be exchanged");
                Self::new("temporarily_unavailable", text).later()
            }
            // RFC 8693 §2.2.2: a subject token that is not acceptable for whatever reason.
            refusal => {
                tracing::info!(why = text, "a token was not exchanged");
                let error = Self::invalid_request(text);
                // Used twice is no attempt to guess.
                if matches!(refusal, ExchangeRefusal::Used) { error } else { error.of_stranger() }
            }
        }
    }
}
