//! Text that tries to be more than text, through every channel and page there is: what comes out is valid, does nothing, and says what
//! it leaves out.

mod channels;
mod corpus;
mod input;
mod pages;

use std::collections::BTreeSet;

use corpus::corpus;
use countersign::channels::text::{ascii_json, cut, one_line, plain_markdown, visible};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// Written by channels themselves, after whatever came from outside was written out: to break long words, to keep spaces apart, and to
/// take two braces or a mention apart.
const JOINERS: [char; 3] = ['\u{200b}', '\u{2060}', '\u{a0}'];

/// Fails when a text holds anything that shows nothing, or turns what stands around it.
fn assert_nothing_hides(text: &str, allowed: &[char], about: &str) {
    // On a letter, a mark that takes no room is seen.
    let live = |c: &char| !allowed.contains(c) && *c != '⟨' && visible(&format!("x{c}")).contains("⟨U+");
    let distinct: BTreeSet<char> = text.chars().collect();
    assert_eq!(distinct.into_iter().find(live).map(|c| c.escape_unicode().to_string()), None, "{about}");
}

/// Fails when a reader of Markdown sees more than one paragraph of plain words.
fn assert_no_markdown(text: &str, about: &str) {
    assert_eq!(marks(text), Vec::<String>::new(), "{about}");
}

/// What a reader of Markdown sees besides plain words.
fn marks(text: &str) -> Vec<String> {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_GFM
        | Options::ENABLE_MATH
        | Options::ENABLE_DEFINITION_LIST
        | Options::ENABLE_SUBSCRIPT
        | Options::ENABLE_SUPERSCRIPT;
    let is_plain = |event: &Event<'_>| {
        matches!(event, Event::Text(_) | Event::Start(Tag::Paragraph) | Event::End(TagEnd::Paragraph))
    };
    let marked = Parser::new_ext(text, options).filter(|event| !is_plain(event));
    marked.map(|event| format!("{event:?}")).collect()
}

/// A text as a failure names it.
fn named(text: &str) -> String {
    format!("{:?} ({} bytes)", cut(text, 80).0, text.len())
}

#[test]
fn each_escape_leaves_nothing_alive() {
    for text in corpus() {
        let (about, shown) = (named(&text), visible(&text));
        assert_nothing_hides(&shown, &['\n'], &about);
        assert_nothing_hides(&visible(&one_line(&text)), &[], &about);
        let quoted = serde_json::Value::from(text.as_str()).to_string();
        let ascii = ascii_json(&quoted);
        assert_nothing_hides(&ascii, &[], &about);
        assert_eq!(serde_json::from_str::<String>(&ascii).unwrap(), text, "{about}");
        // Long ones say nothing new here, and Markdown's own reader takes its time over them.
        if text.len() < 100_000 {
            let escaped = format!("Word: {}", plain_markdown(&shown));
            assert_no_markdown(&escaped, &about);
        }
    }
}
