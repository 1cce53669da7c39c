//! Slack as an app: whoever clicks or types there is heard, known, and answered.
//!
//! What comes is checked ([`signature`]), read ([`payload`]) and written down as a job before Slack is answered ([`intake`]). A
//! worker carries jobs out, also after a crash ([`jobs`]): votes ([`act`]) and commands ([`commands`]), each planned first
//! ([`plan`]). What a job changes and the word that it is done are one transaction; what is to be said about it is said
//! afterwards ([`reply`]).

mod act;
mod commands;
mod intake;
mod jobs;
mod payload;
mod plan;
mod reply;
mod signature;

pub(in crate::hub) use self::intake::MAX_SECRETS;
pub use self::intake::SlackAnswer;
pub use self::jobs::run_slack_jobs;
pub use self::signature::Signed;
