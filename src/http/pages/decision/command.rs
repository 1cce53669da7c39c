//! What would run, and what of it was changed.

use crate::approval::{ChangeRole, PayloadChange};
use crate::channels::is_language;
use crate::channels::text::{Listing, duration};
use crate::hub::RequestView;

/// Lines and bytes of a command that fits on a desktop's screen.
const SHORT: (usize, usize) = (24, 1_500);
/// Lines named that hold what is not seen.
const NAMED: usize = 10;

/// A command in full.
pub(super) struct CommandShown {
    pub(super) listing: Listing,
    /// Its language, where that says nothing but a language.
    pub(super) language: Option<String>,
    /// Says where characters stand that show nothing.
    pub(super) warning: Option<String>,
}

/// A change that was made to it.
pub(super) struct ChangeShown {
    pub(super) by: String,
    pub(super) reason: Option<Listing>,
    pub(super) listing: Listing,
}

impl CommandShown {
    pub(super) fn new(request: &RequestView) -> Option<Self> {
        let listing = Some(Listing::of(&request.command)).filter(|_| !request.command.is_empty())?;
        let (lines, count) = listing.hidden();
        let warning = (count > 0).then(|| {
            let characters = if count == 1 { "1 character".to_owned() } else { format!("{count} characters") };
            let more = if lines.len() > NAMED { " and more" } else { "" };
            let named = lines.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
            let on = if lines.len() == 1 { "line" } else { "lines" };
            format!("{characters} of this command would not be seen. Marked on {on} {named}{more}.")
        });
        Some(Self { listing, language: language(request).map(str::to_owned), warning })
    }

    pub(super) const fn is_short(&self) -> bool {
        self.listing.count <= SHORT.0 && self.listing.bytes <= SHORT.1
    }
}

impl ChangeShown {
    pub(super) fn new(change: &PayloadChange) -> Self {
        let by = change.by.as_ref().map_or_else(|| "a system".to_owned(), ToString::to_string);
        Self {
            by: match change.role {
                ChangeRole::Approver => format!("{by}, who approved it so"),
                ChangeRole::Requester => format!("{by}, who asks"),
                ChangeRole::Operator => format!("{by}, who runs this hub and did not ask"),
            },
            reason: change.reason.as_deref().map(Listing::of),
            listing: Listing::of_diff(&change.diff),
        }
    }
}

/// What is asked for, before the command itself.
pub(super) fn asks(request: &RequestView) -> String {
    match request.duration_seconds {
        Some(seconds) => format!("Access for {}", duration(u64::from(seconds))),
        None => "Run this command".to_owned(),
    }
}

/// The language, where the hub's own words may hold it: a requester writes it, and could write anything.
fn language(request: &RequestView) -> Option<&str> {
    request.language.as_deref().filter(|language| is_language(language))
}
