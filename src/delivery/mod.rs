//! The delivery engine: claims what is due, renders it, signs it, sends it, judges the answer, and writes down what came of it.
//!
//! At least once, in no promised order, never silently lost: a delivery ends in exactly one named state. The engine knows
//! endpoints, events and channels; it decides nothing about requests.

mod attempt;
mod auth;
mod board;
mod breaker;
mod chat_call;
mod compose;
mod discard;
mod dispatcher;
mod egress;
mod health;
mod heartbeat;
mod lane;
mod metrics;
mod outcome;
mod pace;
mod publish;
mod recorder;
mod retry;
mod round;
mod route;
mod sender;
mod short;
mod signature;
mod target;
mod transport;
mod trial;
mod turn;
mod wanted;

pub use attempt::send;
pub use chat_call::CallError;
pub use discard::run_discarder;
pub use dispatcher::{Dispatcher, DispatcherParts};
pub use egress::{Egress, EgressError, Lookup, SystemLookup, tls_fault, wait_of};
pub use lane::{Held, HeldBy};
pub use metrics::{Backlog, Metrics};
pub use outcome::{Class, Control, Outcome};
pub use publish::{News, publish};
pub use retry::{RetrySchedule, Schedule, next_delay};
pub use route::Route;
pub use signature::{SigningError, sign};
pub use target::{AllowTarget, TargetError, TargetPolicy, is_host_name};
pub use transport::{TransportError, check_transport};
pub use trial::{Answered, Posted, Trial};
