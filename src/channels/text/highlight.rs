//! Colours for commands. They only add a class to visible text: nothing is changed, hidden or moved.
//!
//! The requester names the language, and may lie. So nothing that might run may look like a comment, in any language: only
//! whole lines of plain words count as comments, and none at all in a text in which a quote might be read in two ways.
//! Where it is in doubt, text has no class.

use std::ops::Range;

/// A language with colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    Sql,
    Shell,
    /// JSON and YAML.
    Data,
}

/// What a piece of a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    Keyword,
    String,
    Number,
    Comment,
    /// What a change has added to a line, or removed from it.
    Changed,
}

/// A class for a part of a text, in bytes.
pub type Mark = (Range<usize>, Class);

const SQL: &str = " add all alter analyze and any as asc begin between by call cascade case cast check column commit \
    constraint copy create cross database default delete desc distinct do drop else end except execute exists explain \
    false for foreign from full function grant group having if in index inner insert intersect into is join key lateral \
    left like limit lock materialized merge not null offset on or order outer over partition primary procedure \
    references rename replace restrict returning revoke right rollback schema select sequence set table temporary then \
    to transaction trigger true truncate union unique update use using vacuum values view when where with ";
const SHELL: &str =
    " case do done elif else esac eval exec exit export fi for function if in return select set sudo then until while ";
const DATA: &str = " false no null true yes ";

/// What may let a quote, a line end or a comment be read in another way than it looks.
const DOUBTFUL: [char; 5] = ['\\', '$', '`', '⟨', '\r'];

impl Language {
    /// The language of that name, if it has colours.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "sql" | "postgresql" | "postgres" | "psql" | "pgsql" | "plpgsql" | "mysql" | "mariadb" | "sqlite"
            | "tsql" | "plsql" => Self::Sql,
            "sh" | "bash" | "shell" | "zsh" | "ksh" | "console" => Self::Shell,
            "json" | "yaml" | "yml" => Self::Data,
            _ => return None,
        })
    }

    fn has_keyword(self, word: &str) -> bool {
        let known = match self {
            Self::Sql => SQL,
            Self::Shell => SHELL,
            Self::Data => DATA,
        };
        // A shell reads its words exactly; SQL does not.
        let word = if self == Self::Sql { word.to_ascii_lowercase() } else { word.to_owned() };
        known.contains(&format!(" {word} "))
    }
}

impl Class {
    /// Whether it marks a change, which looks different in removed and added lines.
    pub const fn is_change(self) -> bool {
        matches!(self, Self::Changed)
    }

    /// The class in the style sheet.
    pub const fn css(self) -> &'static str {
        match self {
            Self::Keyword => "k",
            Self::String => "s",
            Self::Number => "d",
            Self::Comment => "c",
            Self::Changed => "",
        }
    }
}

/// The classes of a text in which [`visible()`](super::visible()) has written out invisible characters, in order.
pub(super) fn marks(language: Language, text: &str) -> Vec<Mark> {
    let strings = sure_strings(text);
    let mut marks = Vec::new();
    let mut after_words = false;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let is_comment = strings.is_some() && is_comment(language, line, after_words);
        if is_comment {
            let indent = line.len() - line.trim_start().len();
            marks.push((start + indent..start + line.trim_end().len(), Class::Comment));
        } else {
            after_words |= !line.trim().is_empty();
            words(language, line, start, strings.as_deref().unwrap_or_default(), &mut marks);
        }
        start += line.len();
    }
    let in_comment = |at: usize| marks.iter().any(|(range, class)| *class == Class::Comment && range.contains(&at));
    let strings: Vec<Mark> = strings.into_iter().flatten().map(|range| (range, Class::String)).collect();
    debug_assert!(strings.iter().all(|(range, _)| !in_comment(range.start)), "a comment contains no quote");
    marks.extend(strings);
    marks.sort_by_key(|(range, _)| range.start);
    marks
}

