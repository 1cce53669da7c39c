//! The pure core: what a request is, who may decide it, and what a command does to it.
//!
//! Nothing here reads a clock, touches a database or awaits. Time, people and ids are arguments; what must be written
//! is a return value. Every way to decide (page, link, API, timer) goes through [`decide()`].

mod admit;
mod ballot;
mod cover;
mod decide;
mod detail;
mod diff;
mod digest;
mod excluded;
mod execution;
mod grant;
mod guardrail;
mod likeness;
pub mod limits;
mod name;
mod payload;
mod person;
mod policy;
mod refusal;
mod request;
mod revision;
mod roster;
mod schedule;
mod slot;
mod standing;
mod terms;
mod transition;
mod vote;
mod working_hours;

pub use admit::{Admission, RequesterGroups, admit};
pub use ballot::Ballot;
pub use cover::{awaiting_sign_in, cover, indispensable, satisfiable};
pub use decide::{Command, decide};
pub use detail::Detail;
pub use diff::unified;
pub use digest::{Digest, InvalidDigest};
pub use excluded::{Excluded, ExcludedAs, ExclusionSource};
pub use execution::{
    Execution, ExecutionReport, ExecutionStatus, ReportStatus, Use, UseChange, UseRefusal, UseVerdict, use_execution,
};
pub use grant::{Grant, GrantCommand, GrantRefusal, GrantStatus, GrantStep, GrantVerdict, Narrowing, use_grant};
pub use guardrail::{
    DeadRule, Effect, FailedExample, Finding, Guardrail, Guardrails, InvalidGuardrail, Judgement, Ruling,
};
pub use likeness::{pattern, pattern_digest};
pub use name::{EndpointName, GroupName, InvalidName, ResourceName, RuleName};
pub use payload::{InvalidPayload, Kind, Payload, is_blank};
pub use person::{Absence, Email, InvalidEmail, Requester, who_asks};
pub use policy::{
    BreakGlass, DEFAULT_TIMEOUT_SECONDS, Escalation, InvalidPolicy, MAX_TIMEOUT_SECONDS, MAX_WINDOW_SECONDS, Policy,
    Procedure, validate_slots,
};
pub use refusal::Refusal;
pub use request::{ChangeRole, Decision, Method, PayloadChange, Progress, Request, Review, Status};
pub use revision::Proposal;
pub use roster::{Membership, Roster};
pub use schedule::ScheduledNotice;
pub use slot::{MAX_PLACES, MAX_SLOTS, Slot, with_added};
pub use terms::{Terms, TermsSlot};
pub use transition::{Revision, Transition, Verdict, Void, VoidReason};
pub use vote::{Assurance, Choice, LinkUse, Vote};
pub use working_hours::{InvalidWorkingHours, WorkingHours};
