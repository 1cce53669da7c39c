//! `/v1/analytics`.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;

use super::Answer;
use crate::analytics::{Summary, export as rows};
use crate::approval::{Request, ResourceName};
use crate::http::App;
use crate::http::extract::{Caller, Params};
use crate::hub::ReportFilter;
use crate::time::Timestamp;

/// `GET /v1/analytics/summary`
pub(in crate::http) async fn summary(
    State(app): State<App>,
    Caller(caller): Caller,
    Params(filter): Params<ReportFilter>,
) -> Answer<Json<Summary>> {
    Ok(Json(app.hub.summary(&caller, &filter).await?))
}

/// Format of the exported file.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Csv,
}

/// The query parameters of an export.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Export {
    #[serde(default)]
    format: Format,
    /// Whether the file begins with a byte order mark.
    #[serde(default)]
    bom: bool,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    resource: Option<ResourceName>,
}

/// `GET /v1/analytics/export?format=csv`
pub(in crate::http) async fn export(
    State(app): State<App>,
    Caller(caller): Caller,
    Params(Export { format, bom, from, to, resource }): Params<Export>,
) -> Answer<Response> {
    let batches = app.hub.export(&caller, ReportFilter { from, to, resource })?;
    let Format::Csv = format;
    // A failure in the middle aborts the connection, so that nobody takes an incomplete file for a complete one.
    let mark = if bom { rows::BYTE_ORDER_MARK } else { "" };
    let header = rows::csv_header().map(|header| [mark.as_bytes(), &header].concat()).map_err(std::io::Error::other);
    let header = stream::once(async { header });
    let lines = batches.map_err(std::io::Error::other).and_then(|batch| async move { csv_lines(&batch) });
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"countersign-requests.csv\""),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, Body::from_stream(header.chain(lines))).into_response())
}

fn csv_lines(batch: &[Request]) -> Result<Vec<u8>, std::io::Error> {
    let lines = batch.iter().map(rows::csv_row).collect::<Result<Vec<_>, _>>().map_err(std::io::Error::other)?;
    Ok(lines.concat())
}
