//! Calls about endpoints that carry an `Idempotency-Key`.

use crate::approval::Digest;
use crate::codes::Code;
use crate::hub::HubError;
use crate::store::idempotency::{Key, Used};
use crate::store::{Session, idempotency};
use crate::time::Timestamp;

/// What was made when the same key came with the same body before.
pub(super) async fn replayed(session: &mut Session, key: Option<&(Key, Digest)>) -> Result<Option<String>, HubError> {
    let Some((key, body)) = key else { return Ok(None) };
    let Some(used) = idempotency::find(session, key).await? else { return Ok(None) };
    if used.body != *body {
        let detail = "this Idempotency-Key was used with another body: use a new key for a new call";
        return Err(HubError::conflict(Code::IdempotencyKeyReused, detail));
    }
    Ok(Some(used.subject))
}

/// Remembers what was made with a key, if there is one.
pub(super) fn remember(session: &mut Session, key: Option<(Key, Digest)>, subject: String, now: Timestamp) {
    if let Some((key, body)) = key {
        idempotency::remember(session, &key, &Used { body, subject }, now);
    }
}
