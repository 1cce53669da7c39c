//! A form as a page shows it: what its fields hold, and what is wrong with one of them. A field has the name of its place in
//! the API's body, a JSON pointer without the first slash, so that an error of the API finds its field.

use crate::http::Problem;
use crate::http::pages::viewer::PostedForm;

/// The fields of a form, with their values.
#[derive(Debug, Clone, Default)]
pub(super) struct Form {
    fields: Vec<(String, String)>,
    fault: Option<Fault>,
}

/// Why a form was refused.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    /// The name of the field; empty if it is about none.
    pub(super) field: String,
    pub(super) detail: String,
}

impl Form {
    /// A form with these values.
    pub(super) fn of(fields: Vec<(&str, String)>) -> Self {
        Self { fields: fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(), fault: None }
    }

    /// The form with another value.
    pub(super) fn with(mut self, name: String, value: String) -> Self {
        self.fields.push((name, value));
        self
    }

    /// A form as it was sent.
    pub(super) fn posted(form: &PostedForm) -> Self {
        let fields = form.fields().filter(|(name, _)| *name != "nonce");
        Self { fields: fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(), fault: None }
    }

    /// A form as it was sent, and refused.
    pub(super) fn refused(form: &PostedForm, problem: &Problem) -> Self {
        let field = problem.pointer().trim_start_matches('/').replace("~1", "/").replace("~0", "~");
        Self { fault: Some(Fault { field, detail: problem.detail().to_owned() }), ..Self::posted(form) }
    }

    /// The first value of a field; empty if it has none.
    pub(super) fn get(&self, name: &str) -> &str {
        self.fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str())
    }

    /// Whether a field has that value, among others.
    pub(super) fn has(&self, name: &str, value: &str) -> bool {
        self.fields.iter().any(|field| field.0 == name && field.1 == value)
    }

    /// Whether a box is ticked.
    pub(super) fn is_on(&self, name: &str) -> bool {
        !self.get(name).is_empty()
    }

    /// Whether one of the fields whose names begin so is filled, or at fault.
    pub(super) fn uses(&self, beginning: &str) -> bool {
        let of_these = |name: &str| name.starts_with(beginning);
        self.fields.iter().any(|(name, value)| of_these(name) && !value.is_empty())
            || self.fault.as_ref().is_some_and(|fault| of_these(&fault.field))
    }

    /// What is wrong with a field, or with a part of its value.
    pub(super) fn error(&self, name: &str) -> Option<&str> {
        let is_here = |fault: &&Fault| {
            fault.field.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.fault.as_ref().filter(is_here).map(|fault| fault.detail.as_str())
    }

    /// Why the form was refused.
    pub(super) fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }

    /// What describes a field to a screen reader: the ids of its error and its hint.
    pub(super) fn described(&self, name: &str, hint: &str) -> String {
        let error = self.error(name).map(|_| format!("{name}-e"));
        let hint = (!hint.is_empty()).then(|| format!("{name}-h"));
        [error, hint].into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

impl Fault {
    /// The id of the field, for a link to it.
    pub(super) fn anchor(&self, form: &Form) -> Option<String> {
        let mut name = self.field.as_str();
        while !name.is_empty() {
            if form.fields.iter().any(|field| field.0 == name) {
                return Some(name.to_owned());
            }
            name = name.rsplit_once('/').map_or("", |(before, _)| before);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes::Code;

    #[test]
    fn an_error_finds_the_field_of_its_place() {
        let posted = PostedForm::read(b"name=ops&slack%2Fchannel=&events=ping");
        let refused = |pointer: &str| Form::refused(&posted, &Problem::new(Code::InvalidJson, "why").at(pointer));
        for (pointer, field) in [("/name", "name"), ("/slack/channel", "slack/channel"), ("/events/0", "events")] {
            let form = refused(pointer);
            assert_eq!(form.error(field), Some("why"), "{pointer}");
            assert_eq!(form.fault().unwrap().anchor(&form).as_deref(), Some(field));
        }
        let form = refused("/events/0");
        assert_eq!((form.error("event"), form.error("name")), (None, None), "of no other field");
        assert!(form.has("events", "ping") && form.get("name") == "ops");
        let form = refused("/proxy");
        assert_eq!(form.fault().unwrap().anchor(&form), None, "there is no such field");
        assert_eq!(form.described("proxy", "hint"), "proxy-e proxy-h");
        assert_eq!(form.described("name", ""), "");
    }
}
