//! `COPY … FROM STDIN`, whose data is between the statements.

/// Follows the tokens of a statement, to see whether data comes after it.
#[derive(Debug, Default)]
pub(super) struct CopyTracker {
    begun: bool,
    copies: bool,
    from: bool,
    stdin: bool,
    depth: usize,
    /// Data begins on the next line; its token is inserted before the token with this number.
    pub(super) data_for: Option<usize>,
}

impl CopyTracker {
    /// Processes a token of the statement.
    pub(super) fn note(&mut self, token: &str) {
        match token {
            "(" => self.depth += 1,
            ")" => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        self.copies |= !self.begun && token.eq_ignore_ascii_case("copy");
        self.stdin |= self.copies && self.from && self.depth == 0 && token.eq_ignore_ascii_case("stdin");
        self.from = token.eq_ignore_ascii_case("from");
        self.begun = true;
    }

    /// Ends the statement; `place` is the number of its last token.
    pub(super) fn end(&mut self, place: usize, reads_data: bool) {
        let data_for = self.data_for.or((self.stdin && reads_data).then_some(place));
        *self = Self { data_for, ..Self::default() };
    }
}

/// Returns the data lines after `COPY … FROM STDIN;`, with the line that ends them.
pub(super) fn data(text: &str) -> &str {
    let mut length = 0;
    for line in text.split_inclusive('\n') {
        length += line.len();
        if line.trim_end() == "\\." {
            break;
        }
    }
    text.get(..length).unwrap_or_default()
}
