//! The Markdown of a `TextBlock`, as far as the hub's own templates use it: strong emphasis, escaped punctuation (`CommonMark` 0.31 §2.4,
//! §6.2), and Adaptive Cards' `{{DATE(…)}}` and `{{TIME(…)}}`. Anything else stays as it is written.

/// Text that looks alike.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Piece {
    pub(super) text: String,
    pub(super) is_bold: bool,
    /// The moment that the text names, as it stands in the card: RFC 3339.
    pub(super) moment: Option<String>,
}

/// Reads a text piece by piece.
pub(super) fn pieces(markdown: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut piece = Piece::default();
    let mut rest = markdown.trim_matches([' ', '\t', '\n']);
    while let Some(character) = rest.chars().next() {
        if let Some((moment, after)) = moment(rest) {
            let next = Piece { is_bold: piece.is_bold, ..Piece::default() };
            pieces.extend([std::mem::replace(&mut piece, next), Piece { is_bold: piece.is_bold, ..moment }]);
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

/// A date or a time in UTC as British English writes it; a chat client takes the reader's own zone and language.
fn moment(text: &str) -> Option<(Piece, &str)> {
    let (inside, after) = text.strip_prefix("{{")?.split_once(")}}")?;
    let (instant, format) = if let Some(arguments) = inside.strip_prefix("DATE(") {
        (arguments.strip_suffix(", SHORT")?, "%a, %-d %b %Y")
    } else {
        (inside.strip_prefix("TIME(")?, "%H:%M")
    };
    let at: jiff::Timestamp = instant.parse().ok()?;
    Some((Piece { text: at.strftime(format).to_string(), moment: Some(instant.to_owned()), is_bold: false }, after))
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
    fn what_templates_write_is_read() {
        assert_eq!(shown(r"orders\-db \*\*x\*\* \\ \[a\]\(b\)"), one(r"orders-db **x** \ [a](b)"));
        assert_eq!(shown("dba:\u{a0}0\u{a0}of\u{a0}1"), one("dba:\u{a0}0\u{a0}of\u{a0}1"));
        let bold = vec![("⏳ ".to_owned(), false), ("10 min 0 s left".to_owned(), true), (", until".to_owned(), false)];
        assert_eq!(shown("⏳ **10 min 0 s left**, until"), bold);
        assert_eq!(shown(r"a\b ** c \"), one(r"a\b ** c \"), "no escape, no emphasis");
    }

    #[test]
    fn moments_are_in_utc() {
        let read = pieces("{{DATE(2026-11-21T13:00:00Z, SHORT)}} {{TIME(2026-11-21T13:05:00Z)}}");
        let texts: Vec<_> = read.iter().map(|piece| piece.text.as_str()).collect();
        assert_eq!(texts, ["Sat, 21 Nov 2026", " ", "13:05"]);
        assert_eq!(read[2].moment.as_deref(), Some("2026-11-21T13:05:00Z"));
        let dead = r"\{\{DATE\(2026\-11\-21T13:00:00Z\)\}\} {{DATE(soon)}} {{";
        assert_eq!(shown(dead), one("{{DATE(2026-11-21T13:00:00Z)}} {{DATE(soon)}} {{"));
    }
}
