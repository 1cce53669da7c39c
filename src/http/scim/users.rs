//! `/scim/v2/Users`.

use axum::extract::State;
use axum::http::StatusCode;
use serde_json::Value;

use super::answer::{BASE, Scim};
use super::query::Query;
use crate::http::App;
use crate::http::api::Answer;
use crate::http::extract::{Body, Caller, Params, Segment};
use crate::hub::MAX_USERS;
use crate::identity::scim::{self, Projection};
use crate::ids::ScimUserId;
use crate::store::scim::users::ScimUser;

fn shown(app: &App, user: &ScimUser, projection: &Projection) -> Value {
    let base = format!("{}{BASE}", app.hub.public_url());
    scim::user(&base, user.id, &user.attributes, (user.created_at, user.updated_at), projection)
}

/// `POST /scim/v2/Users`
pub(in crate::http) async fn create(
    State(app): State<App>,
    Caller(caller): Caller,
    Params(query): Params<Query>,
    Body(body): Body<Value>,
) -> Answer<Scim> {
    let projection = query.projection()?;
    let user = app.hub.create_scim_user(&caller, &body).await?;
    Ok(Scim(StatusCode::CREATED, shown(&app, &user, &projection)))
}

/// `GET /scim/v2/Users`
pub(in crate::http) async fn list(
    State(app): State<App>,
    Caller(caller): Caller,
    Params(query): Params<Query>,
) -> Answer<Scim> {
    let projection = query.projection()?;
    let (shape, users) = app.hub.scim_users(&caller, &query.part(MAX_USERS)?).await?;
    let users = users.iter().map(|user| shown(&app, user, &projection)).collect();
    Ok(Scim(StatusCode::OK, scim::list(shape, users)))
}

/// `GET /scim/v2/Users/{id}`
pub(in crate::http) async fn show(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(id): Segment<ScimUserId>,
    Params(query): Params<Query>,
) -> Answer<Scim> {
    let projection = query.projection()?;
    let user = app.hub.scim_user(&caller, id).await?;
    Ok(Scim(StatusCode::OK, shown(&app, &user, &projection)))
}

/// `PUT /scim/v2/Users/{id}`
pub(in crate::http) async fn replace(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(id): Segment<ScimUserId>,
    Params(query): Params<Query>,
    Body(body): Body<Value>,
) -> Answer<Scim> {
    let projection = query.projection()?;
    let user = app.hub.replace_scim_user(&caller, id, body).await?;
    Ok(Scim(StatusCode::OK, shown(&app, &user, &projection)))
}

/// `PATCH /scim/v2/Users/{id}`
pub(in crate::http) async fn patch(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(id): Segment<ScimUserId>,
    Params(query): Params<Query>,
    Body(body): Body<Value>,
) -> Answer<Scim> {
    let projection = query.projection()?;
    let user = app.hub.patch_scim_user(&caller, id, body).await?;
    Ok(Scim(StatusCode::OK, shown(&app, &user, &projection)))
}

/// `DELETE /scim/v2/Users/{id}`
pub(in crate::http) async fn delete(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(id): Segment<ScimUserId>,
) -> Answer<StatusCode> {
    app.hub.delete_scim_user(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
