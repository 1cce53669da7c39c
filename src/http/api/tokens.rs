//! `/v1/tokens`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;

use super::{Answer, Paging};
use crate::http::App;
use crate::http::extract::{Body, Caller, Params, Segment};
use crate::hub::{Page, TokenInput};
use crate::identity::Token;
use crate::ids::TokenId;

/// `POST /v1/tokens`
pub(in crate::http) async fn create(
    State(app): State<App>,
    Caller(caller): Caller,
    Body(input): Body<TokenInput>,
) -> Answer<impl IntoResponse> {
    Ok((StatusCode::CREATED, Json(app.hub.create_token(&caller, input).await?)))
}

/// `GET /v1/tokens`
pub(in crate::http) async fn list(
    State(app): State<App>,
    Caller(caller): Caller,
    Params(paging): Params<Paging>,
) -> Answer<Json<Page<Token>>> {
    Ok(Json(app.hub.tokens(&caller, paging.limit()?, paging.cursor.as_deref()).await?))
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
