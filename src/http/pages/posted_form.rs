//! The fields of a form.

/// Most fields of a form.
const MAX_FIELDS: usize = 1_000;

/// The fields of a form that a page has sent, with genuine nonce and origin. A field may be repeated.
pub(in crate::http) struct PostedForm(Vec<(String, String)>);

impl PostedForm {
    /// Reads the fields. Browsers send line ends as CR LF; they become LF, as in the text that the form showed.
    pub(in crate::http) fn read(body: &[u8]) -> Self {
        let fields = url::form_urlencoded::parse(body).take(MAX_FIELDS);
        Self(fields.map(|(name, value)| (name.into_owned(), value.replace("\r\n", "\n"))).collect())
    }

    /// The first value of a field.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|field| field.0 == name).map(|field| field.1.as_str())
    }

    /// The first value of a field that is not blank.
    pub(super) fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.trim().is_empty())
    }

    /// Every value of a repeated field.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |field| field.0 == name).map(|field| field.1.as_str())
    }

    /// Every field with its value, in the order of the form.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}
