//! Which requests are alike: the command with its literals left out.

use super::{Digest, Kind};

/// Shortest word of hexadecimal digits that counts as a literal, such as a commit or the last part of a pod's name.
const HEX: usize = 8;

/// What stands for a literal.
const LITERAL: char = '?';

/// The digest of what requests of one resource have in common that differ only in their literals.
pub fn pattern_digest(kind: Kind, command: &str) -> Digest {
    Digest::of(format!("{}\n{}", kind.as_str(), pattern(command)).as_bytes())
}

/// A command with strings, numbers and identifiers left out, and its white space evened. It says which commands are alike,
/// never which may run: a pattern hides what a command does.
pub fn pattern(command: &str) -> String {
    let mut found = String::with_capacity(command.len().min(1_024));
    let mut rest = command;
    while let Some(first) = rest.chars().next() {
        let (piece, after) = rest.split_at(length(first, rest));
        let is_literal = match first {
            '\'' | '"' => piece.len() > 1,
            first if is_word(first) => is_value(piece),
            _ => false,
        };
        if is_literal || first == LITERAL {
            add_literal(&mut found);
        } else if first.is_whitespace() {
            if !found.is_empty() && !found.ends_with(' ') {
                found.push(' ');
            }
        } else {
            found.push_str(piece);
        }
        rest = after;
    }
    found.truncate(found.trim_end().len());
    found
}

/// Adds a literal. Those of a list are one: lists of other lengths are alike.
fn add_literal(found: &mut String) {
    let before = found.trim_end_matches([' ', ',']);
    let is_next_of_list = before.ends_with(LITERAL) && before.len() < found.len() && found.contains(',');
    if is_next_of_list && found.get(before.len()..).is_some_and(|between| between.contains(',')) {
        found.truncate(before.len());
    } else if !found.ends_with(LITERAL) {
        found.push(LITERAL);
    }
}

/// The length of the piece that begins with `first`: a quoted text, a word, a run of white space, or one character.
fn length(first: char, rest: &str) -> usize {
    let run = |is: &dyn Fn(char) -> bool| rest.find(|c: char| !is(c)).unwrap_or(rest.len());
    match first {
        '\'' | '"' => quoted(first, rest).unwrap_or(1),
        first if is_word(first) => run(&is_word),
        first if first.is_whitespace() => run(&char::is_whitespace),
        first => first.len_utf8(),
    }
}

/// The length of the quoted text at the start, if it ends.
fn quoted(quote: char, rest: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.')
}

/// Whether a word is a number, or looks like an identifier.
fn is_value(word: &str) -> bool {
    let has_digit = word.contains(|c: char| c.is_ascii_digit());
    let is_hex = word.len() >= HEX && word.chars().all(|c| c.is_ascii_hexdigit());
    word.starts_with(|c: char| c.is_ascii_digit()) || (is_hex && has_digit)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn literals_are_left_out() {
        for (command, alike) in [
            ("UPDATE a SET b = 30\n WHERE id = 'x y'", "UPDATE a SET b = ? WHERE id = ?"),
            ("select 1.5, 'it''s' from t1", "select ? from t1"),
            ("delete from a where id in (1, 2,\n3)", "delete from a where id in (?)"),
            ("kubectl delete pod web-7d9f4c8b2", "kubectl delete pod web-?"),
            ("git revert 4c051f9ad2", "git revert ?"),
            ("rm -r /srv/feed", "rm -r /srv/feed"),
            ("say \"a \\\" b\" it's", "say ? it's"),
            ("", ""),
        ] {
            assert_eq!(pattern(command), alike, "{command}");
        }
    }

    #[test]
    fn the_kind_is_part_of_the_digest() {
        assert_ne!(pattern_digest(Kind::Action, ""), pattern_digest(Kind::Jit, ""));
        assert_eq!(pattern_digest(Kind::Action, "x 1"), pattern_digest(Kind::Action, "x  22"));
    }

    proptest! {
        #[test]
        fn other_literals_and_blanks_make_no_difference(a in 0..9_999_u32, b in "[a-z ]{0,9}", blanks in "[ \n\t]{1,5}") {
            let command = |number: u32, text: &str, blanks: &str| format!("UPDATE t{blanks}SET a = {number} WHERE b = '{text}'");
            prop_assert_eq!(pattern(&command(a, &b, &blanks)), pattern(&command(7, "z", " ")));
        }

        #[test]
        fn a_pattern_is_its_own_and_no_longer_than_its_command(command in "([a-z]{1,3}|[0-9]{1,3}|'|\"|\\?|,|\\\\| |\n|\\PC){0,30}") {
            let once = pattern(&command);
            prop_assert!(once.len() <= command.len());
            prop_assert_eq!(pattern(&once), once.clone());
        }
    }
}
