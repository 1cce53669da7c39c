//! What the path of a page names.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::Response;
use serde::de::DeserializeOwned;

use crate::http::extract::Segment;
use crate::http::pages::problem_page;
use crate::http::{App, Problem};

/// A segment of the path; one that cannot be parsed is a page that says so.
pub(super) struct Named<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for Named<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let segment = Segment::from_request_parts(parts, app).await;
        segment.map(|Segment(named)| Self(named)).map_err(|problem: Problem| problem_page(&problem))
    }
}