/// Whether a line is nothing but a comment of plain words, wherever the text is run. `after_words` says whether there is
/// something before it that it could continue.
fn is_comment(language: Language, line: &str, after_words: bool) -> bool {
    let line = line.trim();
    let rest = match language {
        Language::Sql => line.strip_prefix("-- "),
        // Some databases have an operator of this sign.
        Language::Shell | Language::Data => line.strip_prefix("# ").filter(|_| !after_words),
    };
    let Some(rest) = rest else { return false };
    let is_plain =
        |c: char| c.is_alphanumeric() || matches!(c, ' ' | '.' | ',' | ':' | '-' | '_' | '/' | '#' | '@' | '?');
    let words = rest.split(' ').filter(|word| word.starts_with(char::is_alphabetic)).count();
    rest.chars().all(is_plain) && words >= 2
}

/// The quoted texts, if every dialect and shell agrees where they begin and end; none if there is any doubt.
fn sure_strings(text: &str) -> Option<Vec<Range<usize>>> {
    if text.contains(DOUBTFUL) || ["<<", "/*", "*/"].iter().any(|sign| text.contains(sign)) {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    if ["delimiter", "stdin"].iter().any(|word| lower.contains(word)) {
        return None;
    }
    let mut found = Vec::new();
    let mut open: Option<(usize, char)> = None;
    let mut before = ' ';
    let mut in_bracket = false;
    for (at, c) in text.char_indices() {
        match (open, c) {
            (Some((start, quote)), c) if c == quote => {
                found.push(start..at + c.len_utf8());
                open = None;
            }
            (Some(_), _) => {}
            // A prefix may give the quote another meaning.
            (None, '\'' | '"') if in_bracket || before.is_alphanumeric() => return None,
            (None, '\'' | '"') => open = Some((at, c)),
            (None, '[') => in_bracket = true,
            (None, ']') => in_bracket = false,
            (None, _) => {}
        }
        before = c;
    }
    let rest_of_line = |at: usize| text.get(at..).unwrap_or_default().split('\n').next().unwrap_or_default();
    // A quote in a comment opens nothing; but which is a comment depends on the language.
    let in_comment = |sign: &str| {
        text.match_indices(sign)
            .any(|(at, _)| rest_of_line(at).contains(['\'', '"']) || found.iter().any(|range| range.contains(&at)))
    };
    let is_sure = open.is_none() && !in_comment("--") && !in_comment("#");
    is_sure.then_some(found)
}

/// The keywords and numbers of a line outside of strings.
fn words(language: Language, line: &str, start: usize, strings: &[Range<usize>], marks: &mut Vec<Mark>) {
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '$' | '⟨' | '⟩');
    let mut at = 0;
    for piece in line.split_inclusive(|c: char| !is_word(c)) {
        let word = piece.trim_end_matches(|c: char| !is_word(c));
        let range = start + at..start + at + word.len();
        at += piece.len();
        if word.is_empty() || strings.iter().any(|string| string.start < range.end && range.start < string.end) {
            continue;
        }
        if language.has_keyword(word) {
            marks.push((range, Class::Keyword));
        } else if is_number(word) {
            marks.push((range, Class::Number));
        }
    }
}

