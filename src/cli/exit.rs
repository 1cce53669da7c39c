//! The exit codes of commands that wait for an approval. They lie below the 126 and up that shells use, and above what
//! programs commonly end with.

use super::connection::CallError;
use super::shown::{Shown, Standing};

/// Why nothing was run. Each reason has an exit code of its own, which is contract.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Stopped {
    /// The command line, or what came by standard input, cannot be asked for.
    #[error("{0}")]
    Usage(String),
    /// Somebody, or a rule, said no.
    #[error("{0}")]
    Rejected(String),
    /// Nobody decided in time.
    #[error("{0}")]
    Expired(String),
    /// Taken back: by its requester, by a newer request, by whoever revoked the approval, by time, by Ctrl-C.
    #[error("{0}")]
    Cancelled(String),
    /// The hub could not be reached, refused, or answered what cannot be acted on.
    #[error("{0}")]
    NoAnswer(String),
    /// What was approved is no command.
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

    /// How a request that is not pending ended, when not with an approval.
    pub(super) fn unless_approved(request: &Shown) -> Result<(), Self> {
        let what = request.outcome();
        match request.status {
            Standing::Approved => Ok(()),
            Standing::Rejected => Err(Self::Rejected(what)),
            Standing::Expired => Err(Self::Expired(what)),
            Standing::Cancelled | Standing::Superseded => Err(Self::Cancelled(what)),
            Standing::Pending => Err(Self::NoAnswer(what)),
        }
    }

    /// What a refused call means for somebody who waits to run something.
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
    fn refusals_have_the_exit_code_of_what_they_mean() {
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
        assert_eq!(Stopped::by(&CallError::Nonsense("x".to_owned())).code(), 123);
    }
}
