//! Redacts the texts of a request, field by field.

use serde_json::{Map, Value};

use super::found::{FoundSecret, HIDDEN, SecretKind};
use super::secrets::{is_real_value, is_secret_flag, is_secret_name, redact as redact_text};

/// Free texts of a request, and the name of each field for people. Other fields contain the hub's names, times and
/// numbers.
const TEXTS: [(&str, &str); 11] = [
    ("/command", "command"),
    ("/language", "language"),
    ("/reason", "reason"),
    ("/requester/name", "requester"),
    ("/decision/reason", "decision"),
    ("/change/reason", "change"),
    ("/change/diff", "change"),
    ("/execution/output", "output"),
    ("/execution/reason", "use"),
    ("/grant/reason", "access"),
    ("/comment/text", "comment"),
];

/// Hides the secrets of a request, and returns them.
pub(super) fn redact(request: &mut Value) -> Vec<FoundSecret> {
    let mut found = Vec::new();
    let mut check = |place: &'static str, value: &mut Value, sensitivity: Sensitivity| {
        let mut kinds = Vec::new();
        hide(value, sensitivity, &mut kinds);
        found.extend(kinds.into_iter().map(|kind| FoundSecret { kind, place }));
    };
    for (pointer, place) in TEXTS {
        if let Some(text) = request.pointer_mut(pointer) {
            check(place, text, Sensitivity::Plain);
        }
    }
    for vote in request.pointer_mut("/votes").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(reason) = vote.get_mut("reason") {
            check("vote", reason, Sensitivity::Plain);
        }
    }
    for (pointer, place) in
        [("/context", "context"), ("/labels", "labels"), ("/requester/groups", "requester"), ("/review/note", "review")]
    {
        if let Some(value) = request.pointer_mut(pointer) {
            check(place, value, Sensitivity::Plain);
        }
    }
    found
}

/// Removes all free text. The kind of the request, its resource, people and state remain.
pub(super) fn empty(request: &mut Value) {
    for (pointer, nothing) in [
        ("/command", Value::from("")),
        ("/language", Value::Null),
        ("/context", Value::Null),
        ("/reason", Value::Null),
        ("/labels", Value::Object(Map::new())),
        ("/decision/reason", Value::Null),
        ("/change/reason", Value::Null),
        ("/change/diff", Value::from("")),
        ("/execution/output", Value::Null),
        ("/execution/reason", Value::Null),
        ("/grant/reason", Value::Null),
        ("/review/note", Value::Null),
        ("/comment/text", Value::from("")),
    ] {
        if let Some(value) = request.pointer_mut(pointer) {
            *value = nothing;
        }
    }
    for vote in request.pointer_mut("/votes").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(reason) = vote.get_mut("reason") {
            *reason = Value::Null;
        }
    }
}

/// Whether a value belongs to a name or flag of a secret.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sensitivity {
    Plain,
    Secret,
}

fn hide(value: &mut Value, sensitivity: Sensitivity, found: &mut Vec<SecretKind>) {
    match value {
        Value::String(text) if sensitivity == Sensitivity::Secret && is_real_value(SecretKind::Password, text) => {
            HIDDEN.clone_into(text);
            found.push(SecretKind::Password);
        }
        Value::Number(_) if sensitivity == Sensitivity::Secret => {
            *value = HIDDEN.into();
            found.push(SecretKind::Password);
        }
        Value::String(text) => {
            let (kept, kinds) = redact_text(text);
            if !kinds.is_empty() {
                *text = kept;
                found.extend(kinds);
            }
        }
        Value::Array(items) => {
            // A list may be the words of a command line.
            let mut next = sensitivity;
            for item in items {
                hide(item, next, found);
                let is_flag = item.as_str().is_some_and(is_secret_flag);
                next = if is_flag { Sensitivity::Secret } else { sensitivity };
            }
        }
        Value::Object(members) => *members = hide_members(std::mem::take(members), sensitivity, found),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Hides secrets in names too. Names that become equal are kept apart, so that no member is lost.
fn hide_members(
    members: Map<String, Value>,
    sensitivity: Sensitivity,
    found: &mut Vec<SecretKind>,
) -> Map<String, Value> {
    let mut kept = Map::new();
    for (name, mut value) in members {
        let inside = if is_secret_name(&name) { Sensitivity::Secret } else { sensitivity };
        hide(&mut value, inside, found);
        let (mut shown, kinds) = redact_text(&name);
        found.extend(kinds);
        while kept.contains_key(&shown) {
            shown.push('\'');
        }
        kept.insert(shown, value);
    }
    kept
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_text_of_a_request_is_checked() {
        let secret = "ghp_aZ09aZ09aZ09aZ09aZ09aZ09aZ09aZ09aZ09";
        let mut request = json!({
            "id": "req_1", "digest": "d", "command": secret, "language": secret, "reason": secret,
            "requester": {"email": "a@b.c", "name": secret, "groups": [secret]}, "labels": {secret: secret},
            "context": {"argv": ["x", "--password", "hunter2", secret], "password": "p", "pin_token": 1234, "deep": {"n": [1, secret]}},
            "decision": {"reason": secret}, "votes": [{"reason": secret}, {"reason": null}], "change": {"reason": secret, "diff": secret},
            "execution": {"output": secret, "reason": secret}, "grant": {"reason": secret}, "review": {"note": secret},
        });
        let found = redact(&mut request);
        let text = request.to_string();
        assert!(!text.contains("ghp_") && !text.contains("hunter2") && !text.contains("1234"), "{text}");
        assert_eq!(found.len(), 20, "{found:?}");
        assert_eq!(request["context"]["argv"], json!(["x", "--password", "[hidden]", "[hidden]"]));
        assert_eq!(request["context"]["password"], "[hidden]");
        assert_eq!((&request["id"], &request["digest"]), (&json!("req_1"), &json!("d")));
        empty(&mut request);
        assert!(!request.to_string().contains("hidden]\"},\"dig"), "{request}");
    }

    #[test]
    fn no_member_is_lost_when_its_name_is_hidden() {
        let mut context = json!({
            "ghp_aZ09aZ09aZ09aZ09aZ09aZ09aZ09aZ09aZ09": 1, "ghp_bZ09aZ09aZ09aZ09aZ09aZ09aZ09aZ09aZ09": 2, "[hidden]": 3,
        });
        let mut found = Vec::new();
        hide(&mut context, Sensitivity::Plain, &mut found);
        assert_eq!((context.as_object().map(Map::len), found.len()), (Some(3), 2));
    }
}
