//! Errors as RFC 9457 problem documents, made in this one place. The codes are contract and listed in `docs/errors.md`.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::approval::{Refusal, UseRefusal};
use crate::channels::Preview;
use crate::hub::{HubError, LinkProblem, RequestView};
use crate::store::StoreError;

/// Every code and its status.
pub const CODES: [(&str, u16); 87] = [
    ("already_claimed", 409),
    ("already_decided", 409),
    ("already_finished", 409),
    ("already_replaced", 409),
    ("already_reviewed", 409),
    ("approver_required", 422),
    ("assurance_too_low", 403),
    ("body_too_large", 413),
    ("busy", 429),
    ("code_invalid", 404),
    ("conflict_of_interest", 403),
    ("context_invalid", 422),
    ("decision_required", 422),
    ("denied_by_rule", 422),
    ("digest_stale", 412),
    ("duration_required", 422),
    ("duration_too_long", 422),
    ("endpoint_off", 409),
    ("execution_revoked", 409),
    ("expired", 410),
    ("fence_stale", 409),
    ("forbidden", 403),
    ("form_stale", 403),
    ("guardrail_example", 422),
    ("high_risk", 403),
    ("idempotency_key_reused", 409),
    ("identity_taken", 409),
    ("in_use", 409),
    ("internal", 500),
    ("invalid_absence", 422),
    ("invalid_cursor", 422),
    ("invalid_expiry", 422),
    ("invalid_format", 422),
    ("invalid_idempotency_key", 422),
    ("invalid_json", 400),
    ("invalid_name", 422),
    ("invalid_parameter", 400),
    ("invalid_payload", 422),
    ("invalid_period", 422),
    ("invalid_policy", 422),
    ("invalid_rate", 422),
    ("invalid_schema", 422),
    ("invalid_secret", 422),
    ("invalid_state", 422),
    ("invalid_template", 422),
    ("invalid_text", 422),
    ("invalid_timeout", 422),
    ("invalid_transport", 422),
    ("invalid_url", 422),
    ("lease_over", 409),
    ("link_already_used", 409),
    ("link_called_back", 410),
    ("link_expired", 410),
    ("link_forged", 404),
    ("link_not_yours", 403),
    ("link_revised", 412),
    ("method_not_allowed", 405),
    ("name_taken", 409),
    ("not_a_break_glass", 409),
    ("not_an_action", 409),
    ("not_approved", 409),
    ("not_claimant", 403),
    ("not_eligible", 403),
    ("not_ended", 409),
    ("not_found", 404),
    ("nothing_changed", 422),
    ("person_required", 422),
    ("reason_required", 422),
    ("replay_running", 409),
    ("revision_stale", 412),
    ("seat_taken", 409),
    ("signature_invalid", 401),
    ("signature_used", 409),
    ("stopping", 503),
    ("storage_unavailable", 503),
    ("too_long", 422),
    ("too_many", 422),
    ("too_many_secrets", 409),
    ("too_often", 429),
    ("too_slow", 408),
    ("unauthenticated", 401),
    ("unknown_event", 422),
    ("unsatisfiable", 422),
    ("unsupported_media_type", 415),
    ("use_expired", 410),
    ("voter_required", 422),
    ("widened", 422),
];

/// An error, as the caller sees it. Boxed, since it travels in the `Err` of everything.
#[derive(Debug)]
pub struct Problem(Box<Document>);

#[derive(Debug, Serialize)]
struct Document {
    /// A URI that names the kind of problem.
    #[serde(rename = "type")]
    kind: String,
    /// The kind of problem in words.
    title: String,
    /// The HTTP status, again.
    status: u16,
    /// Stable; what programs look at.
    code: &'static str,
    /// What is wrong and what to do.
    detail: String,
    /// Which part of the input is wrong (RFC 6901).
    #[serde(skip_serializing_if = "String::is_empty")]
    pointer: String,
    /// How the request ended, when that is why.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
    /// The request as it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<Box<RequestView>>,
    /// What a template makes of the samples that it fails for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<Preview>,
}

