//! Maximum sizes of the parts of a request.

/// Bytes of the command.
pub const COMMAND: usize = 64 * 1024;
/// Bytes of the context as compact JSON.
pub const CONTEXT: usize = 64 * 1024;
/// Bytes of a reason.
pub const REASON: usize = 4 * 1024;
/// Bytes of a person's name, a language's name, or a label's key or value.
pub const SHORT: usize = 256;
/// Number of labels, and of groups of the requester.
pub const ITEMS: usize = 32;
/// Largest integer that all JSON readers read exactly (RFC 7493 §2.2): the digest must mean the same to all of them.
pub const INTEGER: u64 = (1 << 53) - 1;
