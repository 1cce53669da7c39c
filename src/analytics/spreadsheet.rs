//! Text from requests as a cell that any spreadsheet opens safely.

use unicode_segmentation::GraphemeCursor;

use crate::unicode::is_hidden;

/// Maximum length of a cell in UTF-16 units. Excel accepts 32,767 and reports a longer one as damage; other programs
/// cut at 65,535 without notice.
pub(super) const MOST: usize = 32_000;
/// Units reserved for the mark at the cut and the guard against formulas.
const RESERVED: usize = 64;

/// Returns the text as a cell: no formula, and not too long.
pub(super) fn cell(text: &str) -> String {
    defused(&shortened(text))
}

/// Guards a text against being read as a formula: one that begins like a formula gets an apostrophe and a space in
/// front (OWASP, "CSV Injection"), also after white space and invisible characters, which some programs skip. The
/// apostrophe alone is not enough: Gnumeric removes it on opening, so a file that it saves contains the formula again.
fn defused(text: &str) -> String {
    let skipped = |c: char| c.is_whitespace() || is_hidden(c);
    let begins = text
        .trim_start_matches(skipped)
        .starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠', '﹦', '﹢', '﹣', '﹫']);
    let controls = text.starts_with(char::is_control);
    if begins || controls { format!("' {text}") } else { text.to_owned() }
}

/// Cuts a text that is too long between two grapheme clusters, and adds how much is missing.
fn shortened(text: &str) -> String {
    let mut units = text.char_indices().scan(0, |sum, (place, c)| {
        *sum += c.len_utf16();
        Some((place, *sum))
    });
    // A text never has more UTF-16 units than bytes.
    let total: usize = if text.len() <= MOST { 0 } else { text.chars().map(char::len_utf16).sum() };
    if total <= MOST {
        return text.to_owned();
    }
    let end = units.find(|(_, sum)| *sum > MOST - RESERVED).map_or(text.len(), |(place, _)| place);
    let mut cursor = GraphemeCursor::new(end, text.len(), true);
    let end = match cursor.is_boundary(text, 0) {
        Ok(false) => cursor.prev_boundary(text, 0).ok().flatten().filter(|place| *place > 0).unwrap_or(end),
        _ => end,
    };
    let (kept, rest) = text.split_at(end);
    format!("{kept} ✂ {} bytes more", rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_defused_and_other_text_is_left_alone() {
        for formula in
            ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "＝1", "\u{b}=1", "\u{feff}=1", "\u{200b}@x", "﹦1", "\rx"]
        {
            assert_eq!(cell(formula), format!("' {formula}"));
        }
        for text in ["select 1", "a=1", "'quoted'", ""] {
            assert_eq!(cell(text), text);
        }
    }

    #[test]
    fn a_text_too_long_for_a_cell_is_cut_and_says_so() {
        for (one, bytes) in [("x", 1), ("é", 2), ("€", 3), ("👍", 4), ("👩‍👩‍👧", 18), ("e\u{301}", 3)]
        {
            let units = one.encode_utf16().count();
            let fits = one.repeat(MOST / units);
            assert_eq!(cell(&fits), fits);
            let long = format!("={}", one.repeat(40_000));
            let cut = cell(&long);
            assert!(cut.encode_utf16().count() <= MOST && cut.encode_utf16().count() > MOST - RESERVED - 20, "{one}");
            let (kept, mark) = cut.split_once(" ✂ ").expect("a mark");
            let kept = kept.strip_prefix("' =").expect("a guard");
            assert_eq!(kept.len() % bytes, 0, "{one} is cut through");
            assert_eq!(mark, format!("{} bytes more", 40_000 * bytes - kept.len()));
        }
    }
}
