//! The Markdown of a `TextBlock`, limited to what the built-in templates use: strong emphasis, escaped punctuation
//! (`CommonMark` 0.31 §2.4, §6.2), and Adaptive Cards' `{{DATE(…)}}` and `{{TIME(…)}}`. Other text is unchanged.

/// Text with one format.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Piece {
    pub(super) text: String,
    pub(super) is_bold: bool,
    /// The RFC 3339 time in the card that the text shows, if it shows one.
    pub(super) timestamp: Option<String>,
}

/// Splits a text into pieces.
pub(super) fn pieces(markdown: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut piece = Piece::default();
    let mut rest = markdown.trim_matches([' ', '\t', '\n']);
    while let Some(character) = rest.chars().next() {
        if let Some((time, after)) = timestamp(rest) {
            let next = Piece { is_bold: piece.is_bold, ..Piece::default() };
            pieces.extend([std::mem::replace(&mut piece, next), Piece { is_bold: piece.is_bold, ..time }]);
            rest = after;
        } else if let Some(after) = rest.strip_prefix("**").filter(|after| piece.is_bold || after.contains("**")) {
            let next = Piece { is_bold: !piece.is_bold, ..Piece::default() };
            pieces.push(std::mem::replace(&mut piece, next));
            rest = after;
        } else {
            let escaped = rest.strip_prefix('\\').filter(|after| after.starts_with(|c: char| c.is_ascii_punctuation()));
            let from = escaped.unwrap_or(rest);
            let shown = if escaped.is_some() { from.chars().next().unwrap_or(character) } else { character };
            piece.text.push(shown);
            rest = from.get(shown.len_utf8()..).unwrap_or_default();
        }
    }
    pieces.push(piece);
    pieces.retain(|piece| !piece.text.is_empty());
    pieces
}

/// Parses a date or time function at the start of `text`. It is shown in UTC and British English; a chat client uses
/// the reader's own time zone and language.
fn timestamp(text: &str) -> Option<(Piece, &str)> {
    let (inside, after) = text.strip_prefix("{{")?.split_once(")}}")?;
    let (instant, format) = if let Some(arguments) = inside.strip_prefix("DATE(") {
        (arguments.strip_suffix(", SHORT")?, "%a, %-d %b %Y")
    } else {
        (inside.strip_prefix("TIME(")?, "%H:%M")
    };
    let at: jiff::Timestamp = instant.parse().ok()?;
    Some((Piece { text: at.strftime(format).to_string(), timestamp: Some(instant.to_owned()), is_bold: false }, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(markdown: &str) -> Vec<(String, bool)> {
        pieces(markdown).into_iter().map(|piece| (piece.text, piece.is_bold)).collect()
    }

    fn one(text: &str) -> Vec<(String, bool)> {
        vec![(text.to_owned(), false)]
    }

    #[test]
    fn the_markdown_of_built_in_templates_is_parsed() {
        assert_eq!(shown(r"orders\-db \*\*x\*\* \\ \[a\]\(b\)"), one(r"orders-db **x** \ [a](b)"));
        assert_eq!(shown("dba:\u{a0}0\u{a0}of\u{a0}1"), one("dba:\u{a0}0\u{a0}of\u{a0}1"));
        let bold = vec![("⏳ ".to_owned(), false), ("10 min 0 s left".to_owned(), true), (", until".to_owned(), false)];
        assert_eq!(shown("⏳ **10 min 0 s left**, until"), bold);
        assert_eq!(shown(r"a\b ** c \"), one(r"a\b ** c \"), "no escape, no emphasis");
    }

    #[test]
    fn times_are_in_utc() {
        let read = pieces("{{DATE(2026-11-21T13:00:00Z, SHORT)}} {{TIME(2026-11-21T13:05:00Z)}}");
        let texts: Vec<_> = read.iter().map(|piece| piece.text.as_str()).collect();
        assert_eq!(texts, ["Sat, 21 Nov 2026", " ", "13:05"]);
        assert_eq!(read[2].timestamp.as_deref(), Some("2026-11-21T13:05:00Z"));
        let invalid = r"\{\{DATE\(2026\-11\-21T13:00:00Z\)\}\} {{DATE(soon)}} {{";
        assert_eq!(shown(invalid), one("{{DATE(2026-11-21T13:00:00Z)}} {{DATE(soon)}} {{"));
    }
}
