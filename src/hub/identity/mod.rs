//! Who people are, and how the hub learns of them.

mod caller;
mod claims;
mod device;
mod device_polls;
mod oidc;
mod provisioning;
mod sessions;
mod sign_in;
mod trusted;
mod workload;

pub use caller::CallerView;
pub use device::{MAX_DEVICES_OF_ADDRESS, PollError, StartedDevice};
pub(super) use device_polls::DevicePolls;
pub use device_polls::MAX_DEVICES;
pub use oidc::{LogoutFailure, OidcAnswer, OidcFailure, OidcFinish};
pub use provisioning::{MAX_GROUPS, MAX_USERS, Part};
pub use sessions::{SessionView, SignIn, StartedSession};
pub use sign_in::{NewSignInLink, SignInLinkInput, SignInOffer};
pub use trusted::{NotAccepted, Workloads};
pub use workload::{ExchangeRefusal, Exchanged, MAX_WORKLOAD_SECRETS, MAX_WORKLOADS};
