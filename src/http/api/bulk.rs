//! `/v1/requests/bulk-…`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::Answer;
use crate::approval::{Digest, Status};
use crate::codes::Code;
use crate::http::extract::{Body, Caller};
use crate::http::{App, Problem};
use crate::hub::{BulkAnswer, BulkApprove, BulkItem, BulkReject, RequestView};
use crate::ids::RequestId;

/// The JSON form of a [`BulkAnswer`].
#[derive(Debug, Serialize)]
pub(in crate::http) struct Report {
    items: Vec<Item>,
    more: bool,
}

#[derive(Debug, Serialize)]
struct Item {
    id: RequestId,
    digest: Digest,
    status: Option<Status>,
    /// In a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<Box<RequestView>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Failure>,
}

#[derive(Debug, Serialize)]
struct Failure {
    code: Code,
    detail: String,
}

impl From<BulkAnswer> for Report {
    fn from(BulkAnswer { items, more }: BulkAnswer) -> Self {
        Self { items: items.into_iter().map(Item::from).collect(), more }
    }
}

impl From<BulkItem> for Item {
    fn from(BulkItem { id, digest, result, request }: BulkItem) -> Self {
        match result {
            Ok(status) => Self { id, digest, status: Some(status), request, problem: None },
            Err(error) => {
                let problem = Problem::from(error);
                let failure = Failure { code: problem.code(), detail: problem.detail().to_owned() };
                Self { id, digest, status: None, request, problem: Some(failure) }
            }
        }
    }
}

/// `POST /v1/requests/bulk-reject`
pub(in crate::http) async fn reject(
    State(app): State<App>,
    Caller(caller): Caller,
    Body(input): Body<BulkReject>,
) -> Answer<Json<Report>> {
    Ok(Json(app.hub.bulk_reject(&caller, input).await?.into()))
}

/// `POST /v1/requests/bulk-approve`
pub(in crate::http) async fn approve(
    State(app): State<App>,
    Caller(caller): Caller,
    Body(input): Body<BulkApprove>,
) -> Answer<Json<Report>> {
    Ok(Json(app.hub.bulk_approve(&caller, input).await?.into()))
}
