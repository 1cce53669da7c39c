//! What the form to ask contains, and the ask that it stands for.

use std::collections::BTreeMap;

use super::context::Shape;
use crate::approval::Kind;
use crate::http::pages::viewer::PostedForm;
use crate::hub::{Ask, Askable, HubError, RequestView};

/// Units of the length of access: the value in the form, in seconds, and in words.
pub(super) const UNITS: [(&str, u32, &str); 3] = [("min", 60, "minutes"), ("h", 3_600, "hours"), ("d", 86_400, "days")];
/// Times to decide that the form offers, in seconds.
pub(super) const TIMEOUTS: [u32; 8] = [900, 1_800, 3_600, 7_200, 14_400, 28_800, 86_400, 259_200];

/// What is wrong, by the name of the field; `form` for all of it.
pub(super) type Errors = BTreeMap<String, String>;

/// The fields as they were typed.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Typed {
    pub(super) resource: String,
    pub(super) is_access: bool,
    pub(super) command: String,
    pub(super) language: String,
    pub(super) reason: String,
    pub(super) length: String,
    pub(super) unit: String,
    pub(super) timeout: String,
    pub(super) beneficiary: String,
    pub(super) labels: String,
    /// Of the context, by property.
    pub(super) context: BTreeMap<String, String>,
    /// What else is in the context, as JSON.
    pub(super) rest: String,
    /// The earlier request that the form offers to replace, and whether to.
    pub(super) earlier: String,
    pub(super) replaces: bool,
}

impl Typed {
    pub(super) fn read(form: &PostedForm) -> Self {
        let text = |name: &str| form.get(name).unwrap_or_default().to_owned();
        let context = form.fields().filter_map(|(name, value)| Some((name.strip_prefix("context.")?, value)));
        Self {
            resource: text("resource").trim().to_owned(),
            is_access: form.get("kind") == Some(Kind::Jit.as_str()),
            command: text("command"),
            language: text("language").trim().to_owned(),
            reason: text("reason"),
            length: text("length").trim().to_owned(),
            unit: text("unit"),
            timeout: text("timeout"),
            beneficiary: text("beneficiary").trim().to_owned(),
            labels: text("labels"),
            context: context.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            rest: text("rest"),
            earlier: text("earlier"),
            replaces: form.get("replaces").is_some(),
        }
    }

    /// To ask for the same as an earlier request.
    pub(super) fn like(request: &RequestView, shape: &Shape) -> Self {
        let (context, rest) = shape.typed(request.context.as_ref().unwrap_or(&serde_json::Value::Null));
        let (length, unit) = request.duration_seconds.map_or_else(Default::default, length);
        Self {
            resource: request.resource.to_string(),
            is_access: request.kind == Kind::Jit,
            command: request.command.clone(),
            language: request.language.clone().unwrap_or_default(),
            reason: request.reason.clone().unwrap_or_default(),
            length,
            unit,
            beneficiary: request.beneficiary.as_ref().map(ToString::to_string).unwrap_or_default(),
            labels: request.labels.iter().map(|(name, value)| format!("{name} = {value}\n")).collect(),
            context,
            rest,
            ..Self::default()
        }
    }

    /// The ask; none, if a field cannot be read.
    pub(super) fn ask(&self, about: Option<&Askable>, shape: &Shape, errors: &mut Errors) -> Option<Ask> {
        let mut wrong = |field: &str, detail: &str| drop(errors.insert(field.to_owned(), detail.to_owned()));
        let given = |text: &str| Some(text.to_owned()).filter(|text| !text.trim().is_empty());
        if self.resource.is_empty() {
            wrong("resource", "say on what");
        } else if about.is_none() {
            wrong("resource", "there is no such resource, or you may not ask about it");
        }
        let seconds = match (self.is_access, self.seconds()) {
            (false, _) => None,
            (true, Some(seconds)) => Some(seconds),
            (true, None) => {
                wrong("length", "say for how long, as a number");
                None
            }
        };
        if !self.is_access && self.command.trim().is_empty() {
            wrong("command", "write exactly what would run");
        }
        if about.is_some_and(|about| about.reason_required) && self.reason.trim().is_empty() {
            wrong("reason", "needed here: those who decide read it first");
        }
        let beneficiary = given(&self.beneficiary)
            .and_then(|text| text.parse().map_err(|_| wrong("beneficiary", "this is no e-mail address")).ok());
        let timeout_seconds = given(&self.timeout)
            .and_then(|text| text.parse().map_err(|_| wrong("timeout", "choose one of the list")).ok());
        let labels = labels(&self.labels).map_err(|line| {
            wrong("labels", &format!("write name = value, not {line:?}"));
        });
        let context = shape.read(&self.context, &self.rest, errors);
        let resource = about?.name.clone();
        errors.is_empty().then_some(Ask {
            resource,
            kind: Some(if self.is_access { Kind::Jit } else { Kind::Action }),
            command: given(&self.command),
            language: given(&self.language),
            context,
            requester: None,
            beneficiary,
            reason: given(&self.reason),
            timeout_seconds,
            duration_seconds: seconds,
            replaces: self.earlier.parse().ok().filter(|_| self.replaces),
            labels: labels.unwrap_or_default(),
        })
    }

