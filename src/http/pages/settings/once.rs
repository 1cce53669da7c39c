//! Forms that make a secret carry a key, so that sending one twice (a reload, an impatient click) makes one secret.

use crate::http::Problem;
use crate::http::pages::viewer::PostedForm;
use crate::hub::{IdempotencyKey, KeyedCall};
use crate::random;

/// A key for a form, in its field `once`.
pub(super) fn once() -> String {
    random::secret_text()
}

/// The form's key with the body that it makes.
pub(super) fn repeatable(form: &PostedForm, body: &[u8]) -> Result<Option<KeyedCall>, Problem> {
    let Some(once) = form.filled("once") else { return Ok(None) };
    Ok(Some(KeyedCall::new(IdempotencyKey::parse(once)?, body)?))
}
