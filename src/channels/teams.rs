//! Microsoft Teams, through a workflow that posts an Adaptive Card 1.4 in the workflow's envelope.
//!
//! A requester's text goes into `TextRun`s, in which clients read no Markdown.

use super::declaration::Budget;
use super::schema::TEAMS as SCHEMA;
use super::templates::built_in::built_in_chat;
use super::text::{WORD_JOINER, cut, in_json, plain_markdown, visible, whole_seconds};
use super::view::MessageLimits;
use super::{Declaration, Meaning};
use crate::store::endpoints::Channel;
use crate::time::Timestamp;

pub(super) const TEAMS: Declaration = Declaration {
    channel: Channel::Teams,
    escape,
    plain,
    code: plain,
    moment,
    link: |url, text| format!("[{}]({})", escape(text), in_json(&url.replace('(', "%28").replace(')', "%29"))),
    schema: SCHEMA,
    is_bounded_by_schema: false,
    // Teams accepts 28,672 bytes of message properties.
    budget: Budget { most: 28_000, of: Some(re_encoded) },
    // Teams throttles a connector beyond four messages per second.
    rate_per_second: Some(4.0),
    concurrency: 4,
    limits: Some(MessageLimits { text: 6_000, lines: 40, slots: 6, facts: 6 }),
    templates: built_in_chat!("teams", ["_card", "_ask", "_outcome", "_endpoint", "_command", "_slots"]),
    meaning,
    wait_header: None,
    // A workflow's URL is opaque and is called exactly as it was copied.
    query: &[],
    receipt: None,
    short: None,
};

/// Bytes of a body as Teams may count them: a workflow embeds the card's JSON in a JSON string, which escapes it a
/// second time. It is unknown which characters its serializer escapes, so each counts as its longest form, escaped
/// twice.
fn re_encoded(body: &str) -> usize {
    const ESCAPED_TWICE: usize = r"\\u0000".len();
    let size = |character: char| match character {
        '"' | '\\' => 2,
        '<' | '>' | '&' | '\'' | '+' | '`' | '\u{7f}' => ESCAPED_TWICE,
        ' '..='~' => 1,
        other => ESCAPED_TWICE * other.len_utf16(),
    };
    body.chars().map(size).sum()
}

fn escape(text: &str) -> String {
    in_json(&plain_markdown(&visible(text)))
}

/// For a `TextRun`.
fn plain(text: &str) -> String {
    in_json(&for_text_run(&visible(text)))
}

/// The date and time functions of Adaptive Cards. They require whole seconds and work only in a `TextBlock`.
fn moment(at: Timestamp) -> String {
    let seconds = whole_seconds(at);
    format!("{{{{DATE({seconds}, SHORT)}}}} {{{{TIME({seconds})}}}}")
}

/// Protects text in a `TextRun`, beyond [`visible`]. Clients expand `{{DATE(…)}}` and, where the card has entities,
/// `<at>…</at>`; they do not break long words, and they collapse spaces. Inserted joiners and no-break spaces prevent
/// this; [`visible`] has already written out those of the text itself.
fn for_text_run(text: &str) -> String {
    const BREAK_HERE: char = '\u{200b}';
    const LONG_WORD: usize = 24;
    let mut shown = String::with_capacity(text.len());
    let mut word = 0;
    let mut previous = ' ';
    for character in text.chars() {
        word = if character.is_whitespace() { 0 } else { word + 1 };
        if word > LONG_WORD {
            shown.push(BREAK_HERE);
            word = 1;
        }
        // Breaks up `{{DATE(…)}}` and `<at>…</at>`.
        if matches!((previous, character), ('{', '{') | ('<', 'a' | 'A' | '/')) {
            shown.push(WORD_JOINER);
        }
        // A separate line could be mistaken for the card's own text.
        if character == '\n' {
            shown.push_str(" ⏎ ");
            previous = ' ';
            continue;
        }
        shown.push(if (previous, character) == (' ', ' ') { '\u{a0}' } else { character });
        previous = character;
    }
    shown
}

fn meaning(status: u16, answer: &str) -> Option<Meaning> {
    match status {
        // A workflow answers 202 when it has started; only its run history shows whether a card was posted.
        202 => Some(Meaning::Accepted),
        // The retired connectors answer 200 and report the failure in the text.
        200..=299 if answer.contains("Webhook message delivery failed") || answer.contains("HTTP error") => {
            Some(Meaning::FalseSuccess(cut(answer, 200).0.to_owned()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_run_expands_no_dates_breaks_long_words_and_keeps_spaces() {
        assert_eq!(for_text_run("{{DATE(x)}}"), "{\u{2060}{DATE(x)}}");
        assert_eq!(for_text_run("<at>x</at> a<b"), "<\u{2060}at>x<\u{2060}/at> a<b");
        assert_eq!(for_text_run("a\n\nApproved"), "a ⏎  ⏎ Approved");
        assert_eq!(for_text_run("  a  b"), "\u{a0}\u{a0}a \u{a0}b");
        assert_eq!(for_text_run(&"x".repeat(30)), format!("{}\u{200b}{}", "x".repeat(24), "x".repeat(6)));
    }

    #[test]
    fn a_body_is_measured_escaped_twice() {
        assert_eq!(re_encoded(r#"{"a":"b"}"#), r#"{\"a\":\"b\"}"#.len());
        assert_eq!(re_encoded(r#""\"""#), r#"\"\\\"\""#.len());
        assert_eq!(re_encoded("ä<🙂"), r"\\u00e4\\u003c\\ud83d\\ude42".len());
    }

    #[test]
    fn a_success_with_an_error_text_is_a_failure() {
        assert_eq!(meaning(202, ""), Some(Meaning::Accepted));
        assert_eq!(meaning(200, "1"), None);
        let refused = "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429";
        assert!(matches!(meaning(200, refused), Some(Meaning::FalseSuccess(_))));
        assert_eq!(meaning(500, refused), None);
    }
}
