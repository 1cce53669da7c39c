//! The services: the operations that callers may ask of the hub. The only layer that joins the core, the store and the
//! outbox.
//!
//! A service checks the caller's permission and runs the core's decision inside one write transaction. It writes the
//! consequences (rows, events, deliveries, audit entries, rollups) in that same transaction. It does not depend on
//! HTTP.

mod access;
mod analytics;
mod apply_plan;
mod audit_order;
mod authentication;
mod change_context;
mod config;
mod endpoints;
mod error;
mod first_run;
mod identity;
mod input;
mod key_check;
mod keyed_calls;
mod lifecycle;
mod live;
mod live_channel;
mod overview;
mod page;
mod policy_check;
mod replicas;
mod requests;
mod resealing;
mod retries;
mod sealing;
mod services;
mod slack;
mod templates;
mod uses;
mod view;

pub use crate::store::comments::Comment;
pub use crate::store::link_events::LinkEvent;
pub use crate::store::requests::{Line, Lines, Place};
pub(crate) use access::require;
pub use analytics::ReportFilter;
pub use apply_plan::{ApplyPlan, ConfigChange, Unnamed, Verb};
pub use audit_order::AuditOrder;
pub use authentication::{Authentication, run_uses};
pub use config::{
    BoundAccount, ChangedRequest, ChatIdentities, ClaimMember, CommandTrial, Counts, GroupInput, GroupLine,
    GroupMembers, GroupView, HistoryTrial, LinkCode, Manifest, MembersInput, NewToken, PersonInput, ResourceInput,
    ResourceTrial, ResourceTrialInput, ResourceView, RotateTokenInput, Says, TokenInput, TokenView, TrialOutcome,
};
pub use endpoints::{
    AuthView, CertificateView, DeliveryDetail, EndpointInput, EndpointPatch, EndpointStatus, EndpointView, HealthView,
    ReplayAnswer, ReplayInput, RetiringView, RotateInput, RotateLinksInput, SlackInput, SlackPatch, SlackView,
    TemplateProblemView, TestInput, WithSecret, run_replayer,
};
pub use error::{HubError, LinkProblem};
pub use first_run::FirstRun;
pub use identity::{
    CallerView, ExchangeRefusal, Exchanged, LogoutFailure, MAX_DEVICES, MAX_DEVICES_OF_ADDRESS, MAX_GROUPS, MAX_USERS,
    MAX_WORKLOAD_SECRETS, MAX_WORKLOADS, NewSignInLink, NotAccepted, OidcAnswer, OidcFailure, OidcFinish,
    Part as ScimPart, PollError, SessionView, SignIn, SignInLinkInput, SignInOffer, StartedDevice, StartedSession,
    Workloads,
};
pub use input::{IdempotencyKey, KeyedCall};
pub use lifecycle::{
    Access, AccessLine, AccessOverview, ClaimInput, ClaimedAction, GrantFilter, HeartbeatInput, Lease, ResultInput,
    run_timer,
};
pub use live::{LiveStream, News, run_live};
pub use live_channel::{MAX_STREAMS, MAX_STREAMS_OF_PERSON};
pub use overview::{SettingsOverview, Trouble, TroubledEndpoint};
pub use page::Page;
pub use policy_check::PolicyMistakes;
pub use replicas::run_key_check;
pub use requests::{
    Ask, Askable, Asked, AskedAs, BulkAnswer, BulkApprove, BulkFilter, BulkItem, BulkReject, CallbackPage, CancelInput,
    ChangeTrial, CommentInput, Dossier, EarlierRequest, Evaluation, EvaluationOutcome, Explanation, GlassInput,
    History, Inbox, InboxItem, LastRun, LinkDecision, LinkUses, LinkViewer, ListFilter, MAX_WAIT, MessageExplanation,
    PersonExplanation, REMINDER_PAUSE, Reminded, ReviewInput, ReviseInput, Seat, SeenRequest, SignInNeed, SignInReason,
    SlotExplanation, Standing, Step, Times, TryChange, ViewOfRequests, VoteInput, Voting, WaitingCount, YourPart,
    run_link_log,
};
pub use resealing::run_sealing;
pub use sealing::{Finding, settle_sealing};
pub use services::{Hub, HubSettings, Readiness, SessionSettings};
pub use slack::{Signed, SlackAnswer, run_slack_jobs};
pub use templates::{
    PreviewInput, Previews, RestoreInput, TemplateFor, TemplateInput, TemplateList, TemplateManifest, TemplateVersion,
    TemplateView,
};
pub use view::{AskingRule, ExecutionView, GrantView, RequestView, SlotView, VoteView};
