//! The stable error codes, each with its HTTP status. They are part of the API: `docs/errors.md` explains each.

use std::fmt;

use serde::{Serialize, Serializer};

macro_rules! codes {
    ($($name:ident = $text:literal, $status:literal;)*) => {
        /// The code in a problem document (RFC 9457), for programs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code {
            $(#[doc = concat!("`", $text, "`, ", stringify!($status), ".")] $name,)*
        }

        impl Code {
            /// All codes, sorted by text.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The code in problem documents.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            /// The HTTP status of the response.
            pub const fn status(self) -> u16 {
                match self {
                    $(Self::$name => $status,)*
                }
            }
        }
    };
}

codes! {
    ActingForRequired = "acting_for_required", 422;
    AlreadyClaimed = "already_claimed", 409;
    AlreadyDecided = "already_decided", 409;
    AlreadyFinished = "already_finished", 409;
    AlreadyReplaced = "already_replaced", 409;
    AlreadyReviewed = "already_reviewed", 409;
    ApproverRequired = "approver_required", 422;
    AssuranceTooLow = "assurance_too_low", 403;
    BodyTooLarge = "body_too_large", 413;
    Busy = "busy", 429;
    CodeInvalid = "code_invalid", 404;
    ConflictOfInterest = "conflict_of_interest", 403;
    ContextInvalid = "context_invalid", 422;
    CrossSite = "cross_site", 403;
    DecisionRequired = "decision_required", 422;
    DeniedByRule = "denied_by_rule", 422;
    DigestStale = "digest_stale", 412;
    DurationRequired = "duration_required", 422;
    DurationTooLong = "duration_too_long", 422;
    EndpointOff = "endpoint_off", 409;
    ExecutionRevoked = "execution_revoked", 409;
    Expired = "expired", 410;
    FenceStale = "fence_stale", 409;
    Forbidden = "forbidden", 403;
    FormStale = "form_stale", 403;
    GuardrailExample = "guardrail_example", 422;
    HighRisk = "high_risk", 403;
    HttpsRequired = "https_required", 400;
    IdempotencyKeyReused = "idempotency_key_reused", 409;
    IdentityTaken = "identity_taken", 409;
    Immutable = "immutable", 400;
    InUse = "in_use", 409;
    Internal = "internal", 500;
    InvalidAbsence = "invalid_absence", 422;
    InvalidCursor = "invalid_cursor", 422;
    InvalidExpiry = "invalid_expiry", 422;
    InvalidFilter = "invalid_filter", 400;
    InvalidFormat = "invalid_format", 422;
    InvalidIdempotencyKey = "invalid_idempotency_key", 422;
    InvalidJson = "invalid_json", 400;
    InvalidName = "invalid_name", 422;
    InvalidParameter = "invalid_parameter", 400;
    InvalidPath = "invalid_path", 400;
    InvalidPayload = "invalid_payload", 422;
    InvalidPeriod = "invalid_period", 422;
    InvalidPolicy = "invalid_policy", 422;
    InvalidRate = "invalid_rate", 422;
    InvalidSchema = "invalid_schema", 422;
    InvalidSecret = "invalid_secret", 422;
    InvalidState = "invalid_state", 422;
    InvalidTemplate = "invalid_template", 422;
    InvalidText = "invalid_text", 422;
    InvalidTimeout = "invalid_timeout", 422;
    InvalidToken = "invalid_token", 422;
    InvalidTransport = "invalid_transport", 422;
    InvalidUrl = "invalid_url", 422;
    InvalidValue = "invalid_value", 400;
    LeaseOver = "lease_over", 409;
    LinkAlreadyUsed = "link_already_used", 409;
    LinkCalledBack = "link_called_back", 410;
    LinkExpired = "link_expired", 410;
    LinkForged = "link_forged", 404;
    LinkNotYours = "link_not_yours", 403;
    LinkRevised = "link_revised", 412;
    ManagedByScim = "managed_by_scim", 409;
    MembershipStale = "membership_stale", 403;
    MethodNotAllowed = "method_not_allowed", 405;
    NameTaken = "name_taken", 409;
    NoTarget = "no_target", 400;
    NotABreakGlass = "not_a_break_glass", 409;
    NotAnAction = "not_an_action", 409;
    NotApproved = "not_approved", 409;
    NotClaimant = "not_claimant", 403;
    NotEligible = "not_eligible", 403;
    NotEnded = "not_ended", 409;
    NotFound = "not_found", 404;
    NotImplemented = "not_implemented", 501;
    NothingChanged = "nothing_changed", 422;
    PersonDeactivated = "person_deactivated", 409;
    PersonRequired = "person_required", 422;
    RateLimited = "rate_limited", 429;
    ReasonRequired = "reason_required", 422;
    RemindedLately = "reminded_lately", 429;
    ReplayRunning = "replay_running", 409;
    RevisionStale = "revision_stale", 412;
    SeatTaken = "seat_taken", 409;
    SignInExpired = "sign_in_expired", 410;
    SignInRequired = "sign_in_required", 401;
    SignInStale = "sign_in_stale", 403;
    SignInUnavailable = "sign_in_unavailable", 403;
    SignatureInvalid = "signature_invalid", 401;
    SignatureUsed = "signature_used", 409;
    Stopping = "stopping", 503;
    StorageUnavailable = "storage_unavailable", 503;
    TokenExpired = "token_expired", 409;
    TooLong = "too_long", 422;
    TooMany = "too_many", 422;
    TooManySecrets = "too_many_secrets", 409;
    TooOften = "too_often", 429;
    TooSlow = "too_slow", 408;
    Unauthenticated = "unauthenticated", 401;
    UnknownEvent = "unknown_event", 422;
    Unsatisfiable = "unsatisfiable", 422;
    UnsupportedMediaType = "unsupported_media_type", 415;
    UseExpired = "use_expired", 410;
    VoterRequired = "voter_required", 422;
    Widened = "widened", 422;
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Code;

    #[test]
    fn codes_are_sorted_unique_and_documented() {
        assert!(Code::ALL.is_sorted_by_key(|code| code.as_str()));
        let docs = include_str!("../docs/errors.md");
        for code in Code::ALL {
            let line = format!("| `{code}` | {} |", code.status());
            assert!(docs.contains(&line), "docs/errors.md lacks {code} with {}", code.status());
        }
    }
}