fn is_number(word: &str) -> bool {
    let digits = word.strip_prefix('-').unwrap_or(word);
    digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.ends_with(|c: char| c.is_ascii_digit())
        && digits.chars().all(|c| c.is_ascii_digit() || c == '.')
        && digits.matches('.').count() <= 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pieces(language: Language, text: &str, class: Class) -> Vec<&str> {
        let marks = marks(language, text);
        marks.iter().filter(|mark| mark.1 == class).map(|mark| &text[mark.0.clone()]).collect()
    }

    #[test]
    fn sql_has_keywords_strings_numbers_and_comments() {
        let text = "-- Tidy up before the sale\nUPDATE carts SET x = 30.5 WHERE note = 'it''s' AND select_1 < -2;";
        assert_eq!(pieces(Language::Sql, text, Class::Comment), ["-- Tidy up before the sale"]);
        assert_eq!(pieces(Language::Sql, text, Class::Keyword), ["UPDATE", "SET", "WHERE", "AND"]);
        assert_eq!(pieces(Language::Sql, text, Class::String), ["'it'", "'s'"]);
        assert_eq!(pieces(Language::Sql, text, Class::Number), ["30.5", "-2"]);
    }

    #[test]
    fn shells_and_data_have_colours_too() {
        assert_eq!(pieces(Language::Shell, "# restart both of them\nif true; then", Class::Keyword), ["if", "then"]);
        assert_eq!(pieces(Language::Shell, "# restart both of them\nls", Class::Comment), ["# restart both of them"]);
        assert_eq!(
            pieces(Language::Data, "{\"a\": [1, true], \"b\": \"x y\"}", Class::String),
            ["\"a\"", "\"b\"", "\"x y\""]
        );
    }

    #[test]
    fn what_might_run_is_no_comment() {
        for (language, text) in [
            (Language::Sql, "SELECT 'a\n-- now; DROP TABLE b'"),
            (Language::Sql, "SELECT 'a\n-- b c'; DROP TABLE d --'"),
            (Language::Sql, "SELECT '\\'\n-- one two\n'"),
            (Language::Sql, "rm -rf \\\n-- important data"),
            (Language::Sql, "rm -rf -- important data"),
            (Language::Sql, "SELECT 1 -- one two"),
            (Language::Sql, "/*! x\n-- one two\n*/"),
            (Language::Sql, "xargs rm <<EOF\n-- one two\nEOF"),
            (Language::Sql, "COPY t FROM stdin;\n-- one two\n"),
            (Language::Sql, "--1 one two"),
            (Language::Sql, "-- counter"),
            (Language::Sql, "-- one two; DROP TABLE a"),
            (Language::Sql, "-- one two⟨U+000D⟩DROP TABLE a"),
            (Language::Sql, "DO $$\n-- one two\n$$"),
            (Language::Shell, "UPDATE t SET a = a\n# b where c"),
            (Language::Shell, "# one two $(rm marker)"),
            (Language::Shell, "# one two `rm marker`"),
            (Language::Shell, "#one two"),
            (Language::Data, "a: |\n  # one two"),
        ] {
            assert_eq!(pieces(language, text, Class::Comment), [""; 0], "{text}");
        }
    }

    #[test]
    fn quotes_that_may_be_read_in_two_ways_are_no_strings() {
        for text in [
            "SELECT 'a\\' ; DROP TABLE b ; -- '",
            "SELECT q'[it's]'; DROP TABLE b; --'",
            "SELECT [it's]; DROP TABLE b; -- '",
            "-- it's\nDROP TABLE b; --'",
            "SELECT `it's`, ' '",
            "SELECT 'open",
        ] {
            assert_eq!(pieces(Language::Sql, text, Class::String), [""; 0], "{text}");
        }
    }

    proptest! {
        /// The text stays as it is: the marks are in order, apart from each other, and between characters.
        #[test]
        fn marks_only_add_classes(text in "(select|DELETE|# a b|-- c d e|'|\"|\\$|`|\\\\|[0-9]{1,3}|[a-zé⟨\n -;.]){0,40}", which in 0..3_usize) {
            let language = [Language::Sql, Language::Shell, Language::Data][which];
            let mut joined = String::new();
            let mut end = 0;
            for (range, class) in marks(language, &text) {
                prop_assert!(range.start >= end && range.start < range.end, "{:?} in {:?}", range, text);
                joined.push_str(&text[end..range.start]);
                joined.push_str(&text[range.clone()]);
                end = range.end;
                if class == Class::Comment {
                    let comment = &text[range];
                    prop_assert!(!comment.contains(['\'', '"', ';', '$', '`', '\\', '|', '&', '(', '\n', '⟨']), "{:?}", comment);
                    prop_assert!(comment.starts_with("-- ") || comment.starts_with("# "));
                }
            }
            joined.push_str(&text[end..]);
            prop_assert_eq!(joined, text);
        }
    }
}
