//! The exit codes of commands that wait for an approval. They are below 126, where the shells' own codes begin, and
//! above the codes that programs commonly use.

use super::connection::CallError;
use super::shown::{RequestStatus, Shown};

/// Why nothing was run. Each reason has its own exit code; these codes are a stable interface.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Stopped {
    /// The command line or the script on standard input is invalid.
    #[error("{0}")]
    Usage(String),
    /// A person or a rule rejected the request.
    #[error("{0}")]
    Rejected(String),
    /// The deadline passed without a decision.
    #[error("{0}")]
    Expired(String),
    /// Cancelled, superseded, revoked, not used in time, or stopped by a signal.
    #[error("{0}")]
    Cancelled(String),
    /// The hub could not be reached, refused, or returned an invalid answer.
    #[error("{0}")]
    NoAnswer(String),
    /// The approved text is not a command that can be run.
    #[error("{0}")]
    NotRunnable(String),
}

impl Stopped {
    /// The exit code.
    pub(super) const fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Rejected(_) => 120,
            Self::Expired(_) => 121,
            Self::Cancelled(_) => 122,
            Self::NoAnswer(_) => 123,
            Self::NotRunnable(_) => 126,
        }
    }

    /// Returns an error with the outcome of a request, unless it is approved.
    pub(super) fn unless_approved(request: &Shown) -> Result<(), Self> {
        let outcome = request.outcome();
        match request.status {
            RequestStatus::Approved => Ok(()),
            RequestStatus::Rejected => Err(Self::Rejected(outcome)),
            RequestStatus::Expired => Err(Self::Expired(outcome)),
            RequestStatus::Cancelled | RequestStatus::Superseded => Err(Self::Cancelled(outcome)),
            RequestStatus::Pending => Err(Self::NoAnswer(outcome)),
        }
    }

    /// Classifies a failed call by its error code.
    pub(super) fn by(error: &CallError) -> Self {
        let text = error.to_string();
        let CallError::Refused(problem) = error else { return Self::NoAnswer(text) };
        match (problem.code.as_str(), problem.outcome.as_deref()) {
            ("denied_by_rule", _) | ("already_decided", Some("rejected")) => Self::Rejected(text),
            ("expired", _) | ("already_decided", Some("expired")) => Self::Expired(text),
            ("already_decided", Some("cancelled" | "superseded")) | ("use_expired" | "execution_revoked", _) => {
                Self::Cancelled(text)
            }
            _ => Self::NoAnswer(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::connection::Problem;
    use super::*;

    fn refused(code: &str, outcome: Option<&str>) -> u8 {
        let problem = Problem {
            status: 409,
            code: code.to_owned(),
            outcome: outcome.map(str::to_owned),
            detail: "no".to_owned(),
            pointer: String::new(),
        };
        Stopped::by(&CallError::Refused(Box::new(problem))).code()
    }

    #[test]
    fn refused_calls_have_the_exit_code_of_their_error_code() {
        for (code, outcome, exit) in [
            ("denied_by_rule", None, 120),
            ("already_decided", Some("rejected"), 120),
            ("already_decided", Some("expired"), 121),
            ("expired", None, 121),
            ("already_decided", Some("cancelled"), 122),
            ("already_decided", Some("superseded"), 122),
            ("use_expired", None, 122),
            ("execution_revoked", None, 122),
            ("already_claimed", None, 123),
            ("digest_stale", None, 123),
            ("not_found", None, 123),
            ("", None, 123),
        ] {
            assert_eq!(refused(code, outcome), exit, "{code} {outcome:?}");
        }
        assert_eq!(Stopped::by(&CallError::InvalidAnswer("x".to_owned())).code(), 123);
    }
}
