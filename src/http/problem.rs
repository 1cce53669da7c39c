//! Errors as RFC 9457 problem documents; this is the only place that creates them. The codes are part of the API's
//! contract and are listed in `docs/errors.md`.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::approval::{Refusal, UseRefusal};
use crate::channels::Preview;
use crate::codes::Code;
use crate::hub::{HubError, LinkProblem, RequestView};
use crate::store::StoreError;

/// The detail of an internal error.
pub(super) const INTERNAL: &str = "an internal error occurred, and nothing was changed: see the hub's log";

/// What a problem said, for interfaces that say it in another form; the code stands beside it.
#[derive(Debug, Clone)]
pub(super) struct Told(pub(super) String);

/// A problem document. Boxed, since it is the `Err` of every handler.
#[derive(Debug)]
pub struct Problem(Box<Document>);

#[derive(Debug, Serialize)]
struct Document {
    /// A URI that identifies the kind of problem.
    #[serde(rename = "type")]
    kind: String,
    title: String,
    status: u16,
    /// Stable identifier for programs.
    code: Code,
    /// What is wrong and what to do.
    detail: String,
    /// The invalid part of the input (RFC 6901).
    #[serde(skip_serializing_if = "String::is_empty")]
    pointer: String,
    /// How the request ended, if that is the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
    /// The request's current state.
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<Box<RequestView>>,
    /// Where to sign in, if that helps.
    #[serde(skip_serializing_if = "Option::is_none")]
    sign_in_url: Option<String>,
    /// The samples that a template fails with.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<Preview>,
    /// Seconds after which the call may be repeated.
    #[serde(skip)]
    retry_after: Option<u64>,
}

impl Problem {
    /// Returns a problem with the code.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self(Box::new(Document {
            kind: format!("urn:countersign:problem:{code}"),
            title: code.as_str().replace('_', " "),
            status: code.status(),
            code,
            detail: detail.into(),
            pointer: String::new(),
            outcome: None,
            request: None,
            sign_in_url: None,
            problems: Vec::new(),
            retry_after: None,
        }))
    }

    /// Adds the invalid part of the input.
    pub(super) fn at(mut self, pointer: impl Into<String>) -> Self {
        self.0.pointer = pointer.into();
        self
    }

    /// The invalid part of the input (RFC 6901); empty if it is about none.
    pub(super) fn pointer(&self) -> &str {
        &self.0.pointer
    }

    /// The samples that a template fails with.
    pub(super) fn problems(&self) -> &[Preview] {
        &self.0.problems
    }

    /// Adds in how many seconds the call may be repeated.
    pub(super) fn retry_after(mut self, seconds: u64) -> Self {
        self.0.retry_after = Some(seconds);
        self
    }

    /// Adds the request that the problem is about, and how it ended.
    fn about(mut self, request: Option<Box<RequestView>>, outcome: Option<&'static str>) -> Self {
        (self.0.request, self.0.outcome) = (request, outcome);
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// In how many seconds the call may be repeated.
    pub(super) fn retries_after(&self) -> Option<u64> {
        self.0.retry_after
    }

    /// The document, for an answer that no handler writes.
    pub(super) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(&self.0).unwrap_or_default()
    }

    /// The stable code.
    pub const fn code(&self) -> Code {
        self.0.code
    }

    /// What is wrong and what to do.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }
}

