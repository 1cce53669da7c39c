//! Which words of a line changed.

use std::ops::Range;

use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::highlight::{Class, Mark};

/// Longest line whose words are compared, in bytes: this bounds the worst case.
const LONGEST: usize = 2_000;

/// The pieces of `before` that are gone, and those of `after` that are new. None if the lines have little in common, since
/// they then read better whole.
pub(super) fn changed_words(before: &str, after: &str) -> (Vec<Mark>, Vec<Mark>) {
    if before.len().max(after.len()) > LONGEST {
        return (Vec::new(), Vec::new());
    }
    let (old, new) = (tokens(before), tokens(after));
    let words = |text: &'_ str, tokens: &[Range<usize>]| -> Vec<String> {
        tokens.iter().map(|token| text.get(token.clone()).unwrap_or_default().to_owned()).collect()
    };
    // No time limit: the same texts must always give the same marks.
    let changes = capture_diff_slices(Algorithm::Myers, &words(before, &old), &words(after, &new));
    let kept: usize = changes
        .iter()
        .filter_map(|change| match change {
            DiffOp::Equal { old_index, len, .. } => old.get(*old_index..old_index + len),
            _ => None,
        })
        .flatten()
        .map(ExactSizeIterator::len)
        .sum();
    if kept * 3 < before.len().max(after.len()) {
        return (Vec::new(), Vec::new());
    }
    let marks = |tokens: &[Range<usize>], of: &dyn Fn(&DiffOp) -> Range<usize>| -> Vec<Mark> {
        let changed = changes.iter().filter(|change| !matches!(change, DiffOp::Equal { .. }));
        let pieces = changed.filter_map(|change| {
            let piece = tokens.get(of(change))?;
            Some((piece.first()?.start..piece.last()?.end, Class::Changed))
        });
        pieces.collect()
    };
    (marks(&old, &DiffOp::old_range), marks(&new, &DiffOp::new_range))
}

/// The words of `after` that `before` does not have, with ` … ` between those that stand apart.
pub fn differing(before: &str, after: &str) -> String {
    if before.len().max(after.len()) > LONGEST {
        return if before == after { String::new() } else { after.to_owned() };
    }
    let (old, new) = (tokens(before), tokens(after));
    let word = |text: &str, token: &Range<usize>| text.get(token.clone()).unwrap_or_default().to_owned();
    let old: Vec<String> = old.iter().map(|token| word(before, token)).collect();
    let words: Vec<String> = new.iter().map(|token| word(after, token)).collect();
    let changes = capture_diff_slices(Algorithm::Myers, &old, &words);
    let changed = changes.iter().filter(|change| !matches!(change, DiffOp::Equal { .. }));
    let pieces = changed.filter_map(|change| {
        let piece = new.get(change.new_range())?;
        after.get(piece.first()?.start..piece.last()?.end).map(str::trim)
    });
    let mut found: Vec<&str> = Vec::new();
    for piece in pieces.filter(|piece| !piece.is_empty()) {
        // The same value in several places is one difference.
        if !found.contains(&piece) {
            found.push(piece);
        }
    }
    found.join(" … ")
}

/// Words, runs of spaces, and single other characters.
fn tokens(text: &str) -> Vec<Range<usize>> {
    let kind = |c: char| {
        if c.is_alphanumeric() || c == '_' {
            0
        } else if c == ' ' {
            1
        } else {
            2
        }
    };
    let mut found: Vec<(Range<usize>, u8)> = Vec::new();
    for (at, c) in text.char_indices() {
        let (end, kind) = (at + c.len_utf8(), kind(c));
        match found.last_mut() {
            Some((range, last)) if *last == kind && kind < 2 => range.end = end,
            _ => found.push((at..end, kind)),
        }
    }
    found.into_iter().map(|(range, _)| range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(before: &str, after: &str) -> (Vec<String>, Vec<String>) {
        let (old, new) = changed_words(before, after);
        let pieces = |text: &str, marks: Vec<Mark>| marks.into_iter().map(|mark| text[mark.0].to_owned()).collect();
        (pieces(before, old), pieces(after, new))
    }

    #[test]
    fn the_words_that_differ_are_marked() {
        let (old, new) = marked("WHERE state = 'packed';", "WHERE state = 'packed' AND hub = 'LEJ';");
        assert_eq!((old, new), (vec![], vec![" AND hub = 'LEJ'".to_owned()]));
        assert_eq!(marked("rm -r /tmp/a", "rm -r /tmp/b"), (vec!["a".to_owned()], vec!["b".to_owned()]));
    }

    #[test]
    fn what_differs_is_named() {
        assert_eq!(differing("a = 1 and b = 2", "a = 7 and b = 9"), "7 … 9");
        assert_eq!(differing("a = 1 or b = 1", "a = 7 or b = 7"), "7");
        assert_eq!(differing("a", "a"), "");
        assert_eq!(differing("a b", "a"), "");
    }

    #[test]
    fn lines_with_little_in_common_are_not() {
        assert_eq!(marked("DELETE FROM carts", "kubectl get pods"), (vec![], vec![]));
        let long = "a ".repeat(2_000);
        assert_eq!(marked(&long, &format!("{long}b")), (vec![], vec![]));
    }
}
