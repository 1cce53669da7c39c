//! The operations on requests that callers use: create, vote, revise, cancel, break glass, list, explain, wait.
//!
//! # How a request is created
//! 1. [`ask`] checks the scope. With an `Idempotency-Key` it looks for an earlier call, and returns that call's
//!    request.
//! 2. `Hub::draft` checks lengths, reads the resource, and determines the requester. The guardrails judge the payload,
//!    and `approval::admit` decides from that: the resource is not visible, the request is decided at once, or these
//!    slots must be filled. The draft then checks reason, context schema and timeout, and makes the *terms*: a snapshot
//!    of the policy. Last, it checks that there are enough people to fill the slots. `evaluate` ([`explain`]) returns
//!    this draft and writes nothing.
//! 3. `Prepared` serializes the rows and the event outside the writer, which all operations share.
//! 4. [`create`] runs in the writer. If the configuration has another version than the draft was made with, the ask
//!    starts again at step 2. It looks for the key again, since two calls with one key may run concurrently. Then it
//!    writes request, key, audit entry and event, and supersedes the request that the ask `replaces`.
//! 5. The answer follows the commit, so a created request is never lost. A repeat with the same key returns the same
//!    request.
//!
//! # How a vote is cast
//! - Through the API ([`vote`], [`bulk`]): the token identifies the person, or a trusted system names them.
//! - Through a link ([`link`]): the signed link names request, revision, group and endpoint. The person names
//!   themselves, unless they signed in ([`link_voting`]); a link for one recipient accepts only that person. A browser's
//!   form must carry a nonce from the page, so that another site cannot post it.
//! - In Slack (`hub::slack`): Slack's signature and a linked account identify the person.
//!
//! All of them build a `Ballot` with the revision and digest that the voter saw, and run it through
//! `lifecycle::transition::carry_out`. The core refuses a ballot on a payload that has changed. A vote with another
//! command is a proposal: it revises the request and approves the new revision in one step. A refusal is an answer, not
//! a failure, and includes the request when the caller may see it. Callers who may not see a request always get 404.
//!
//! [`link_log`] counts in memory how often links are fetched and viewed; [`link_views`] writes the counts every few
//! seconds. A crash loses the last few seconds of these counts, but never a vote.

mod ask;
mod askable;
mod belonging;
mod break_glass;
mod bulk;
mod comments;
mod create;
mod dossier;
mod explain;
mod history;
mod inbox;
pub(super) mod link;
mod link_drafts;
pub(super) mod link_log;
mod link_views;
mod link_voting;
mod list;
pub(super) mod resolved_link;
mod revise;
mod timeline;
mod told;
mod try_change;
mod views;
mod vote;
mod wait;
mod your_part;

pub use wait::MAX_WAIT;

pub use self::ask::{Ask, Asked};
pub use self::askable::Askable;
pub use self::break_glass::{GlassInput, ReviewInput};
pub use self::bulk::{BulkAnswer, BulkApprove, BulkFilter, BulkItem, BulkReject, SeenRequest};
pub use self::comments::{CommentInput, REMINDER_PAUSE, Reminded};
pub use self::dossier::Dossier;
pub use self::explain::{Evaluation, EvaluationOutcome, Explanation, PersonExplanation, SlotExplanation};
pub use self::history::{EarlierRequest, History, LastRun};
pub use self::inbox::{AskedAs, Inbox, InboxItem, SignInReason, Standing, WaitingCount};
pub use self::link::{CallbackPage, LinkDecision, LinkViewer};
pub use self::link_views::{LinkUses, Times, run_link_log};
pub use self::link_voting::{SignInNeed, Voting};
pub use self::list::ListFilter;
pub use self::revise::ReviseInput;
pub use self::timeline::Step;
pub use self::told::MessageExplanation;
pub use self::try_change::{ChangeTrial, TryChange};
pub use self::views::ViewOfRequests;
pub use self::vote::{CancelInput, VoteInput};
pub use self::your_part::{Seat, YourPart};
