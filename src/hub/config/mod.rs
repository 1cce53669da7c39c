//! The configuration: resources with their policies, groups, people, tokens and chat accounts, set one by one or by a
//! manifest.

mod applied_objects;
mod apply;
mod chat_accounts;
pub(super) mod compiled_rules;
pub(super) mod compiled_schemas;
mod deletions;
mod groups_and_people;
mod policy_warnings;
mod presence;
mod resource_trial;
mod resources;
mod tokens;
mod unnamed;

pub use self::apply::Manifest;
pub use self::chat_accounts::{BoundAccount, ChatIdentities, LinkCode};
pub(super) use self::groups_and_people::store_group;
pub use self::groups_and_people::{ClaimMember, GroupInput, GroupView, MembersInput, PersonInput};
pub use self::presence::{GroupLine, GroupMembers};
pub use self::resource_trial::{
    ChangedRequest, CommandTrial, Counts, HistoryTrial, ResourceTrial, ResourceTrialInput, Says, TrialOutcome,
};
pub use self::resources::{ResourceInput, ResourceView};
pub use self::tokens::{NewToken, RotateTokenInput, TokenInput, TokenView};
