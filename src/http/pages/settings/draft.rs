//! Makes the API's body of a form's fields, and reads it as the API does: so a form has the same rules and errors.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::codes::Code;
use crate::http::Problem;
use crate::http::extract::parse_json;
use crate::http::pages::reader::Reader;
use crate::http::pages::viewer::PostedForm;

/// A body in the making.
pub(super) struct Draft<'f> {
    form: &'f PostedForm,
    body: Map<String, Value>,
}

impl<'f> Draft<'f> {
    pub(super) fn of(form: &'f PostedForm) -> Self {
        Self::onto(form, Map::new())
    }

    /// A body that begins with these values.
    pub(super) const fn onto(form: &'f PostedForm, body: Map<String, Value>) -> Self {
        Self { form, body }
    }

    /// Sets a value. The name is a path with slashes.
    pub(super) fn set(mut self, name: &str, value: Value) -> Self {
        put(&mut self.body, name, value);
        self
    }

    /// A text; absent when the field is blank.
    pub(super) fn text(self, name: &str) -> Self {
        match self.form.filled(name) {
            Some(text) => self.set(name, text.trim().into()),
            None => self,
        }
    }

    /// A text as it is, with all its blanks; absent when the field is blank.
    pub(super) fn exact(self, name: &str) -> Self {
        match self.form.filled(name) {
            Some(text) => self.set(name, text.into()),
            None => self,
        }
    }

    /// Texts, each absent when its field is blank.
    pub(super) fn texts(self, names: &[&str]) -> Self {
        names.iter().fold(self, |draft, name| draft.text(name))
    }

    /// A number; absent when the field is blank. What is no number is sent as text, which the API refuses.
    pub(super) fn number(self, name: &str) -> Self {
        match self.form.filled(name) {
            Some(text) => self.set(name, number(text)),
            None => self,
        }
    }

    /// Numbers, each absent when its field is blank.
    pub(super) fn numbers(self, names: &[&str]) -> Self {
        names.iter().fold(self, |draft, name| draft.number(name))
    }

    /// Whether a box is ticked.
    pub(super) fn flag(self, name: &str) -> Self {
        let is_on = self.form.filled(name).is_some();
        self.set(name, is_on.into())
    }

    /// The values that are ticked.
    pub(super) fn each(self, name: &str) -> Self {
        let values: Vec<&str> = self.form.all(name).collect();
        self.set(name, values.into())
    }

    /// Words, each on its own line or parted by commas.
    pub(super) fn list(self, name: &str) -> Self {
        let values: Vec<&str> = words(self.form.get(name).unwrap_or_default()).collect();
        self.set(name, values.into())
    }

    /// Texts, each on its own line: they may hold commas.
    pub(super) fn lines(self, name: &str) -> Self {
        let text = self.form.get(name).unwrap_or_default();
        let values: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        self.set(name, values.into())
    }

    /// Lists of words.
    pub(super) fn lists(self, names: &[&str]) -> Self {
        names.iter().fold(self, |draft, name| draft.list(name))
    }

    /// Numbers of a list; absent when the field is blank.
    pub(super) fn number_list(self, name: &str) -> Self {
        match self.form.filled(name) {
            Some(text) => {
                let values: Vec<Value> = words(text).map(number).collect();
                self.set(name, values.into())
            }
            None => self,
        }
    }

    /// A time in the reader's zone; absent when the field is blank.
    pub(super) fn moment(self, name: &str, reader: &Reader) -> Self {
        let Some(text) = self.form.filled(name) else { return self };
        // What is no time is sent as it is, which the API refuses.
        let value = reader.entered(text).map_or_else(|| text.to_owned(), |at| at.to_string());
        self.set(name, value.into())
    }

    /// Makes the fields that are absent `null`: a change that removes their values.
    pub(super) fn cleared(mut self, names: &[&str]) -> Self {
        for name in names {
            self.body.entry(*name).or_insert(Value::Null);
        }
        self
    }

    /// The body as JSON, for a key that makes the call repeatable.
    pub(super) fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(&self.body).unwrap_or_default()
    }

    /// Reads the body.
    ///
    /// # Errors
    /// As the API's, with the place of the field.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        parse_json(&self.bytes()).map_err(|problem| for_a_form(&problem))
    }
}

/// A parser's error in the words of a form: it has no body, lines or columns.
fn for_a_form(problem: &Problem) -> Problem {
    let detail = problem.detail();
    let detail = detail.strip_prefix("the body cannot be read: ").unwrap_or(detail);
    let detail = detail.rsplit_once(" at line ").map_or(detail, |(before, _)| before);
    let missing = detail.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
    match missing {
        Some(field) => Problem::new(Code::InvalidJson, format!("fill in {}", field.replace('_', " ")))
            .at(format!("{}/{field}", problem.pointer())),
        None => Problem::new(problem.code(), detail).at(problem.pointer()),
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', '\n']).map(str::trim).filter(|word| !word.is_empty())
}

/// A number; what is none stays a text.
pub(super) fn number(text: &str) -> Value {
    let text = text.trim();
    let whole = text.parse::<i64>().ok().map(Value::from);
    whole
        .or_else(|| text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::from))
        .unwrap_or_else(|| text.into())
}

fn put(body: &mut Map<String, Value>, name: &str, value: Value) {
    match name.split_once('/') {
        None => drop(body.insert(name.to_owned(), value)),
        Some((first, rest)) => {
            let inner = body.entry(first).or_insert_with(|| Value::Object(Map::new()));
            if let Some(inner) = inner.as_object_mut() {
                put(inner, rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Input {
        name: String,
        #[serde(default)]
        rate: Option<u32>,
    }

    #[test]
    fn fields_become_the_apis_body() {
        let form = PostedForm::read(
            b"name=+ops+&slack%2Fchannel=C1&events=a&events=b&groups=dba%2C+sre%0Aboard&rate=1.5&schedule=1%2C2&on=1",
        );
        let draft =
            Draft::of(&form).texts(&["name", "slack/channel", "url"]).each("events").list("groups").number("rate");
        let draft = draft.number_list("schedule").flag("on").flag("off").cleared(&["proxy"]);
        let expected = json!({
            "name": "ops", "slack": {"channel": "C1"}, "events": ["a", "b"], "groups": ["dba", "sre", "board"], "rate": 1.5,
            "schedule": [1, 2], "on": true, "off": false, "proxy": null,
        });
        assert_eq!(Value::Object(draft.body), expected);
    }

    #[test]
    fn an_error_names_the_field_and_no_line() {
        let error = |fields: &[u8]| {
            let form = PostedForm::read(fields);
            let problem = Draft::of(&form).text("name").number("rate").read::<Input>().unwrap_err();
            (problem.pointer().to_owned(), problem.detail().to_owned())
        };
        assert_eq!(error(b"rate=1"), ("/name".to_owned(), "fill in name".to_owned()));
        let (pointer, detail) = error(b"name=x&rate=many");
        assert_eq!(pointer, "/rate");
        assert!(detail.starts_with("expected a whole number") && !detail.contains("line"), "{detail}");
    }
}
