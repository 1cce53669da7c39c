//! What programs call to get a token or a session, in the terms of OAuth 2.0 (RFC 6749): form bodies, and errors of its
//! own form.

mod answer;
pub(super) mod device;
pub(super) mod exchange;
mod form;

/// Largest body of these calls, in bytes. It is read before the hub knows who calls.
pub const MAX_FORM: usize = 16 * 1024;
/// Longest name of a client, a machine, or a kind of token, in bytes.
const MAX_NAME: usize = 128;