    /// The length of the access.
    fn seconds(&self) -> Option<u32> {
        let unit = UNITS.iter().find(|unit| unit.0 == self.unit).or(UNITS.first())?.1;
        self.length.parse::<u32>().ok().filter(|count| *count > 0)?.checked_mul(unit)
    }
}

/// A number of seconds as a count and its unit.
fn length(seconds: u32) -> (String, String) {
    let fitting = UNITS.iter().rev().find(|unit| seconds.is_multiple_of(unit.1));
    match fitting {
        Some((name, unit, _)) => ((seconds / unit).to_string(), (*name).to_owned()),
        None => (seconds.div_ceil(60).to_string(), "min".to_owned()),
    }
}

/// Labels, one a line; else the line that is none.
fn labels(text: &str) -> Result<BTreeMap<String, String>, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .map(|line| match line.split_once('=') {
            Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.trim().to_owned())),
            _ => Err(line.to_owned()),
        })
        .collect()
}

/// The field that an error of the service is about, with what it says; none for an error that no field can mend.
pub(super) fn place_of(error: &HubError, shape: &Shape) -> Option<(String, String)> {
    let detail = error.to_string();
    let (field, detail) = match error {
        HubError::Invalid { pointer, .. } => (field_of(pointer, shape), detail),
        HubError::NotFound("resource") => {
            ("resource".to_owned(), "there is no such resource, or you may not ask about it".to_owned())
        }
        HubError::Unsatisfiable { .. } => ("resource".to_owned(), detail),
        HubError::NotFound(_)
        | HubError::Forbidden(_)
        | HubError::Conflict { .. }
        | HubError::Refused { .. }
        | HubError::MembershipStale { .. } => ("form".to_owned(), detail),
        _ => return None,
    };
    Some((field, detail))
}

fn field_of(pointer: &str, shape: &Shape) -> String {
    let mut parts = pointer.split('/').skip(1);
    let field = match (parts.next(), parts.next()) {
        (Some("context"), Some(name)) if shape.properties.iter().any(|property| property.name == name) => {
            return format!("context.{name}");
        }
        (Some("context"), _) => "rest",
        (Some("duration_seconds"), _) => "length",
        (Some("timeout_seconds"), _) => "timeout",
        (Some("labels"), _) => "labels",
        (Some(known @ ("resource" | "command" | "language" | "reason" | "beneficiary")), _) => known,
        _ => "form",
    };
    field.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about() -> Askable {
        Askable {
            name: "orders".parse().unwrap(),
            description: None,
            reason_required: true,
            timeout_seconds: 3_600,
            max_duration_seconds: 86_400,
            context_schema: None,
        }
    }

    fn form(body: &str) -> Typed {
        Typed::read(&PostedForm::read(body.as_bytes()))
    }

    #[test]
    fn a_command_is_asked_exactly_as_typed() {
        let typed =
            form("resource=orders&kind=action&command=%20a%09b%0D%0Ac%20&reason=r&labels=t+%3D+1%0D%0A&timeout=900");
        let mut errors = Errors::new();
        let ask = typed.ask(Some(&about()), &Shape::any(), &mut errors).unwrap();
        assert_eq!((ask.command.as_deref(), ask.timeout_seconds), (Some(" a\tb\nc "), Some(900)));
        assert_eq!(ask.labels["t"], "1");
        assert_eq!((ask.kind, ask.duration_seconds), (Some(Kind::Action), None));
    }

    #[test]
    fn what_is_missing_is_named_at_its_field() {
        let mut errors = Errors::new();
        let typed = form("resource=orders&kind=jit&length=x&beneficiary=nobody&labels=no&rest=%5B");
        assert!(typed.ask(Some(&about()), &Shape::any(), &mut errors).is_none());
        let named: Vec<&str> = errors.keys().map(String::as_str).collect();
        assert_eq!(named, ["beneficiary", "labels", "length", "reason", "rest"]);
        let mut errors = Errors::new();
        assert!(form("").ask(None, &Shape::any(), &mut errors).is_none());
        assert!(errors.contains_key("resource") && errors.contains_key("command"));
    }

    #[test]
    fn lengths_are_shown_in_their_largest_whole_unit() {
        for (seconds, shown) in [(7_200, ("2", "h")), (5_400, ("90", "min")), (172_800, ("2", "d")), (61, ("2", "min"))]
        {
            assert_eq!(length(seconds), (shown.0.to_owned(), shown.1.to_owned()));
        }
    }

    #[test]
    fn errors_of_the_service_find_their_field() {
        for (pointer, field) in [
            ("/command", "command"),
            ("/duration_seconds", "length"),
            ("/context/ticket", "rest"),
            ("", "form"),
            ("/requester/email", "form"),
        ] {
            assert_eq!(field_of(pointer, &Shape::any()), field, "{pointer}");
        }
    }
}
