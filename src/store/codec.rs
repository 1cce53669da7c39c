//! Enums as stored in columns.

/// An enum's name in JSON, which is also the stored form.
pub(super) fn wire(value: &impl serde::Serialize) -> Result<String, serde_json::Error> {
    serde_json::to_value(value).and_then(serde_json::from_value)
}

/// The reverse of [`wire`].
pub(super) fn unwire<T: serde::de::DeserializeOwned>(text: String) -> Result<T, serde_json::Error> {
    serde_json::from_value(serde_json::Value::String(text))
}
