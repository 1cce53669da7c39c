//! SCIM 2.0 (RFC 7644) at `/scim/v2`: for directories, which speak this protocol and no other.

mod answer;
pub(super) mod discovery;
pub(super) mod groups;
mod query;
pub(super) mod users;

pub(super) use answer::in_scim_terms;
