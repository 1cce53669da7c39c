//! `/v1/me/views`: lists of requests that a person has named.

use axum::Json;
use axum::extract::{Query, State};
use axum::http::{StatusCode, Uri};
use serde::Deserialize;

use super::Answer;
use super::requests::List;
use crate::codes::Code;
use crate::http::extract::{Body, Caller, Segment};
use crate::http::{App, Problem};
use crate::hub::{Page, ViewOfRequests};

/// The body that saves a view.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct View {
    /// The filters of `GET /v1/requests`, as its query string.
    query: String,
}

/// `GET /v1/me/views`
pub(in crate::http) async fn list(
    State(app): State<App>,
    Caller(caller): Caller,
) -> Answer<Json<Page<ViewOfRequests>>> {
    Ok(Json(Page { items: app.hub.views_of_requests(&caller).await?, next_cursor: None }))
}

/// `PUT /v1/me/views/{name}`
pub(in crate::http) async fn put(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(name): Segment<String>,
    Body(View { query }): Body<View>,
) -> Answer<Json<ViewOfRequests>> {
    check(&query)?;
    Ok(Json(app.hub.save_view_of_requests(&caller, &name, query).await?))
}

/// `DELETE /v1/me/views/{name}`
pub(in crate::http) async fn delete(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(name): Segment<String>,
) -> Answer<StatusCode> {
    app.hub.delete_view_of_requests(&caller, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Rejects a query string that the list would refuse.
fn check(query: &str) -> Result<(), Problem> {
    let refused = |detail: String| Problem::new(Code::InvalidParameter, detail).at("/query");
    let uri: Uri = format!("/?{query}").parse().map_err(|_| refused("this is no query string".to_owned()))?;
    match Query::<List>::try_from_uri(&uri) {
        Ok(_) => Ok(()),
        Err(error) => Err(refused(format!("GET /v1/requests does not take this: {}", error.body_text()))),
    }
}
