//! `/v1/groups`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::{Answer, Paging};
use crate::approval::GroupName;
use crate::http::App;
use crate::http::extract::{Body, Caller, Params, Segment};
use crate::hub::{GroupInput, GroupView, MembersInput, Page};
use crate::store::groups::Group;

/// `PUT /v1/groups/{name}`
pub(in crate::http) async fn put(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(name): Segment<GroupName>,
    Body(input): Body<GroupInput>,
) -> Answer<Json<Group>> {
    Ok(Json(app.hub.put_group(&caller, name, input).await?))
}

/// `PUT /v1/groups/{name}/members`
pub(in crate::http) async fn put_members(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(name): Segment<GroupName>,
    Body(input): Body<MembersInput>,
) -> Answer<Json<Group>> {
    Ok(Json(app.hub.put_group_members(&caller, name, input).await?))
}

/// `GET /v1/groups/{name}`
pub(in crate::http) async fn show(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(name): Segment<GroupName>,
) -> Answer<Json<GroupView>> {
    Ok(Json(app.hub.group(&caller, &name).await?))
}

/// `GET /v1/groups`
pub(in crate::http) async fn list(
    State(app): State<App>,
    Caller(caller): Caller,
    Params(paging): Params<Paging>,
) -> Answer<Json<Page<Group>>> {
    Ok(Json(app.hub.groups(&caller, paging.limit()?, paging.after()).await?))
}

/// `DELETE /v1/groups/{name}`
pub(in crate::http) async fn delete(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(name): Segment<GroupName>,
) -> Answer<StatusCode> {
    app.hub.delete_group(&caller, name).await?;
    Ok(StatusCode::NO_CONTENT)
}
