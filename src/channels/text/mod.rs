//! Escaping of people's text. Everything that a requester, an approver or a target can write passes through here
//! before a person sees it: in messages, on pages, in log lines and on terminals.
//!
//! The threat: the requester wants an approval, and can write names, commands, reasons and context. The rule: an
//! approver must see exactly what will run. So nothing is removed or replaced silently. Three steps, in this order:
//!
//! 1. **Text that does not fit is cut** between grapheme clusters, with a mark and the number of missing bytes
//!    ([`shortened`]). A silent cut could hide the end of a command.
//! 2. **Invisible characters are written out**, as in `⟨U+202E⟩` ([`visible()`]): control and format characters,
//!    zero-width characters, direction marks, unusual spaces, and combining marks without a base. They could reorder
//!    or hide a part of a command. `⟨` itself is written out as well, so that no text can imitate an escape.
//! 3. **Active text becomes plain text**, depending on the place:
//!    - *chat messages:* markup ([`plain_markdown`], and the channels' own functions), mentions ([`disarm_mentions`],
//!      [`disarm_pings`]), code fences ([`split_fences`]), date functions of Teams. Otherwise a text could call
//!      people, or forge links and formatting.
//!    - *JSON:* quotes and backslashes ([`in_json`]); invisible characters as escapes for terminals ([`ascii_json`]).
//!    - *pages:* HTML, by the escaper of every page ([`Html`]; [`Drawn`] for pages that draw messages). A [`Listing`]
//!      shows long text line by line and counts runs of blanks, so that they cannot push a line out of view.
//!    - *terminals and logs:* line breaks ([`one_line`], [`indented`]), so that no part looks like a line of the
//!      hub's own.
//!
//! Some escapes insert invisible characters themselves ([`JOINERS`]), for example to separate `@` from `here`. This
//! is safe only after step 2, when the text contains none of its own.
//!
//! Programs receive text exactly: the API, custom endpoints, `--json`. Characters that look like others are shown as
//! they are, since no table of them is complete. The digest covers the exact text.

mod cut;
mod highlight;
mod html;
mod json;
mod listing;
mod markdown;
mod marks;
mod mentions;
mod span;
mod terminal;
mod visible;
mod words;

pub use cut::{cut, shortened};
pub use highlight::{Class, Language, Mark};
pub use html::{Drawn, Html, exact};
pub use json::{ascii_json, in_json};
pub use listing::{LineChange, Listing, ListingLine, Part};
pub use markdown::{plain_markdown, split_fences};
pub use mentions::{disarm_mentions, disarm_pings};
pub use span::{duration, utc, whole_seconds};
pub use terminal::{indented, one_line};
pub use visible::visible;
pub use words::differing;

/// Invisible, and allows no line break. Inserted only after [`visible()`] has written out those of the text itself.
pub const WORD_JOINER: char = '\u{2060}';

/// The invisible characters that channels insert: a no-break space, a break opportunity in long words, and
/// [`WORD_JOINER`].
pub const JOINERS: [char; 3] = ['\u{a0}', '\u{200b}', WORD_JOINER];
