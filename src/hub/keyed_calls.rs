//! Calls that carry an `Idempotency-Key`: finds the result of an earlier call, and remembers that of a new one.

use crate::approval::Digest;
use crate::codes::Code;
use crate::hub::HubError;
use crate::store::idempotency::{Key, Used};
use crate::store::{Session, idempotency};
use crate::time::Timestamp;

/// Returns the id of the object that an earlier call with the same key and body created.
pub(super) async fn earlier_subject(
    session: &mut Session,
    key: Option<&(Key, Digest)>,
) -> Result<Option<String>, HubError> {
    let Some((key, body)) = key else { return Ok(None) };
    let Some(used) = idempotency::find(session, key).await? else { return Ok(None) };
    if used.body != *body {
        let detail = "this Idempotency-Key was used with another body: use a new key for each new call";
        return Err(HubError::conflict(Code::IdempotencyKeyReused, detail));
    }
    Ok(Some(used.subject))
}

/// Remembers the object that a call with a key created.
pub(super) fn remember(session: &mut Session, key: Option<(Key, Digest)>, subject: String, now: Timestamp) {
    if let Some((key, body)) = key {
        idempotency::remember(session, &key, &Used { body, subject }, now);
    }
}