impl From<HubError> for Problem {
    fn from(error: HubError) -> Self {
        let detail = error.to_string();
        match error {
            HubError::Forbidden(_) => Self::new(Code::Forbidden, detail),
            HubError::NotFound(_) => Self::new(Code::NotFound, detail),
            HubError::Invalid { code, pointer, .. } => Self::new(code, detail).at(pointer),
            HubError::Template { pointer, problems } => {
                let mut problem = Self::new(Code::InvalidTemplate, detail).at(pointer);
                problem.0.problems = problems;
                problem
            }
            HubError::Unsatisfiable { .. } => Self::new(Code::Unsatisfiable, detail).at("/resource"),
            HubError::Conflict { code, .. } => Self::new(code, detail),
            HubError::Refused { refusal, status, request } => {
                let outcome = matches!(refusal, Refusal::Decided(_) | Refusal::Expired).then_some(status.as_str());
                Self::new(refusal_code(&refusal), detail).about(request, outcome)
            }
            HubError::MembershipStale { sign_in_url, request, .. } => {
                let mut problem = Self::new(Code::MembershipStale, detail).about(request, None);
                problem.0.sign_in_url = Some(sign_in_url);
                problem
            }
            HubError::HighRisk => Self::new(Code::HighRisk, detail),
            HubError::Use(refusal) => Self::new(use_code(refusal), detail),
            HubError::Link(problem) => Self::new(link_code(problem), detail),
            HubError::Store(error @ (StoreError::Displaced(_) | StoreError::Seal(_))) => {
                tracing::error!(error = &error as &dyn std::error::Error, "the store rejects writes");
                Self::new(Code::StorageUnavailable, error.to_string())
            }
            HubError::Store(error) if error.is_transient() => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the store is temporarily unavailable for a call"
                );
                Self::new(
                    Code::StorageUnavailable,
                    format!(
                        "the hub's storage is temporarily unavailable ({}): try again, with the same Idempotency-Key if any",
                        error.fault().map_or("busy", |fault| fault.as_str())
                    ),
                )
            }
            HubError::Missing(what) => {
                tracing::error!(what, "data that must exist is missing");
                Self::new(Code::Internal, INTERNAL)
            }
            HubError::Store(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "the store failed a call");
                Self::new(Code::Internal, INTERNAL)
            }
        }
    }
}

const fn refusal_code(refusal: &Refusal) -> Code {
    match refusal {
        Refusal::Decided(_) => Code::AlreadyDecided,
        Refusal::Expired => Code::Expired,
        Refusal::StaleRevision { .. } => Code::RevisionStale,
        Refusal::StaleDigest => Code::DigestStale,
        Refusal::Conflict(_) => Code::ConflictOfInterest,
        Refusal::NotEligible(_) | Refusal::NotStandIn { .. } => Code::NotEligible,
        Refusal::LinkUsed(_) => Code::LinkAlreadyUsed,
        Refusal::ReasonRequired => Code::ReasonRequired,
        Refusal::AssuranceTooLow { .. } => Code::AssuranceTooLow,
        Refusal::MembershipStale(_) => Code::MembershipStale,
        Refusal::SignInStale => Code::SignInStale,
        Refusal::SeatTaken(_) => Code::SeatTaken,
        Refusal::DeniedByRule { .. } => Code::DeniedByRule,
        Refusal::Unsatisfiable => Code::Unsatisfiable,
        Refusal::NothingChanged => Code::NothingChanged,
        Refusal::Widened => Code::Widened,
        Refusal::TooOften { .. } => Code::TooOften,
        Refusal::Replaced(_) => Code::AlreadyReplaced,
        Refusal::NoBreakGlass(_) => Code::Forbidden,
    }
}

const fn use_code(refusal: UseRefusal) -> Code {
    match refusal {
        UseRefusal::Digest => Code::DigestStale,
        UseRefusal::Lapsed => Code::UseExpired,
        UseRefusal::Revoked => Code::ExecutionRevoked,
        UseRefusal::AlreadyClaimed => Code::AlreadyClaimed,
        UseRefusal::NotClaimant => Code::NotClaimant,
        UseRefusal::StaleFence => Code::FenceStale,
        UseRefusal::LeaseOver => Code::LeaseOver,
        UseRefusal::AlreadyFinished => Code::AlreadyFinished,
    }
}

const fn link_code(problem: LinkProblem) -> Code {
    match problem {
        LinkProblem::Forged => Code::LinkForged,
        LinkProblem::Expired => Code::LinkExpired,
        LinkProblem::Revised => Code::LinkRevised,
        LinkProblem::EndpointDeleted
        | LinkProblem::EndpointElsewhere
        | LinkProblem::EndpointHandedOver
        | LinkProblem::CalledBack => Code::LinkCalledBack,
        LinkProblem::NotYours => Code::LinkNotYours,
        LinkProblem::SignInFirst => Code::SignInRequired,
        LinkProblem::StaleForm => Code::FormStale,
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        let (code, retry_after) = (self.code(), self.0.retry_after);
        let told = Told(self.detail().to_owned());
        let mut response = (status, Json(self.0)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if code == Code::Unauthenticated {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        // For the layers around the handler.
        response.extensions_mut().insert(code);
        response.extensions_mut().insert(told);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_data_is_an_internal_error() {
        let problem = Problem::from(HubError::Missing("the grant of a request for access"));
        assert_eq!((problem.code(), problem.status()), (Code::Internal, StatusCode::INTERNAL_SERVER_ERROR));
        assert_eq!(problem.detail(), INTERNAL, "only the log says what is missing");
    }
}
