//! The Slack app: handles clicks, forms and slash commands of members.
//!
//! A call from Slack is verified ([`signature`]), parsed ([`payload`]) and stored as a job before Slack is answered
//! ([`intake`]). A worker runs the jobs, also after a crash ([`jobs`]): votes ([`act`]) and commands ([`commands`]),
//! each of them planned first ([`plan`]). The change of a job and its completion are one transaction; the reply is sent
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
