//! The services: what a caller may ask of the hub. The only place that joins the core, the store and the events.
//!
//! A service checks what the caller may do, runs the core's decision inside one write transaction, and writes what follows from
//! it (rows, events, deliveries, audit entries, counts) in that same transaction. It knows nothing of HTTP.

mod access;
mod analytics;
mod config;
mod endpoints;
mod error;
mod input;
mod key_check;
mod lifecycle;
mod page;
mod replicas;
mod requests;
mod retries;
mod scene;
mod services;
mod slack;
mod templates;
mod view;

pub use crate::store::link_events::LinkEvent;
use access::require;
pub use analytics::ReportFilter;
pub use config::{
    BoundAccount, Change, ChatIdentities, GroupInput, LinkCode, Manifest, NewToken, PersonInput, Plan, ResourceInput,
    ResourceView, TokenInput, Unnamed, Verb,
};
pub use endpoints::{
    AuthView, CertificateView, DeliveryDetail, EndpointInput, EndpointPatch, EndpointStatus, EndpointView, HealthView,
    ReplayInput, Replayed, RetiringView, RotateInput, RotateLinksInput, SlackInput, SlackPatch, SlackView,
    TemplateProblemView, TestInput, WithSecret, run_replayer,
};
pub use error::{HubError, LinkProblem};
pub use input::{IdempotencyKey, KeyedCall};
pub use lifecycle::{Access, ClaimInput, Claimed, GrantFilter, HeartbeatInput, Lease, ResultInput, run_timer};
pub use page::Page;
pub use replicas::run_key_check;
pub use requests::{
    Ask, Asked, BulkAnswer, BulkApprove, BulkFilter, BulkItem, BulkReject, CallbackPage, CancelInput, Evaluation,
    Explanation, GlassInput, LinkDecision, LinkUses, ListFilter, Outcome, PersonExplanation, ReviewInput, ReviseInput,
    Seen, SlotExplanation, Times, Told, VoteInput, run_link_log,
};
pub use services::{Hub, HubSettings, Readiness};
pub use slack::{Signed, SlackAnswer, run_slack_jobs};
pub use templates::{
    PreviewInput, Previews, RestoreInput, TemplateFor, TemplateInput, TemplateList, TemplateManifest, TemplateVersion,
    TemplateView,
};
pub use view::{ExecutionView, GrantView, RequestView, SlotView, VoteView};
