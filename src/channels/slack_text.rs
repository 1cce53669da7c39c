//! Escaping of people's text for Slack, also outside of templates: none of it is markup, a mention or a link.

use super::text::{disarm_mentions, split_fences, visible};

/// Escapes text for the inside of a code block.
pub fn code_for_people(text: &str) -> String {
    entities(&split_fences(&disarm_mentions(&visible(text))))
}

/// Escapes text for `mrkdwn`, on one line.
pub fn text_for_people(text: &str) -> String {
    let text = disarm_mentions(&visible(text)).replace('\n', " ");
    let mut escaped = String::with_capacity(text.len() + 8);
    let mut characters = text.chars().peekable();
    let mut previous = ' ';
    while let Some(character) = characters.next() {
        let next = characters.peek().copied().unwrap_or(' ');
        // Inside a word they are not markup: `order_items`.
        let is_inside = previous.is_alphanumeric() && next.is_alphanumeric();
        escaped.push(match character {
            '*' if !is_inside => '∗',
            '_' if !is_inside => 'ˍ',
            '~' if !is_inside => '∼',
            '`' => 'ˋ',
            plain => plain,
        });
        previous = character;
    }
    entities(&escaped)
}

/// Escapes the three characters of Slack's control sequences: mentions, links, dates.
pub(super) fn entities(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
