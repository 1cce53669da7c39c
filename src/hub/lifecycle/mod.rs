//! What happens to a request, whoever asks for it: each transition in one transaction with the events, executions, grants and
//! audit entries that follow from it.

mod announce;
mod audience;
mod executions;
mod extra_recipients;
mod follow_up;
mod grants;
mod timer;
pub(super) mod transition;

pub(super) use self::announce::{announce_shown, shown};
pub use self::executions::{ClaimInput, Claimed, HeartbeatInput, Lease, ResultInput};
pub use self::grants::{Access, GrantFilter};
pub use self::timer::run_timer;
