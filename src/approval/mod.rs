//! The pure core: what a request is, who may decide it, and what a step does to it.
//!
//! Nothing here reads a clock, touches a database or awaits: the time, the people and the ids come in as arguments, and what
//! should happen goes out as a value. Every way to decide (page, link, API, timer) goes through [`decide()`].

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
mod name;
mod person;
mod policy;
mod refusal;
mod request;
mod schedule;
mod terms;
mod vote;
mod working_hours;

pub use admit::{Admission, Belonging, admit};
pub use cover::{Roster, cover, indispensable, satisfiable};
pub use decide::{Command, Proposal, Revision, Transition, Verdict, Void, VoidReason, decide};
pub use detail::Detail;
pub use diff::unified;
pub use digest::{Digest, InvalidDigest};
pub use excluded::{Excluded, ExcludedAs, WordOf};
pub use execution::{
    Execution, ExecutionStatus, Report, ReportStatus, Use, UseChange, UseRefusal, UseVerdict, use_execution,
};
pub use grant::{Grant, GrantCommand, GrantRefusal, GrantStatus, GrantStep, GrantVerdict, Narrowing, use_grant};
pub use guardrail::{
    DeadRule, Effect, FailedExample, Finding, Guardrail, Guardrails, InvalidGuardrail, Judgement, Ruling,
};
pub use name::{EndpointName, GroupName, InvalidName, ResourceName, RuleName};
pub use person::{Absence, Email, InvalidEmail, Requester, who_asks};
pub use policy::{
    BreakGlass, DEFAULT_TIMEOUT_SECONDS, Escalation, InvalidPolicy, MAX_PLACES, MAX_SLOTS, MAX_TIMEOUT_SECONDS,
    MAX_WINDOW_SECONDS, Policy, Procedure, Slot, validate_slots, with_added,
};
pub use refusal::Refusal;
pub use request::{
    Change, ChangeRole, Decision, InvalidPayload, Kind, Method, Payload, Request, Review, Status, is_blank, limits,
};
pub use schedule::{Notice, Progress};
pub use terms::{Terms, TermsSlot};
pub use vote::{Assurance, Ballot, Choice, LinkUse, Vote};
pub use working_hours::{InvalidWorkingHours, WorkingHours};
