//! Text that others wrote, made safe to look at. Everything that a requester, an approver or a target can write goes through here
//! before a person sees it: in messages, on pages, in log lines and on terminals.
//!
//! What an approver sees must be what would run, so nothing is taken away and nothing is replaced unsaid: what shows nothing is
//! written out, what does not fit is cut with its size in bytes, and what a reader's program would act on (markup, mentions, escape
//! sequences) is made plain text.

mod cut;
mod html;
mod json;
mod listing;
mod markdown;
mod mentions;
mod span;
mod terminal;
mod visible;

pub use cut::{cut, shortened};
pub use html::{Drawn, Html};
pub use json::{ascii_json, in_json};
pub use listing::{LineChange, Listing, ListingLine, Part};
pub use markdown::{plain_markdown, split_fences};
pub use mentions::{dead_mentions, dead_pings};
pub use span::{duration, utc, whole_seconds};
pub use terminal::{indented, one_line};
pub use visible::visible;

/// Shows nothing and allows no break. Put in after [`visible()`] has written out every one that was there before.
pub const WORD_JOINER: char = '\u{2060}';

/// All that channels put in themselves: to keep words together, to let long ones break, and [`WORD_JOINER`].
pub const JOINERS: [char; 3] = ['\u{a0}', '\u{200b}', WORD_JOINER];
