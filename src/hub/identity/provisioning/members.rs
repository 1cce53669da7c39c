//! The members of the hub's groups, derived from the directory's.

use std::collections::BTreeSet;

use crate::approval::Email;
use crate::hub::HubError;
use crate::hub::config::store_group;
use crate::identity::scim::ScimError;
use crate::ids::ScimUserId;
use crate::store::groups::{self, Group};
use crate::store::scim::groups::ScimGroup;
use crate::store::scim::{members, users};
use crate::store::{Session, Tx};
use crate::time::Timestamp;

/// Makes the members of the hub's group those whom the directory counts to it and who are active. Returns who came and who
/// went.
pub(super) async fn derive(tx: &mut Tx, group: &ScimGroup, now: Timestamp) -> Result<Moved, HubError> {
    let wanted = members::active(tx.session(), group.id).await?;
    let known = groups::get(tx.session(), &group.name).await?;
    let known = known.map(|known| known.members).unwrap_or_default();
    let moved = Moved {
        came: wanted.difference(&known).cloned().collect(),
        went: known.difference(&wanted).cloned().collect(),
    };
    if !moved.is_empty() {
        let group = Group { name: group.name.clone(), members: wanted, from_claim: BTreeSet::new(), managed_by: None };
        store_group(tx, &group, now).await?;
    }
    Ok(moved)
}

/// How the members of a group changed.
#[derive(Debug, Default)]
pub(super) struct Moved {
    pub(super) came: Vec<Email>,
    pub(super) went: Vec<Email>,
}

impl Moved {
    pub(super) fn is_empty(&self) -> bool {
        self.came.is_empty() && self.went.is_empty()
    }
}

/// The addresses of those of the users who are active; all of them must be known.
pub(super) async fn addresses(session: &mut Session, ids: &BTreeSet<ScimUserId>) -> Result<BTreeSet<Email>, HubError> {
    let wanted: Vec<ScimUserId> = ids.iter().copied().collect();
    let known = users::known(session, &wanted).await?;
    if let Some(missing) = ids.iter().find(|id| !known.iter().any(|(known, _, _)| known == *id)) {
        return Err(ScimError::value(format!("there is no user {missing} who could be a member")).into());
    }
    Ok(known.into_iter().filter(|(_, _, active)| *active).map(|(_, email, _)| email).collect())
}
