//! Text that somebody wrote, as Slack takes it where no template renders: nothing of it is a mark, a mention or a link.

use super::text::{dead_mentions, split_fences, visible};

/// Text that somebody wrote, between the fences of a code block that no template renders.
pub fn code_for_people(text: &str) -> String {
    entities(&split_fences(&dead_mentions(&visible(text))))
}

/// Text that somebody wrote, for `mrkdwn` that no template renders: on one line, and nothing of it is a mark.
pub fn text_for_people(text: &str) -> String {
    let text = dead_mentions(&visible(text)).replace('\n', " ");
    let mut escaped = String::with_capacity(text.len() + 8);
    let mut characters = text.chars().peekable();
    let mut previous = ' ';
    while let Some(character) = characters.next() {
        let next = characters.peek().copied().unwrap_or(' ');
        // Inside a word they are no marks: `order_items`.
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

/// The three characters that control sequences are made of: mentions, links, dates.
pub(super) fn entities(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