impl Problem {
    /// A problem of a known kind.
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        let status = CODES.iter().find(|(known, _)| *known == code).map_or(500, |(_, status)| *status);
        Self(Box::new(Document {
            kind: format!("urn:countersign:problem:{code}"),
            title: code.replace('_', " "),
            status,
            code,
            detail: detail.into(),
            pointer: String::new(),
            outcome: None,
            request: None,
            problems: Vec::new(),
        }))
    }

    /// With the part of the input that is wrong.
    pub(super) fn at(mut self, pointer: impl Into<String>) -> Self {
        self.0.pointer = pointer.into();
        self
    }

    /// With the request that it is about, and how that ended when it did.
    fn about(mut self, request: Option<Box<RequestView>>, outcome: Option<&'static str>) -> Self {
        (self.0.request, self.0.outcome) = (request, outcome);
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
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
            HubError::Forbidden(_) => Self::new("forbidden", detail),
            HubError::NotFound(_) => Self::new("not_found", detail),
            HubError::Invalid { code, pointer, .. } => Self::new(code, detail).at(pointer),
            HubError::Template { pointer, problems } => {
                let mut problem = Self::new("invalid_template", detail).at(pointer);
                problem.0.problems = problems;
                problem
            }
            HubError::Unsatisfiable { .. } => Self::new("unsatisfiable", detail).at("/resource"),
            HubError::Conflict { code, .. } => Self::new(code, detail),
            HubError::Refused { refusal, status, request } => {
                let outcome = matches!(refusal, Refusal::Decided(_) | Refusal::Expired).then_some(status.as_str());
                Self::new(refusal_code(&refusal), detail).about(request, outcome)
            }
            HubError::HighRisk => Self::new("high_risk", detail),
            HubError::Use(refusal) => Self::new(use_code(refusal), detail),
            HubError::Link(problem) => Self::new(link_code(problem), detail),
            HubError::Store(error @ StoreError::Displaced(_)) => {
                tracing::error!(error = &error as &dyn std::error::Error, "the store refuses to write");
                Self::new("storage_unavailable", error.to_string())
            }
            HubError::Store(error) if error.is_transient() => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the store cannot serve a call");
                Self::new(
                    "storage_unavailable",
                    format!(
                        "the hub's storage cannot serve this now ({}): try again, with the same Idempotency-Key if you sent one",
                        error.fault().map_or("busy", |fault| fault.as_str())
                    ),
                )
            }
            HubError::Store(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "the store failed a call");
                Self::new("internal", "the hub failed; nothing was changed. Its log says why")
            }
        }
    }
}

const fn refusal_code(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Decided(_) => "already_decided",
        Refusal::Expired => "expired",
        Refusal::StaleRevision { .. } => "revision_stale",
        Refusal::StaleDigest => "digest_stale",
        Refusal::Conflict(_) => "conflict_of_interest",
        Refusal::NotEligible(_) => "not_eligible",
        Refusal::LinkUsed(_) => "link_already_used",
        Refusal::ReasonRequired => "reason_required",
        Refusal::AssuranceTooLow { .. } => "assurance_too_low",
        Refusal::SeatTaken(_) => "seat_taken",
        Refusal::DeniedByRule { .. } => "denied_by_rule",
        Refusal::Unsatisfiable => "unsatisfiable",
        Refusal::NothingChanged => "nothing_changed",
        Refusal::Widened => "widened",
        Refusal::TooOften { .. } => "too_often",
        Refusal::Replaced(_) => "already_replaced",
        Refusal::NoBreakGlass(_) => "forbidden",
    }
}

const fn use_code(refusal: UseRefusal) -> &'static str {
    match refusal {
        UseRefusal::Digest => "digest_stale",
        UseRefusal::Lapsed => "use_expired",
        UseRefusal::Revoked => "execution_revoked",
        UseRefusal::AlreadyClaimed => "already_claimed",
        UseRefusal::NotClaimant => "not_claimant",
        UseRefusal::StaleFence => "fence_stale",
        UseRefusal::LeaseOver => "lease_over",
        UseRefusal::AlreadyFinished => "already_finished",
    }
}

const fn link_code(problem: LinkProblem) -> &'static str {
    match problem {
        LinkProblem::Forged => "link_forged",
        LinkProblem::Expired => "link_expired",
        LinkProblem::Revised => "link_revised",
        LinkProblem::EndpointDeleted
        | LinkProblem::EndpointElsewhere
        | LinkProblem::EndpointHandedOver
        | LinkProblem::CalledBack => "link_called_back",
        LinkProblem::NotYours => "link_not_yours",
        LinkProblem::StaleForm => "form_stale",
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        let challenge = self.code() == "unauthenticated";
        let mut response = (status, Json(self.0)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if challenge {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::CODES;

    #[test]
    fn codes_are_sorted_single_and_documented() {
        assert!(CODES.is_sorted());
        let docs = include_str!("../../docs/errors.md");
        for (code, status) in CODES {
            assert!(docs.contains(&format!("| `{code}` | {status} |")), "docs/errors.md lacks {code} with {status}");
        }
    }
}
