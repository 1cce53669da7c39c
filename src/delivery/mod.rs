//! The delivery engine: claims what is due, renders it, signs it, sends it, judges the answer, and writes down what came of it.
//!
//! At least once, in no promised order, never silently lost: a delivery ends in exactly one named state. The engine knows
//! endpoints, events and channels; it decides nothing about requests.

mod context;
mod discard;
mod dispatcher;
mod egress;
mod launcher;
mod metrics;
mod outbox;
mod record;
mod results;
mod scheduler;
mod send;
mod target;

pub use context::SendContext;
pub use discard::run_discarder;
pub use dispatcher::Dispatcher;
pub use egress::prepared::Route;
pub use egress::signature::{SigningError, sign};
pub use egress::validate::{TransportError, check_transport};
pub use egress::{Control, Egress, EgressError, Lookup, SystemLookup, tls_fault, wait_of};
pub use launcher::Launcher;
pub use metrics::{Backlog, Metrics};
pub use outbox::{News, publish};
pub use scheduler::endpoint_queue::{Held, HeldBy};
pub use send::attempt::send;
pub use send::chat_api::CallError;
pub use send::outcome::{Class, Outcome};
pub use send::retry::{RetrySchedule, Schedule, next_delay};
pub use send::test_send::{Answered, Posted, Trial};
pub use target::{AllowTarget, TargetError, TargetPolicy, is_host_name};
