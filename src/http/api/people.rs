//! `/v1/people`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::{Answer, Paging};
use crate::approval::Email;
use crate::http::App;
use crate::http::extract::{Body, Caller, Params, Segment};
use crate::hub::{Page, PersonInput};
use crate::store::people::Person;

/// `PUT /v1/people/{email}`
pub(in crate::http) async fn put(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(email): Segment<Email>,
    Body(input): Body<PersonInput>,
) -> Answer<Json<Person>> {
    Ok(Json(app.hub.put_person(&caller, email, input).await?))
}

/// `GET /v1/people/{email}`
pub(in crate::http) async fn show(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(email): Segment<Email>,
) -> Answer<Json<Person>> {
    Ok(Json(app.hub.person(&caller, &email).await?))
}

/// `GET /v1/people`
pub(in crate::http) async fn list(
    State(app): State<App>,
    Caller(caller): Caller,
    Params(paging): Params<Paging>,
) -> Answer<Json<Page<Person>>> {
    Ok(Json(app.hub.people(&caller, paging.limit()?, paging.after()).await?))
}

/// `DELETE /v1/people/{email}/sessions`
pub(in crate::http) async fn end_sessions(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(email): Segment<Email>,
) -> Answer<StatusCode> {
    app.hub.end_sessions_of(&caller, email).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /v1/people/{email}`
pub(in crate::http) async fn delete(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(email): Segment<Email>,
) -> Answer<StatusCode> {
    app.hub.delete_person(&caller, email).await?;
    Ok(StatusCode::NO_CONTENT)
}
