//! Disarming of mentions.

use super::WORD_JOINER;

/// Disarms `@here`, `@channel` and `@everyone` with an invisible character after the `@`.
pub fn disarm_mentions(text: &str) -> String {
    const TO_ALL: [&str; 3] = ["here", "channel", "everyone"];
    if !text.contains('@') {
        return text.to_owned();
    }
    let mut dead = String::with_capacity(text.len());
    for (place, character) in text.char_indices() {
        dead.push(character);
        let rest = text.get(place + character.len_utf8()..).unwrap_or_default();
        let begins = |word: &&str| rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
        if character == '@' && TO_ALL.iter().any(begins) {
            dead.push(WORD_JOINER);
        }
    }
    dead
}

/// Disarms `<@…`, mentions of members and roles, with an invisible character after the `<`.
pub fn disarm_pings(text: &str) -> String {
    text.replace("<@", &format!("<{WORD_JOINER}@"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pings_are_disarmed() {
        assert_eq!(disarm_pings("<@1> <<@&2> < @ <@"), "<\u{2060}@1> <<\u{2060}@&2> < @ <\u{2060}@");
    }

    #[test]
    fn mentions_are_disarmed() {
        assert_eq!(
            disarm_mentions("@here x@EVERYONE @channels a@b.c"),
            "@\u{2060}here x@\u{2060}EVERYONE @\u{2060}channels a@b.c"
        );
    }
}
