//! `/v1/people/{email}/chat-identities` and `/v1/me/chat-identities`.

use axum::Json;
use axum::extract::State;

use super::Answer;
use crate::approval::Email;
use crate::http::App;
use crate::http::extract::{Body, Caller, Segment};
use crate::hub::{BoundAccount, ChatIdentities, LinkCode};

/// `PUT /v1/people/{email}/chat-identities`
pub(in crate::http) async fn put(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(email): Segment<Email>,
    Body(input): Body<ChatIdentities>,
) -> Answer<Json<ChatIdentities>> {
    Ok(Json(app.hub.put_chat_identities(&caller, email, input).await?))
}

/// `GET /v1/people/{email}/chat-identities`
pub(in crate::http) async fn show(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(email): Segment<Email>,
) -> Answer<Json<ChatIdentities>> {
    Ok(Json(app.hub.chat_identities(&caller, &email).await?))
}

/// `POST /v1/me/chat-identities`
pub(in crate::http) async fn confirm(
    State(app): State<App>,
    Caller(caller): Caller,
    Body(input): Body<LinkCode>,
) -> Answer<Json<BoundAccount>> {
    Ok(Json(app.hub.confirm_chat_identity(&caller, input).await?))
}
