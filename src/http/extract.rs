//! Extractors: handlers get typed values, and callers get problems that point to the invalid part of the input.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, FailedToBufferBody};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment as PathSegment;

use super::{App, MAX_BODY, MAX_MANIFEST, Problem};
use crate::codes::Code;
use crate::hub::{HubError, IdempotencyKey, KeyedCall};
use crate::identity::Principal;
use crate::shape::{Shaped, without_mark_bytes};

/// Timeout for reading a body.
pub const BODY_TIME: Duration = Duration::from_secs(30);

/// Grace period for incomplete calls when the hub stops.
pub const CUT_AFTER: Duration = Duration::from_millis(500);

/// The caller: the principal of the bearer token.
pub(super) struct Caller(pub(super) Principal);

/// A JSON body.
pub(super) struct Body<T>(pub(super) T);

/// A JSON body; an empty body stands for the defaults.
pub(super) struct OptionalBody<T>(pub(super) T);

/// A query string.
pub(super) struct Params<T>(pub(super) T);

/// A segment of the path; one that cannot be parsed is a 404.
pub(super) struct Segment<T>(pub(super) T);

/// A JSON body (an empty one stands for the defaults), with the call's `Idempotency-Key`.
pub(super) struct KeyedBody<T>(pub(super) T, pub(super) Option<KeyedCall>);

/// The call's `Idempotency-Key`, if it has one.
pub(super) struct Idempotency(pub(super) Option<IdempotencyKey>);

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        // Put there by `access::guard`; a route that the table calls open has no caller.
        let caller = parts.extensions.remove::<Principal>();
        caller.map(Self).ok_or_else(|| Problem::from(HubError::Missing("the caller of a guarded route")))
    }
}

impl FromRequestParts<App> for Idempotency {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        let mut values = parts.headers.get_all("idempotency-key").iter();
        let Some(value) = values.next() else { return Ok(Self(None)) };
        if values.next().is_some() {
            return Err(Problem::new(Code::InvalidIdempotencyKey, "send only one Idempotency-Key"));
        }
        Ok(Self(Some(IdempotencyKey::parse(value.to_str().unwrap_or_default())?)))
    }
}

impl<T: DeserializeOwned + Send> FromRequestParts<App> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        match Query::from_request_parts(parts, app).await {
            Ok(Query(params)) => Ok(Self(params)),
            Err(error) => Err(Problem::new(Code::InvalidParameter, query_error(&error.body_text()))),
        }
    }
}

impl<T: DeserializeOwned + Send> FromRequestParts<App> for Segment<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        match Path::from_request_parts(parts, app).await {
            Ok(Path(segment)) => Ok(Self(segment)),
            Err(error) => Err(Problem::new(Code::NotFound, format!("there is no such object: {}", error.body_text()))),
        }
    }
}

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        check_json(request.headers())?;
        parse_json(&read_body(request, app).await?).map(Self)
    }
}

impl<T: DeserializeOwned + Default> FromRequest<App> for OptionalBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let media_type = check_json(request.headers());
        let body = read_body(request, app).await?;
        if body.is_empty() {
            return Ok(Self(T::default()));
        }
        media_type?;
        parse_json(&body).map(Self)
    }
}

impl<T: DeserializeOwned> FromRequest<App> for KeyedBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let Idempotency(key) = Idempotency::from_request_parts(&mut parts, app).await?;
        let media_type = check_json(&parts.headers);
        let body = read_body(Request::from_parts(parts, body), app).await?;
        let call = key.map(|key| KeyedCall::new(key, &body)).transpose();
        if body.is_empty() {
            return Ok(Self(parse_json(b"{}")?, call?));
        }
        media_type?;
        // An error of the typed parser is more precise than one of the key, so it comes first.
        Ok(Self(parse_json(&body)?, call?))
    }
}

/// Reads the whole body, within the route's size limit and [`BODY_TIME`].
pub(super) async fn read_body(request: Request, app: &App) -> Result<Bytes, Problem> {
    let reading = tokio::time::timeout(BODY_TIME, Bytes::from_request(request, app));
    let cut = async {
        app.stop.cancelled().await;
        tokio::time::sleep(CUT_AFTER).await;
    };
    let read = tokio::select! {
        biased;
        read = reading => read.map_err(|_| Problem::new(Code::TooSlow, "the body took too long to arrive"))?,
        () = cut => {
            let detail = "the hub is stopping and the body was incomplete: nothing was done, try again";
            return Err(Problem::new(Code::Stopping, detail));
        }
    };
    read.map_err(|error| match error {
        BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)) => {
            let detail = format!("a body is limited to {MAX_BODY} bytes, and that of /v1/apply to {MAX_MANIFEST}");
            Problem::new(Code::BodyTooLarge, detail)
        }
        _ => Problem::new(Code::InvalidJson, "the body could not be read completely"),
    })
}

/// Rewrites the parser's error about a query string for the caller.
fn query_error(error: &str) -> String {
    let error = error.strip_prefix("Failed to deserialize query string: ").unwrap_or(error);
    let not_a_number = [
        "invalid digit found in string",
        "cannot parse integer from empty string",
        "number too large to fit in target type",
    ];
    match error.rsplit_once(": ") {
        Some((name, reason)) if not_a_number.contains(&reason) => {
            format!("the query string: {name}: expected a whole number, not negative and not too large")
        }
        _ => format!("the query string: {error}"),
    }
}

fn check_json(headers: &HeaderMap) -> Result<(), Problem> {
    if media_type(headers).is_some_and(|kind| kind == "application/json" || kind.ends_with("+json")) {
        return Ok(());
    }
    Err(Problem::new(Code::UnsupportedMediaType, "send JSON with Content-Type: application/json"))
}

/// The media type without its parameters, in lower case.
pub(super) fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

/// Converts a path in a body to a JSON Pointer (RFC 6901), with a limited depth.
fn pointer(path: &serde_path_to_error::Path) -> String {
    const DEPTH: usize = 16;
    let part = |segment: &PathSegment| match segment {
        PathSegment::Seq { index } => Some(format!("/{index}")),
        PathSegment::Map { key } => Some(format!("/{}", key.replace('~', "~0").replace('/', "~1"))),
        PathSegment::Enum { .. } | PathSegment::Unknown => None,
    };
    path.iter().take(DEPTH).filter_map(part).collect()
}

/// The parser's error, with an explanation where its words are obscure.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let is_half = ["lone leading surrogate", "unexpected end of hex escape"].iter().any(|part| text.starts_with(part));
    if is_half { format!("{text}: half of a surrogate pair is not a character") } else { text }
}

/// Parses JSON; an error includes the place.
pub(super) fn parse_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(without_mark_bytes(body));
    let value = serde_path_to_error::deserialize(Shaped(&mut json)).map_err(|error| {
        Problem::new(Code::InvalidJson, format!("the body cannot be read: {}", reason(error.inner())))
            .at(pointer(error.path()))
    })?;
    json.end().map_err(|error| Problem::new(Code::InvalidJson, format!("the body cannot be read: {error}")))?;
    Ok(value)
}
