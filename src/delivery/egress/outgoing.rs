//! A rendered message, ready to be sent.

/// A rendered message.
#[derive(Debug, Clone)]
pub(in crate::delivery) struct Composed {
    /// The method to call, for a target that is an API.
    pub(in crate::delivery) method: Option<&'static str>,
    /// JSON.
    pub(in crate::delivery) body: String,
}
