//! The command of a request, and how it was changed.

use crate::approval::{ChangeRole, PayloadChange};
use crate::channels::is_language;
use crate::channels::text::{Language, Listing, duration};
use crate::hub::RequestView;

/// Most lines and bytes of a command that fits on a desktop screen.
const SHORT: (usize, usize) = (24, 1_500);
/// Most line numbers in the warning about invisible characters.
const NAMED: usize = 10;

/// The complete command.
pub(in crate::http::pages) struct CommandShown {
    pub(in crate::http::pages) listing: Listing,
    /// Its language, if the value is a plain language name.
    pub(in crate::http::pages) language: Option<String>,
    /// Says which lines contain invisible characters.
    pub(in crate::http::pages) warning: Option<String>,
}

/// The change of the last revision.
pub(in crate::http::pages) struct ChangeShown {
    pub(in crate::http::pages) by: String,
    pub(in crate::http::pages) reason: Option<Listing>,
    pub(in crate::http::pages) listing: Listing,
}

impl CommandShown {
    pub(in crate::http::pages) fn new(request: &RequestView) -> Option<Self> {
        let listing = Some(Listing::of(&request.command)).filter(|_| !request.command.is_empty())?;
        let listing = listing.coloured(colours(request), &request.command);
        let (lines, count) = listing.hidden();
        let warning = (count > 0).then(|| {
            let characters = if count == 1 { "character" } else { "characters" };
            let more = if lines.len() > NAMED { " and more" } else { "" };
            let named = lines.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
            let on = if lines.len() == 1 { "line" } else { "lines" };
            format!("This command contains {count} invisible {characters}, marked on {on} {named}{more}.")
        });
        Some(Self { listing, language: language(request).map(str::to_owned), warning })
    }

    pub(in crate::http::pages) const fn is_short(&self) -> bool {
        self.listing.count <= SHORT.0 && self.listing.bytes <= SHORT.1
    }
}

impl ChangeShown {
    pub(in crate::http::pages) fn new(change: &PayloadChange) -> Self {
        let by = change.by.as_ref().map_or_else(|| "a system".to_owned(), ToString::to_string);
        Self {
            by: match change.role {
                ChangeRole::Approver => format!("{by}, who approved the changed command"),
                ChangeRole::Requester => format!("{by}, for the requester"),
                ChangeRole::Operator => format!("{by}, an operator of this hub"),
            },
            reason: change.reason.as_deref().map(Listing::of),
            listing: Listing::of_diff(&change.diff).with_words(),
        }
    }
}

/// The heading above the command.
pub(in crate::http::pages) fn asks(request: &RequestView) -> String {
    match request.duration_seconds {
        Some(seconds) => format!("Access for {}", duration(u64::from(seconds))),
        None => "Run this command".to_owned(),
    }
}

/// The language whose colours the command gets.
pub(in crate::http::pages) fn colours(request: &RequestView) -> Option<Language> {
    language(request).and_then(Language::named)
}

/// The language, if the hub may repeat it as its own text: the requester sets it, and could set any text.
fn language(request: &RequestView) -> Option<&str> {
    request.language.as_deref().filter(|language| is_language(language))
}
