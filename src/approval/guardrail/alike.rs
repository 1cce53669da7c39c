//! Whether a text means the same in all dialects, so that reading it once is enough. Most commands do.
//!
//! This module only knows what all dialects have in common, not how they differ: anything not on its list counts as a
//! difference.

/// Whether the text means the same in all dialects; with `runs_strings`, also if its strings are executed, alone or
/// concatenated.
pub(super) fn in_all_dialects(text: &str, runs_strings: bool) -> bool {
    let Some(strings) = plain(text) else { return false };
    !runs_strings
        || strings.iter().all(|inside| plain(inside).is_some()) && plain(&strings.concat()).is_some()
            // Some of them concatenated: a number must not merge with the next word, whatever is before it.
            && (strings.len() < 2 || !strings.iter().any(|inside| inside.starts_with(|c: char| c.is_ascii_digit())))
}

/// Returns the text's strings if it only contains words, numbers, plain strings and operators of one character.
fn plain(text: &str) -> Option<Vec<&str>> {
    // An option of a program, which another word may be attached to.
    if text.starts_with('-') || text.to_ascii_lowercase().contains("stdin") {
        return None;
    }
    let mut strings = Vec::new();
    let mut rest = text;
    while let Some((code, from)) = rest.split_once('\'') {
        let (inside, after) = from.split_once('\'')?;
        // A letter before it changes the kind of string, a backslash may hide its end, and a quote after it belongs to
        // it.
        if !is_plain_code(code)
            || inside.contains('\\')
            || code.ends_with(is_of_word)
            || after.starts_with(['\'', '$'])
            || after.starts_with(is_of_word)
        {
            return None;
        }
        strings.push(inside);
        rest = after;
    }
    is_plain_code(rest).then_some(strings)
}

const fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

const fn is_operator(c: char) -> bool {
    matches!(c, '<' | '>' | '=' | '+' | '-' | '*' | '/')
}

fn is_plain_code(code: &str) -> bool {
    let known = |byte: u8| {
        let c = char::from(byte);
        is_of_word(c) || is_operator(c) || matches!(c, ' ' | '\n' | '\t' | '(' | ')' | ',' | ';' | '.' | ':')
    };
    code.bytes().all(known)
        && code.split(|c| !is_of_word(c)).all(is_plain_word)
        && code.split(|c| !is_operator(c)).all(|run| run.len() < 2 || matches!(run, "<=" | ">=" | "<>"))
        && !code.as_bytes().windows(2).any(|pair| match pair {
            // The end of a number; the beginning of a cast, a label or a parameter.
            [b'0'..=b'9', b'.'] | [b'.', b'0'..=b'9'] | [b'.', b'.'] => true,
            [b':', next] => !matches!(next, b' ' | b'\n' | b'\t' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z'),
            _ => false,
        })
        && !code.ends_with(':')
        // A variable of SQLite, with any text in the parentheses.
        && !code.split(':').skip(1).any(|after| after.trim_start_matches(is_of_word).starts_with('('))
}

/// Whether a word is a name, or a number with nothing attached.
fn is_plain_word(word: &str) -> bool {
    !word.starts_with(|c: char| c.is_ascii_digit()) || word.chars().all(|c| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::super::{dialect, sql};
    use super::*;

    /// What each dialect alone finds in a text, and whether the first one executes strings.
    fn seen(text: &str, foreign: bool) -> (bool, Vec<(bool, bool, BTreeSet<String>)>) {
        let mut runs_strings = Vec::new();
        let one = |dialect: dialect::SqlDialect| {
            let (parsed, runs) = sql::read_in(dialect, text, foreign);
            runs_strings.push(runs);
            let texts = parsed.statements.iter().map(|statement| format!("{statement:?}")).collect();
            (parsed.unclear, parsed.foreign, texts)
        };
        let seen = dialect::all().map(one).collect();
        (runs_strings[0], seen)
    }

    #[test]
    fn ordinary_commands_are_read_once() {
        for text in [
            "update orders\n   set status = 'cancelled', at = now(), note = 'bench:a:00000001:x'\n where id = 4711;",
            "select a.b, count(*) from t1 where x <> '' and y <= 3; delete from u",
            "drop table orders",
            "",
        ] {
            assert!(in_all_dialects(text, false), "{text}");
        }
        assert!(in_all_dialects("execute 'drop table x'", true) && !in_all_dialects("execute '1', 'e5'", true));
    }

    #[test]
    fn anything_that_dialects_disagree_about_is_a_difference() {
        for text in [
            "select \"a\"",
            "select `a`",
            "select [a]",
            "select 1 # x",
            "select 1 -- x",
            "select 1 /* x */",
            "select $1",
            "select e'x'",
            "select 'a''b'",
            "select '\\'",
            "select 1e5",
            "select 1edelete",
            "select .5",
            "select @a",
            "copy t from stdin;\n1",
            "select 'é'",
            "select 'a",
            "select 'a'b",
            "select x'41'",
            "select a=-1",
            "a -> b",
            "select '-cdrop'",
            "-c",
            "select '1', 'e5'",
            "select '-', '- x'",
            "do 'x /* y'",
            "select a::text",
            "select 1.e5",
        ] {
            assert!(!in_all_dialects(text, true), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

        #[test]
        fn texts_that_count_as_alike_read_alike(
            bits in prop::collection::vec(prop::sample::select(vec![
                "select", "drop", "table", "execute", "do", "a", "b1", "_c", "e", "x", "n", "q", "1", "23", "0", ".", ",", ";", ":",
                "(", ")", "'", "'", "'", " ", " ", " ", "\n", "\t", "=", "<", ">", "+", "-", "*", "/", "psql", "stdin", "copy", "from",
                "\r", "\u{a0}", "#", "$", "@", "\\", "\"", "`", "[", "|", "&", "!", "?", "%", "{", "é", "begin", "as", "E", "u",
            ]), 0..40),
            foreign in any::<bool>(),
        ) {
            // Mostly characters on the list: with others, few texts would be compared at all.
            let known = |bit: &&&str| bit.bytes().all(|b| !b"\r#$@\\\"`[|&!?%{".contains(&b)) && bit.is_ascii();
            let calm: String = bits.iter().filter(known).copied().collect();
            for text in [calm, bits.concat()] {
                let (runs_strings, seen) = seen(&text, foreign);
                if in_all_dialects(&text, runs_strings) {
                    for other in &seen {
                        prop_assert_eq!(other, &seen[0], "{:?}", text);
                    }
                }
            }
        }
    }
}
