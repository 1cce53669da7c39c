//! `/v1/slack`: calls from Slack, authenticated by Slack's signature instead of a token.

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::Answer;
use crate::codes::Code;
use crate::http::extract::read_body;
use crate::http::{App, Problem};
use crate::hub::{HubError, Signed, SlackAnswer};

/// Slack waits 3 seconds for the response, so the hub must answer earlier.
const ANSWERED: Duration = Duration::from_millis(2_500);

/// `POST /v1/slack/interactions`
pub(in crate::http) async fn interactions(State(app): State<App>, request: Request) -> Answer<Response> {
    let (headers, body) = read(&app, request).await?;
    in_time(app.hub.slack_interaction(signed(&headers, &body))).await
}

/// `POST /v1/slack/commands`
pub(in crate::http) async fn commands(State(app): State<App>, request: Request) -> Answer<Response> {
    let (headers, body) = read(&app, request).await?;
    in_time(app.hub.slack_command(signed(&headers, &body))).await
}

/// Reads the body, which must happen before the signature can be verified: only if the headers may be Slack's, and only
/// a bounded number of bodies concurrently.
async fn read(app: &App, request: Request) -> Answer<(HeaderMap, Bytes)> {
    let headers = request.headers().clone();
    app.hub.check_slack_head(signed(&headers, &[]))?;
    let full = |_| Problem::new(Code::Busy, "too many concurrent calls from Slack: try again");
    let _permit = app.unauthenticated.try_acquire().map_err(full)?;
    Ok((headers, read_body(request, app).await?))
}

fn signed<'c>(headers: &'c HeaderMap, body: &'c [u8]) -> Signed<'c> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    Signed { timestamp: text("x-slack-request-timestamp"), signature: text("x-slack-signature"), body }
}

async fn in_time(accepted: impl Future<Output = Result<SlackAnswer, HubError>>) -> Answer<Response> {
    let late = |_| Problem::new(Code::StorageUnavailable, "the hub cannot store the call in time: try again");
    match tokio::time::timeout(ANSWERED, accepted).await.map_err(late)?? {
        SlackAnswer::Acknowledged => Ok(StatusCode::OK.into_response()),
        SlackAnswer::Shown(shown) => Ok(Json(shown).into_response()),
    }
}
