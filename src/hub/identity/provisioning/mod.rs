//! People and groups as a directory provisions them, by SCIM.
//!
//! The directory's users and groups are rows of their own, with ids and attributes as the directory gave them. What the
//! hub decides by is derived from them: a group of the directory manages one group of the hub, whose members are the
//! addresses of the users in it who are active. So nothing else of the hub knows of directories.

mod groups;
mod leaving;
mod list;
mod members;
mod users;

pub use self::list::{MAX_GROUPS, MAX_USERS, Part};

use crate::hub::HubError;
use crate::identity::scim::ScimError;

impl From<ScimError> for HubError {
    fn from(error: ScimError) -> Self {
        Self::invalid(error.code, "", error.detail)
    }
}
