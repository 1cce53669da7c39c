//! `/scim/v2/Groups`.

use axum::extract::State;
use axum::http::StatusCode;
use serde_json::Value;

use super::answer::{BASE, Scim};
use super::query::Query;
use crate::http::App;
use crate::http::api::Answer;
use crate::http::extract::{Body, Caller, Params, Segment};
use crate::hub::{HubError, MAX_GROUPS};
use crate::identity::Principal;
use crate::identity::scim::{self, GroupChange, Projection};
use crate::ids::{ScimGroupId, ScimUserId};
use crate::store::scim::groups::ScimGroup;

fn shown(app: &App, group: &ScimGroup, members: Option<&[ScimUserId]>, projection: &Projection) -> Value {
    let base = format!("{}{BASE}", app.hub.public_url());
    let names = (group.display_name.as_str(), group.external_id.as_deref());
    scim::group(&base, group.id, names, (group.created_at, group.updated_at), members, projection)
}

async fn current(app: &App, caller: &Principal, id: ScimGroupId, projection: &Projection) -> Answer<Value> {
    let (group, members) = app.hub.scim_group(caller, id, projection.wants("members")).await?;
    Ok(shown(app, &group, members.as_deref(), projection))
}

/// `POST /scim/v2/Groups`
pub(in crate::http) async fn create(
    State(app): State<App>,
    Caller(caller): Caller,
    Params(query): Params<Query>,
    Body(body): Body<Value>,
) -> Answer<Scim> {
    let projection = query.projection()?;
    let group = app.hub.create_scim_group(&caller, &body).await?;
    Ok(Scim(StatusCode::CREATED, current(&app, &caller, group.id, &projection).await?))
}

/// `GET /scim/v2/Groups`
pub(in crate::http) async fn list(
    State(app): State<App>,
    Caller(caller): Caller,
    Params(query): Params<Query>,
) -> Answer<Scim> {
    let projection = query.projection()?;
    let part = query.part(MAX_GROUPS)?;
    let (shape, groups) = app.hub.scim_groups(&caller, &part, projection.wants("members")).await?;
    let groups = groups.iter().map(|(group, members)| shown(&app, group, members.as_deref(), &projection)).collect();
    Ok(Scim(StatusCode::OK, scim::list(shape, groups)))
}

/// `GET /scim/v2/Groups/{id}`
pub(in crate::http) async fn show(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(id): Segment<ScimGroupId>,
    Params(query): Params<Query>,
) -> Answer<Scim> {
    let projection = query.projection()?;
    Ok(Scim(StatusCode::OK, current(&app, &caller, id, &projection).await?))
}

/// `PUT /scim/v2/Groups/{id}`
pub(in crate::http) async fn replace(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(id): Segment<ScimGroupId>,
    Params(query): Params<Query>,
    Body(body): Body<Value>,
) -> Answer<Scim> {
    let projection = query.projection()?;
    app.hub.replace_scim_group(&caller, id, &body).await?;
    Ok(Scim(StatusCode::OK, current(&app, &caller, id, &projection).await?))
}

/// `PATCH /scim/v2/Groups/{id}`. Answers without the group, which may be long.
pub(in crate::http) async fn patch(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(id): Segment<ScimGroupId>,
    Body(body): Body<Value>,
) -> Answer<StatusCode> {
    let change = GroupChange::read(&body).map_err(HubError::from)?;
    app.hub.change_scim_group(&caller, id, change).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /scim/v2/Groups/{id}`
pub(in crate::http) async fn delete(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(id): Segment<ScimGroupId>,
) -> Answer<StatusCode> {
    app.hub.delete_scim_group(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
