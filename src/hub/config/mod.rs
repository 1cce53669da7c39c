//! What is configured: resources with their policies, groups and people, tokens and chat accounts, one by one or by a manifest.

mod apply;
mod chat_accounts;
pub(super) mod compiled_rules;
pub(super) mod compiled_schemas;
mod groups_and_people;
pub(super) mod plan;
mod policy_warnings;
mod resources;
mod tokens;
mod unnamed;

pub use self::apply::Manifest;
pub use self::chat_accounts::{BoundAccount, ChatIdentities, LinkCode};
pub use self::groups_and_people::{GroupInput, PersonInput};
pub use self::plan::{Change, Plan, Unnamed, Verb};
pub use self::resources::{ResourceInput, ResourceView};
pub use self::tokens::{NewToken, TokenInput};
