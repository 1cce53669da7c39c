//! The fields of a resource: as JSON, as TOML, and as a form's values.

use serde_json::{Map, Value, json};

use crate::approval::ResourceName;
use crate::http::pages::settings::draft::{Draft, number};
use crate::http::pages::settings::form::Form;
use crate::http::pages::settings::text::{filled, lines, ticked};
use crate::http::pages::viewer::PostedForm;
use crate::hub::ResourceView;
use crate::shape::write_toml;

/// Blank rows for further groups.
const MORE: usize = 2;
/// What the form shows; the rest of a policy stays as it is stored.
const SHOWN: [&str; 16] = [
    "description",
    "slots",
    "timeout_seconds",
    "reject_needed",
    "reason_required",
    "reject_reason_required",
    "requester_groups",
    "exempt_groups",
    "conflicted",
    "allow_self_approval",
    "min_assurance",
    "fresh_sign_in_seconds",
    "use_within_seconds",
    "max_duration_seconds",
    "high_risk",
    "detail",
];

/// The resource as the API's body, without what has its default.
pub(super) fn body_of(view: &ResourceView) -> Map<String, Value> {
    let Ok(Value::Object(mut body)) = serde_json::to_value(view) else { return Map::new() };
    body.remove("name");
    body.remove("warnings");
    let is_default = |name: &str, value: &Value| {
        value.is_null()
            || *value == json!(false)
            || (name == "reject_needed" && *value == json!(1))
            || (name == "detail" && *value == json!("full"))
    };
    body.retain(|name, value| !is_default(name, value));
    for slot in body.get_mut("slots").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(slot) = slot.as_object_mut() {
            slot.retain(|_, value| *value != json!(false));
        }
    }
    body
}

/// The resource's part of a manifest; none if TOML cannot say it.
pub(super) fn toml_of(name: &ResourceName, body: &Map<String, Value>) -> Option<String> {
    write_toml(&json!({"resources": {name.as_str(): body}}))
}

/// The values of the form.
pub(super) fn form_of(view: &ResourceView) -> Form {
    let policy = &view.policy;
    let procedure = &policy.procedure;
    let form = Form::of(vec![
        ("description", filled(view.description.as_ref())),
        ("timeout_seconds", filled(policy.timeout_seconds)),
        ("reject_needed", procedure.reject_needed.to_string()),
        ("reason_required", ticked(policy.reason_required)),
        ("reject_reason_required", ticked(procedure.reject_reason_required)),
        ("requester_groups", lines(&policy.requester_groups)),
        ("exempt_groups", lines(&policy.exempt_groups)),
        ("conflicted", lines(&policy.conflicted)),
        ("allow_self_approval", ticked(procedure.allow_self_approval)),
        ("min_assurance", filled(procedure.min_assurance.map(|assurance| assurance.as_str()))),
        ("fresh_sign_in_seconds", filled(procedure.fresh_sign_in_seconds)),
        ("use_within_seconds", filled(procedure.use_within_seconds)),
        ("max_duration_seconds", filled(procedure.max_duration_seconds)),
        ("high_risk", ticked(procedure.high_risk)),
        ("detail", procedure.detail.as_str().to_owned()),
    ]);
    policy.slots.iter().enumerate().fold(form, |form, (place, slot)| {
        form.with(format!("slots/{place}/group"), slot.group.to_string())
            .with(format!("slots/{place}/needed"), slot.needed.to_string())
            .with(format!("slots/{place}/shared"), ticked(slot.shared))
    })
}

/// The rows of groups that the form has: those that are filled, and some blank ones.
pub(super) fn rows(form: &Form) -> Vec<String> {
    let filled = (0..50).rev().find(|place| !form.get(&format!("slots/{place}/group")).is_empty());
    (0..filled.map_or(0, |last| last + 1) + MORE).map(|place| format!("slots/{place}")).collect()
}

/// The body that the form makes, on what is stored.
pub(super) fn body_from<'f>(form: &'f PostedForm, stored: Map<String, Value>) -> Draft<'f> {
    let mut base = stored;
    base.retain(|name, _| !SHOWN.contains(&name.as_str()));
    let slots: Vec<Value> = (0..50).filter_map(|place| slot(form, place)).collect();
    Draft::onto(form, base)
        .exact("description")
        .set("slots", slots.into())
        .numbers(&[
            "timeout_seconds",
            "reject_needed",
            "fresh_sign_in_seconds",
            "use_within_seconds",
            "max_duration_seconds",
        ])
        .flag("reason_required")
        .flag("reject_reason_required")
        .flag("allow_self_approval")
        .flag("high_risk")
        .lists(&["requester_groups", "exempt_groups", "conflicted"])
        .texts(&["min_assurance", "detail"])
}

/// One row; none if its group is blank.
fn slot(form: &PostedForm, place: usize) -> Option<Value> {
    let name = |field: &str| format!("slots/{place}/{field}");
    let group = form.filled(&name("group"))?.trim();
    let needed = form.filled(&name("needed")).map_or(json!(1), number);
    Some(json!({"group": group, "needed": needed, "shared": form.filled(&name("shared")).is_some()}))
}
