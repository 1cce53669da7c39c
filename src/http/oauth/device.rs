//! `/v1/device`: device authorization (RFC 8628).

use axum::Json;
use axum::extract::{Extension, State};
use axum::response::IntoResponse;
use serde_json::json;

use super::MAX_NAME;
use super::answer::{AccessToken, OAuthError, unstored};
use super::form::Form;
use crate::http::App;
use crate::http::client_address::ClientAddress;
use crate::hub::PollError;
use crate::identity::{Device, PollRefusal};

/// RFC 8628 §3.4.
const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// Longest device code: those of this hub are shorter.
const MAX_CODE: usize = 128;

/// `POST /v1/device/authorize`
pub(in crate::http) async fn authorize(
    State(app): State<App>,
    address: Option<Extension<ClientAddress>>,
    mut form: Form,
) -> Result<impl IntoResponse, OAuthError> {
    let client = form.required("client_id", MAX_NAME)?;
    // Not of the RFC: the person sees it beside the code.
    let name = form.optional("device_name", MAX_NAME)?.unwrap_or_default();
    let origin = address.as_ref().map(|Extension(address)| address.counted().to_string()).unwrap_or_default();
    let address = address.map(|Extension(client)| client.address.to_string()).unwrap_or_default();
    let started = app.hub.start_device(Device { client, name, address }, origin).await?;
    let page = format!("{}/device", app.hub.public_url());
    let body = json!({
        "device_code": started.device_code,
        "user_code": started.user_code.to_string(),
        "verification_uri": page,
        "verification_uri_complete": format!("{page}?code={}", started.user_code),
        "expires_in": started.expires_in.as_secs(),
        "interval": started.interval.as_secs(),
    });
    Ok((unstored(), Json(body)))
}

/// `POST /v1/device/token`
pub(in crate::http) async fn token(State(app): State<App>, mut form: Form) -> Result<impl IntoResponse, OAuthError> {
    if form.required("grant_type", MAX_NAME)? != GRANT {
        return Err(OAuthError::new("unsupported_grant_type", format!("grant_type must be {GRANT}")));
    }
    let code = form.required("device_code", MAX_CODE)?;
    let granted = app.hub.poll_device(&code).await?;
    let scopes: Vec<&str> = granted.session.scopes.iter().map(|scope| scope.as_str()).collect();
    let token = AccessToken {
        access_token: granted.secret,
        token_type: "Bearer",
        expires_in: granted.session.expires_at.since(app.hub.now()).as_secs(),
        scope: scopes.join(" "),
    };
    Ok((unstored(), Json(token)))
}

impl From<PollError> for OAuthError {
    fn from(error: PollError) -> Self {
        let refusal = match error {
            PollError::Refused(refusal) => refusal,
            PollError::Hub(error) => return error.into(),
        };
        let code = match refusal {
            PollRefusal::Pending => "authorization_pending",
            PollRefusal::SlowDown(_) => "slow_down",
            PollRefusal::Denied => "access_denied",
            PollRefusal::Expired => "expired_token",
            PollRefusal::Invalid => "invalid_grant",
        };
        Self::new(code, refusal.to_string())
    }
}
