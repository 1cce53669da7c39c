//! Hostile text through every channel and page: the output is valid, the text has no effect, and omissions are stated.

mod channels;
mod corpus;
mod input;
mod pages;

use std::collections::BTreeSet;

use corpus::corpus;
use countersign::channels::text::{ascii_json, cut, one_line, plain_markdown, visible};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// Characters that channels add themselves after escaping: to break long words, to keep spaces apart, and to split two
/// braces or a mention.
const JOINERS: [char; 3] = ['\u{200b}', '\u{2060}', '\u{a0}'];

/// Fails when a text contains a character that is invisible, or that reverses the surrounding text.
fn assert_nothing_hides(text: &str, allowed: &[char], about: &str) {
    // On a letter, a combining mark is visible.
    let live = |c: &char| !allowed.contains(c) && *c != '⟨' && visible(&format!("x{c}")).contains("⟨U+");
    let distinct: BTreeSet<char> = text.chars().collect();
    assert_eq!(distinct.into_iter().find(live).map(|c| c.escape_unicode().to_string()), None, "{about}");
}

/// Fails when a Markdown reader finds more than one paragraph of plain words.
fn assert_no_markdown(text: &str, about: &str) {
    assert_eq!(marks(text), Vec::<String>::new(), "{about}");
}

/// What a Markdown reader finds besides plain words.
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

/// A short form of a text for failure messages.
fn named(text: &str) -> String {
    format!("{:?} ({} bytes)", cut(text, 80).0, text.len())
}

#[test]
fn each_escape_leaves_no_active_markup() {
    for text in corpus() {
        let (about, shown) = (named(&text), visible(&text));
        assert_nothing_hides(&shown, &['\n'], &about);
        assert_nothing_hides(&visible(&one_line(&text)), &[], &about);
        let quoted = serde_json::Value::from(text.as_str()).to_string();
        let ascii = ascii_json(&quoted);
        assert_nothing_hides(&ascii, &[], &about);
        assert_eq!(serde_json::from_str::<String>(&ascii).unwrap(), text, "{about}");
        // Long texts add nothing here, and the Markdown reader is slow on them.
        if text.len() < 100_000 {
            let escaped = format!("Word: {}", plain_markdown(&shown));
            assert_no_markdown(&escaped, &about);
        }
    }
}
