//! `/v1/tokens` and `/v1/sign-in-links`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;

use super::{Answer, Paging};
use crate::http::App;
use crate::http::extract::{Body, Caller, KeyedBody, Params, Segment};
use crate::hub::{NewToken, Page, RotateTokenInput, SignInLinkInput, TokenInput, TokenView};
use crate::ids::TokenId;

/// `POST /v1/tokens`
pub(in crate::http) async fn create(
    State(app): State<App>,
    Caller(caller): Caller,
    KeyedBody(input, key): KeyedBody<TokenInput>,
) -> Answer<impl IntoResponse> {
    Ok((StatusCode::CREATED, Json(app.hub.create_token(&caller, input, key).await?)))
}

/// `GET /v1/tokens`
pub(in crate::http) async fn list(
    State(app): State<App>,
    Caller(caller): Caller,
    Params(paging): Params<Paging>,
) -> Answer<Json<Page<TokenView>>> {
    Ok(Json(app.hub.tokens(&caller, paging.limit()?, paging.cursor.as_deref()).await?))
}

/// `POST /v1/tokens/{id}/rotate`
pub(in crate::http) async fn rotate(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(id): Segment<TokenId>,
    KeyedBody(input, key): KeyedBody<RotateTokenInput>,
) -> Answer<Json<NewToken>> {
    Ok(Json(app.hub.rotate_token(&caller, id, input, key).await?))
}

/// `POST /v1/sign-in-links`
pub(in crate::http) async fn sign_in_link(
    State(app): State<App>,
    Caller(caller): Caller,
    Body(input): Body<SignInLinkInput>,
) -> Answer<impl IntoResponse> {
    Ok((StatusCode::CREATED, Json(app.hub.create_sign_in_link(&caller, input).await?)))
}

/// `DELETE /v1/tokens/{id}`
pub(in crate::http) async fn revoke(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(id): Segment<TokenId>,
) -> Answer<StatusCode> {
    app.hub.revoke_token(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
