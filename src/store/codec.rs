//! Enums in columns.

/// An enum's name as on the wire, which is also how it is stored.
pub(super) fn wire(value: &impl serde::Serialize) -> Result<String, serde_json::Error> {
    serde_json::to_value(value).and_then(serde_json::from_value)
}

/// Back from [`wire`].
pub(super) fn unwire<T: serde::de::DeserializeOwned>(text: String) -> Result<T, serde_json::Error> {
    serde_json::from_value(serde_json::Value::String(text))
}
