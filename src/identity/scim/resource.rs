//! Users, groups and lists as answers show them.

use serde_json::{Map, Value, json};

use super::projection::Projection;
use super::user::UserAttributes;
use crate::ids::{ScimGroupId, ScimUserId};
use crate::time::Timestamp;

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// Which part of a list an answer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListShape {
    /// How many there are in all.
    pub total: u64,
    /// The number of the first one, from 1.
    pub start: u64,
}

/// A user; `base` is the URL of the interface.
pub fn user(
    base: &str,
    id: ScimUserId,
    attributes: &UserAttributes,
    (created, changed): (Timestamp, Timestamp),
    projection: &Projection,
) -> Value {
    let mut user = Map::from_iter([
        ("schemas".to_owned(), json!([USER])),
        ("id".to_owned(), json!(id)),
        ("meta".to_owned(), meta("User", format!("{base}/Users/{id}"), created, changed)),
    ]);
    if let Value::Object(kept) = json!(attributes) {
        user.extend(kept);
    }
    projection.apply(Value::Object(user))
}

/// A group; `members` is `None` when they are not asked for.
pub fn group(
    base: &str,
    id: ScimGroupId,
    (display_name, external_id): (&str, Option<&str>),
    (created, changed): (Timestamp, Timestamp),
    members: Option<&[ScimUserId]>,
    projection: &Projection,
) -> Value {
    let mut group = json!({
        "schemas": [GROUP],
        "id": id,
        "displayName": display_name,
        "meta": meta("Group", format!("{base}/Groups/{id}"), created, changed),
    });
    let member = |id: &ScimUserId| json!({"value": id, "$ref": format!("{base}/Users/{id}"), "type": "User"});
    if let Some(object) = group.as_object_mut() {
        if let Some(id) = external_id {
            object.insert("externalId".to_owned(), id.into());
        }
        // An empty list is the same as none (RFC 7643 §2.5).
        if let Some(members) = members.filter(|members| !members.is_empty()) {
            object.insert("members".to_owned(), members.iter().map(member).collect());
        }
    }
    projection.apply(group)
}

/// A part of a list.
pub fn list(shape: ListShape, items: Vec<Value>) -> Value {
    json!({
        "schemas": [LIST],
        "totalResults": shape.total,
        "startIndex": shape.start,
        "itemsPerPage": items.len(),
        "Resources": items,
    })
}

fn meta(kind: &str, location: String, created: Timestamp, changed: Timestamp) -> Value {
    json!({"resourceType": kind, "created": created, "lastModified": changed, "location": location})
}
