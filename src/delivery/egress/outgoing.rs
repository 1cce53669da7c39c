//! A message on its way out.

/// What is sent.
#[derive(Debug, Clone)]
pub(in crate::delivery) struct Composed {
    /// Of an API, which of its methods is called.
    pub(in crate::delivery) method: Option<&'static str>,
    /// JSON.
    pub(in crate::delivery) body: String,
}
