//! The pure core: what a request is, who may decide it, and what a step does to it.
//!
//! Nothing here reads a clock, touches a database or awaits: the time, the people and the ids come in as arguments, and what
//! should happen goes out as a value. Every way to decide (page, link, API, timer) goes through [`decide()`].

mod cover;
mod decide;
mod digest;
mod name;
mod person;
mod policy;
mod request;
mod vote;

pub use cover::{Roster, cover, satisfiable};
pub use decide::{Command, Refusal, Transition, Verdict, decide};
pub use digest::{Digest, InvalidDigest};
pub use name::{EndpointName, GroupName, InvalidName, ResourceName};
pub use person::{Email, InvalidEmail, Requester};
pub use policy::{
    DEFAULT_TIMEOUT_SECONDS, InvalidPolicy, MAX_PLACES, MAX_SLOTS, MAX_TIMEOUT_SECONDS, Policy, Slot, Terms, TermsSlot,
};
pub use request::{Decision, InvalidPayload, Kind, Method, Payload, Request, Status, limits};
pub use vote::{Assurance, Ballot, Choice, LinkUse, Vote};
