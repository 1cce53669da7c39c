//! Endpoints, the targets of notifications: their configuration, the log of their deliveries, and replays.

mod deliveries;
mod fields;
mod input;
mod life;
mod manage;
mod replay;
mod sample;
mod save;
mod slack;
mod trial;
mod view;
mod wrapping;

pub use self::deliveries::DeliveryDetail;
pub use self::input::{EndpointInput, EndpointPatch};
pub use self::life::{RotateInput, RotateLinksInput};
pub use self::replay::{ReplayAnswer, ReplayInput, run_replayer};
pub(in crate::hub) use self::save::{check_app_count, clear_health_if_enabled, save};
pub use self::slack::{SlackInput, SlackPatch, SlackView};
pub use self::trial::TestInput;
pub use self::view::{
    AuthView, CertificateView, EndpointStatus, EndpointView, HealthView, RetiringView, TemplateProblemView, WithSecret,
};
