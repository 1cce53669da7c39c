//! Cutting of long text, with a visible mark.

use unicode_segmentation::UnicodeSegmentation;

/// Most bytes of a grapheme cluster that is kept whole. A longer one is cut inside, which bounds the work.
const LONGEST: usize = 256;

/// Returns the longest prefix of at most `budget` bytes that ends between two grapheme clusters (UAX #29), and the
/// number of bytes left out.
pub fn cut(text: &str, budget: usize) -> (&str, usize) {
    let end = text.floor_char_boundary(budget);
    let (kept, rest) = text.split_at(if end == text.len() { end } else { boundary(text, end) });
    (kept, rest.len())
}

/// Cuts a text and appends a mark with the number of missing bytes.
pub fn shortened(text: &str, budget: usize) -> String {
    match cut(text, budget) {
        (kept, 0) => kept.to_owned(),
        (kept, rest) => format!("{kept} ✂ {rest} bytes more"),
    }
}

/// The last cluster boundary at or before `end`.
fn boundary(text: &str, end: usize) -> usize {
    let from = text.floor_char_boundary(end.saturating_sub(LONGEST));
    // The character after the end decides whether there is a boundary.
    let to = text.ceil_char_boundary(end.saturating_add(1));
    let around = text.get(from..to).unwrap_or_default();
    let mut found = around.grapheme_indices(true).map(|(place, _)| from + place);
    // The start of the window may not be a boundary; and a cut at the start of the text would leave nothing.
    found.rfind(|place| *place > from && *place <= end).unwrap_or(end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cuts_between_characters_and_counts_bytes() {
        assert_eq!(cut("abcé", 4), ("abc", 2));
        assert_eq!(cut("abc", 9), ("abc", 0));
        assert_eq!(cut("abc", 0), ("", 3));
        assert_eq!(shortened("abcé", 4), "abc ✂ 2 bytes more");
        assert_eq!(shortened("abc", 3), "abc");
    }

    #[test]
    fn never_inside_a_grapheme_cluster() {
        for one in ["e\u{301}", "🇩🇪", "👩‍👩‍👧", "👍🏽", "\r\n", "각", "क्षि"] {
            let text = format!("ab{one}cd");
            for budget in 2..2 + one.len() {
                assert_eq!(cut(&text, budget).0, "ab", "{one:?} at {budget}");
            }
            assert_eq!(cut(&text, 2 + one.len()).0.len(), 2 + one.len());
        }
    }

    #[test]
    fn an_endless_cluster_is_cut() {
        let endless = format!("a{}", "\u{301}".repeat(500_000));
        let (kept, rest) = cut(&endless, 6_001);
        assert_eq!((kept.len(), kept.len() + rest), (6_001, endless.len()));
        assert_eq!(cut(&endless, 7), (&endless[..7], endless.len() - 7));
        assert_eq!(cut("👩‍👩‍👧", 10).0, "👩‍👩‍👧".split_at(7).0, "something is shown for any budget");
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_too_long(text in ".*", budget in 0_usize..80) {
            let (kept, rest) = cut(&text, budget);
            prop_assert!(kept.len() <= budget && text.starts_with(kept));
            prop_assert_eq!(kept.len() + rest, text.len());
        }
    }
}
