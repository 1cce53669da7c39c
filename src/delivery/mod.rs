//! The delivery engine: writes events to the outbox, and sends each delivery to its endpoint, at least once and in no
//! promised order.
//!
//! It knows endpoints, events and channels. It decides nothing about requests. A delivery passes these steps:
//!
//! 1. **Outbox.** [`publish`] writes the event, and one delivery per endpoint that wants it, in the transaction of the
//!    change itself. The event is committed if and only if the change is.
//! 2. **Born leased.** Where the endpoint's queue has room, the delivery is inserted with a lease of this process,
//!    under a place reserved in `scheduler`. Otherwise it is inserted as `pending`, and waits in the
//!    database.
//! 3. **Launch.** After the commit, the [`Launcher`] passes the leased delivery to the scheduler, and starts the sends
//!    that the scheduler allows. No second transaction is needed. The [`Dispatcher`] polls the database once a second,
//!    and claims what is `pending` and due: what found no room, retries, and what another process left behind.
//! 4. **Send.** `send` checks that the delivery is still wanted, acquires the message lock where the channel edits
//!    messages, renders the stored event, posts it through `egress`, and classifies the answer ([`Class`]).
//! 5. **Record.** The recorder (`results`) writes attempt and outcome in batches. A delivery then has one final state,
//!    or is `pending` again with a later due time.
//!
//! What a crash does at each step:
//!
//! - Before the commit: there is neither a change nor an event. The reservation is released when it is dropped.
//! - After the commit, before the send: the lease is in the database. It runs out, or the next start takes it over on
//!   SQLite. The attempt is recorded as lost, since it may or may not have been made, and the delivery is claimed
//!   again.
//! - During the send, or before its result is recorded: the same. The message may have arrived, so **it may be sent
//!   twice**. The `webhook-id` is the event's id in every attempt, so a receiver can recognise the repeat.
//! - After the result is recorded: nothing is left to do.
//!
//! A committed delivery is never lost: it is `pending`, leased until a known time, or in a final state with a reason. A
//! fencing token guards every write after the claim, so a process whose lease has run out cannot overwrite the result
//! of the next one. Exactly-once delivery is impossible, because a target can act on a message without its answer ever
//! arriving.

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
pub use outbox::{NewEvent, publish};
pub use scheduler::endpoint_queue::{Held, HeldBy};
pub use send::attempt::send;
pub use send::chat_api::CallError;
pub use send::outcome::{Class, SendOutcome};
pub use send::retry::{RetrySchedule, Schedule, next_delay};
pub use send::test_send::{Answered, Posted, Trial};
pub use target::{AllowTarget, TargetError, TargetPolicy, is_host_name};
