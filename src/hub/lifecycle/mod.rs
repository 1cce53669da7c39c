//! What happens to a request after it was created: votes, expiry, reminders, execution, access, rechecks.
//!
//! # Transitions
//! Every change of a pending request goes through [`transition::carry_out`], in the store's writer:
//! 1. Read the request and the memberships that the command depends on. A vote needs the people who vote; a revision or
//!    a recheck needs all members.
//! 2. Read the clock. Inside the writer no other operation can intervene, so the deadline is judged exactly.
//! 3. Ask the core, `approval::decide`, which returns a transition (the changes, each optional) and the answer to the
//!    caller.
//! 4. Apply the transition to the request, and write the same changes as rows, audit entries and events.
//! 5. After a rejection or an escalation, recheck whether the remaining people can still fill the slots.
//!
//! A decision ends in `conclude`, as do requests that are decided on creation. It adds to the rollups, records the
//! audit entry, announces the end, and lets [`follow_up`] create what the approval allows: an *execution* or a *grant*,
//! and for a break-glass the *review*.
//!
//! # Executions and grants
//! An execution is claimed once. The claim has a lease and a fencing token, which every heartbeat and result must carry
//! ([`executions`]). When the lease expires, the status becomes `unknown`: the hub cannot know whether the action ran,
//! so it never hands it out again. A grant starts and ends by the clock, and [`grants`] answers from the clock even if
//! the timer is late.
//!
//! # Announcements
//! [`mod@announce`] stores the request as the API shows it at that time as an event in the outbox, with one delivery for
//! each endpoint that wants it ([`audience`]) and for additional Slack addresses ([`extra_recipients`]).
//!
//! # The timer
//! [`timer`] runs the steps that are due: deadlines, reminders and escalations, leases, grants, reviews. It also
//! continues membership checks: a change of a group enqueues one, and the pending requests of that group are rechecked
//! in batches. The due times are columns of the rows, so a restart loses nothing. Every replica runs a timer. A step
//! reads and judges its request again inside the writer, so only the first replica changes anything. A failing step
//! gets a transaction of its own and exponential back-off, so that it delays no other step. An overdue request is also
//! expired when it is read.
//!
//! # What may be lost
//! Nothing that was committed: a transition, its audit entries and its events are one transaction. Only the back-off
//! state and the wake-up signals are in memory. After a restart, failing steps are retried at once, and polling finds
//! the rest.

mod announce;
mod audience;
mod executions;
mod extra_recipients;
mod follow_up;
mod grants;
mod timer;
pub(super) mod transition;

pub(super) use self::announce::{announce, announce_shown, shown};
pub use self::executions::{ClaimInput, ClaimedAction, HeartbeatInput, Lease, ResultInput};
pub use self::grants::{Access, AccessLine, AccessOverview, GrantFilter};
pub use self::timer::run_timer;
