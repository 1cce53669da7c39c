//! Requests, as a caller meets them: asked, voted on, changed, listed, explained and waited for.

mod ask;
mod break_glass;
mod bulk;
mod create;
mod explain;
pub(super) mod link;
pub(super) mod link_log;
mod link_views;
mod list;
mod revise;
mod vote;
mod wait;

pub use self::ask::{Ask, Asked};
pub use self::break_glass::{GlassInput, ReviewInput};
pub use self::bulk::{BulkAnswer, BulkApprove, BulkFilter, BulkItem, BulkReject, Seen};
pub use self::explain::{Evaluation, Explanation, Outcome, PersonExplanation, SlotExplanation, Told};
pub use self::link::{CallbackPage, LinkDecision};
pub use self::link_views::{LinkUses, Times, run_link_log};
pub use self::list::ListFilter;
pub use self::revise::ReviseInput;
pub use self::vote::{CancelInput, VoteInput};
