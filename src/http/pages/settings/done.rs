//! What a page says after a change: the redirect names it in `?done=`.

use axum::response::Response;

use crate::http::pages::sign_in::redirect;

/// What was done, as the address has it, and as the page says it.
const WORDS: [(&str, &str); 24] = [
    ("created", "Created."),
    ("saved", "Saved."),
    ("deleted", "Deleted."),
    ("paused", "Paused: messages for it wait."),
    ("resumed", "Resumed: what waited is sent now."),
    ("enabled", "Switched on again."),
    ("links", "All links that it has received are void. Later messages have new ones."),
    ("retried", "The delivery is sent again."),
    ("replay", "The replay has started."),
    ("cancelled", "Cancelled. What was already reopened is still sent."),
    ("signed-out", "All sessions of this person have ended."),
    ("revoked", "The token is void at once."),
    ("rotated", "The token has another secret."),
    ("restored", "The earlier version is in use again."),
    ("reset", "The template is deleted: what is below it is in use."),
    ("group", "The group is saved. Next: what it decides about."),
    ("resource", "The resource is saved. Next: where requests are sent."),
    ("channel", "The channel is saved. Next: send a test message."),
    ("asked", "The sample request waits for a decision."),
    ("added", "Added."),
    ("removed", "Removed."),
    ("applied", "Applied."),
    ("kept", "Nothing changed: it already was like this."),
    ("ended", "Ended."),
];

/// The words for the value of `done`; none for others, so that a link cannot put words on the page.
pub(super) fn words(done: &str) -> Option<&'static str> {
    WORDS.iter().find(|(name, _)| *name == done).map(|(_, words)| *words)
}

/// Leads to the page of what was changed, which then says what was done.
pub(super) fn went_well(path: &str, done: &str) -> Response {
    redirect(&format!("{path}?done={done}"))
}
