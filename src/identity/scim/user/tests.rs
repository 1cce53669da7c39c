//! Users as Entra and Okta write them, and wrong ones.

use serde_json::json;

use super::*;
use crate::codes::Code;

fn dana() -> UserAttributes {
    UserAttributes::read(&json!({"userName": "dana@example.com", "externalId": "d1"}), true).unwrap()
}

fn patch(operations: &Value) -> Result<UserAttributes, ScimError> {
    dana().patched(&json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations}))
}

#[test]
fn a_person_is_the_user_name_else_the_primary_address() {
    for (user, expected) in [
        (
            json!({"userName": "Dana@Example.com", "emails": [{"value": "x@y.example", "primary": true}]}),
            Some("dana@example.com"),
        ),
        (
            json!({"userName": "dana", "emails": [{"value": "a@b.c"}, {"value": "x@y.example", "primary": "True"}]}),
            Some("x@y.example"),
        ),
        (
            json!({"userName": "dana", "emails": [{"value": "a@b.c"}, {"value": "x@y.example", "type": "work"}]}),
            Some("x@y.example"),
        ),
        (json!({"userName": "dana", "emails": {"value": "x@y.example"}}), Some("x@y.example")),
        (json!({"USERNAME": "dana", "Emails": ["x@y.example"]}), Some("x@y.example")),
        (json!({"userName": "dana"}), None),
        (json!({"userName": "dana", "emails": [{"value": "a@b.c"}, {"value": "d@e.f"}]}), None),
        (json!({"userName": "dana", "emails": [{"value": "nobody"}]}), None),
    ] {
        let read = UserAttributes::read(&user, true).and_then(|user| user.person());
        assert_eq!(read.ok().as_ref().map(Email::as_str), expected, "{user}");
    }
}

#[test]
fn what_entra_sends_is_carried_out() {
    let changed = patch(&json!([
        {"op": "Replace", "path": "active", "value": "False"},
        {"op": "Add", "path": "name.givenName", "value": "Dana"},
        {"op": "Replace", "path": "emails[type eq \"work\"].value", "value": "dana@work.example"},
        {"op": "Replace", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", "value": "IT"},
        {"op": "Replace", "path": "title", "value": "Head"},
    ]))
    .unwrap();
    assert!(!changed.active);
    assert_eq!(changed.shown_name(), "Dana");
    let mail = json!({"userName": "dana@example.com", "externalId": "d1", "name": {"givenName": "Dana"},
        "emails": [{"value": "dana@work.example", "type": "work"}], "active": false});
    assert_eq!(serde_json::to_value(&changed).unwrap(), mail);
    let joined = patch(&json!([{"op": "Add", "value": {"name.familyName": "Reyes", "emails[type eq \"work\"].value": "d@w.example", "active": "true"}}])).unwrap();
    assert_eq!((joined.shown_name().as_str(), joined.emails.len()), ("Reyes", 1));
}

#[test]
fn what_okta_sends_is_carried_out() {
    let off = patch(&json!([{"op": "replace", "value": {"active": false}}])).unwrap();
    assert!(!off.active);
    let kept =
        patch(&json!([{"op": "replace", "value": {"id": "other", "schemas": [], "displayName": "Dana"}}])).unwrap();
    assert_eq!(kept.display_name.as_deref(), Some("Dana"));
}

#[test]
fn addresses_are_added_changed_and_removed() {
    let two = patch(&json!([
        {"op": "add", "path": "emails", "value": [{"value": "a@b.example", "primary": true}]},
        {"op": "add", "path": "emails", "value": [{"value": "c@d.example", "primary": true}, {"value": "e@f.example"}]},
        {"op": "remove", "path": "emails[value eq \"E@f.example\"]"},
        {"op": "remove", "path": "emails[value eq \"nobody\"]"},
    ]))
    .unwrap();
    let primary: Vec<_> = two.emails.iter().map(|email| email.primary).collect();
    assert_eq!(primary, [Some(false), Some(true)], "a new primary address replaces the old one");
    assert!(patch(&json!([{"op": "remove", "path": "emails"}])).unwrap().emails.is_empty());
}

#[test]
fn what_is_wrong_is_named() {
    for (operations, code) in [
        (json!([{"op": "move", "path": "active", "value": true}]), Code::InvalidJson),
        (json!([5]), Code::InvalidJson),
        (json!([{"op": "replace", "path": "active", "value": "perhaps"}]), Code::InvalidValue),
        (json!([{"op": "replace", "path": "active", "value": [true]}]), Code::InvalidValue),
        (json!([{"op": "replace", "path": "userName", "value": 5}]), Code::InvalidValue),
        (json!([{"op": "replace", "path": "userName", "value": "a\u{0}b"}]), Code::InvalidValue),
        (json!([{"op": "replace", "path": "displayName", "value": "x".repeat(300)}]), Code::InvalidValue),
        (json!([{"op": "replace", "value": "active"}]), Code::InvalidValue),
        (json!([{"op": "replace", "value": {"active": true, "ACTIVE": false}}]), Code::InvalidJson),
        (json!([{"op": "remove", "path": "userName"}]), Code::Immutable),
        (json!([{"op": "remove", "path": "active"}]), Code::Immutable),
        (json!([{"op": "replace", "path": "id", "value": "x"}]), Code::Immutable),
        (json!([{"op": "remove"}]), Code::NoTarget),
        (json!([{"op": "replace", "path": "shoeSize", "value": "x"}]), Code::InvalidPath),
        (json!([{"op": "replace", "path": "emails[colour eq \"red\"].value", "value": "x"}]), Code::InvalidPath),
        (json!([{"op": "replace", "path": 5, "value": "x"}]), Code::InvalidPath),
        (json!([{"op": "replace", "path": "userName", "value": "dana"}]), Code::InvalidValue),
    ] {
        assert_eq!(patch(&operations).map_err(|error| error.code), Err(code), "{operations}");
    }
    assert_eq!(dana().patched(&json!({})).map_err(|error| error.code), Err(Code::InvalidJson));
    let many = vec![json!({"op": "replace", "path": "active", "value": true}); 1_001];
    assert_eq!(patch(&json!(many)).map_err(|error| error.code), Err(Code::InvalidValue));
    let emails: Vec<_> = (0..21).map(|number| json!({"value": format!("a{number}@b.c")})).collect();
    assert!(patch(&json!([{"op": "add", "path": "emails", "value": emails}])).is_err());
    let both = json!({"userName": "d@e.f", "emails": [{"value": "a@b.c", "primary": true}, {"value": "g@h.i", "primary": true}]});
    assert!(UserAttributes::read(&both, true).is_err());
}
