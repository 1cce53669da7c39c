//! The difference between two payloads, for people to read.

use std::ops::Range;

use similar::{Algorithm, DiffOp, DiffTag, capture_diff_slices, group_diff_ops};

/// Unchanged lines shown around a change.
const CONTEXT: usize = 3;
/// Maximum length of a diff in bytes, with the line that says that it was cut.
const MAX_DIFF: usize = 16 * 1024;
/// Bytes reserved for that line.
const NOTE: usize = 64;
/// Changed lines of both sides together, up to which lines are matched with each other: this bounds the worst case.
const MAX_MATCHED: usize = 4_000;
/// Bytes shown before a change in a line that is too long to be shown whole. Both sides have them in common.
const LEAD: usize = 80;

/// Returns the unified diff from `before` to `after`: hunks with three lines of context; empty when nothing changed.
/// If both are one line, it is just `-old` and `+new`. Lines end only at `\n`, so a lost final line end shows as a
/// lost empty line.
///
/// A diff has at most 16 KiB. A longer one is cut, and its last line says so.
pub fn unified(before: &str, after: &str) -> String {
    let mut diff = DiffWriter::default();
    let old: Vec<&str> = before.split('\n').collect();
    let new: Vec<&str> = after.split('\n').collect();
    match (old.as_slice(), new.as_slice()) {
        _ if before == after => {}
        (&[old], &[new]) => diff.one_line(old, new),
        (old, new) => diff.hunks(old, new),
    }
    diff.finish()
}

/// A diff as far as it is written.
#[derive(Default)]
struct DiffWriter {
    text: String,
    /// Bytes that did not fit.
    cut: usize,
}

impl DiffWriter {
    fn one_line(&mut self, old: &str, new: &str) {
        if old.len() + new.len() + "-\n+\n".len() + NOTE <= MAX_DIFF {
            self.line("-", old);
            self.line("+", new);
            return;
        }
        // Each side gets half of the space, from shortly before the first difference on. Cut from the start, the new
        // line might not be visible at all.
        let shared = old.bytes().zip(new.bytes()).take_while(|(old, new)| old == new).count();
        let from = old.floor_char_boundary(shared.saturating_sub(LEAD));
        let room = MAX_DIFF / 2 - NOTE;
        let mut cut = 0;
        for (sign, line) in [("-", old), ("+", new)] {
            let rest = line.get(from..).unwrap_or_default();
            let shown = rest.get(..rest.floor_char_boundary(room)).unwrap_or_default();
            let lead = if from > 0 { "…" } else { "" };
            self.line(sign, &format!("{lead}{shown}"));
            cut += line.len() - shown.len();
        }
        self.cut = cut;
    }

    fn hunks(&mut self, old: &[&str], new: &[&str]) {
        let prefix = old.iter().zip(new).take_while(|(old, new)| old == new).count();
        let rest = old.len().min(new.len()) - prefix;
        let suffix = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(old, new)| old == new).count();
        let (old_len, new_len) = (old.len() - prefix - suffix, new.len() - prefix - suffix);
        let changes = if old_len + new_len > MAX_MATCHED {
            self.line("", "… too many changed lines to match them: shown as one replacement");
            vec![
                DiffOp::Equal { old_index: 0, new_index: 0, len: prefix },
                DiffOp::Replace { old_index: prefix, old_len, new_index: prefix, new_len },
                DiffOp::Equal { old_index: prefix + old_len, new_index: prefix + new_len, len: suffix },
            ]
        } else {
            // No time limit: the same texts must always give the same diff.
            capture_diff_slices(Algorithm::Myers, old, new)
        };
        for hunk in group_diff_ops(changes, CONTEXT) {
            self.hunk(&hunk, old, new);
        }
    }

    fn hunk(&mut self, hunk: &[DiffOp], old: &[&str], new: &[&str]) {
        let (Some(first), Some(last)) = (hunk.first(), hunk.last()) else { return };
        let (old_start, new_start) = (first.old_range().start, first.new_range().start);
        let (old_len, new_len) = (last.old_range().end - old_start, last.new_range().end - new_start);
        self.line("", &format!("@@ -{},{old_len} +{},{new_len} @@", old_start + 1, new_start + 1));
        for change in hunk {
            if change.tag() == DiffTag::Equal {
                self.lines(" ", old, change.old_range());
            } else {
                self.lines("-", old, change.old_range());
                self.lines("+", new, change.new_range());
            }
        }
    }

    fn lines(&mut self, sign: &str, lines: &[&str], range: Range<usize>) {
        for line in lines.get(range).unwrap_or_default() {
            self.line(sign, line);
        }
    }

    fn line(&mut self, sign: &str, line: &str) {
        let written = format!("{sign}{line}\n");
        let room = if self.cut > 0 { 0 } else { (MAX_DIFF - NOTE).saturating_sub(self.text.len()) };
        let (fits, beyond) = written.split_at(written.floor_char_boundary(room));
        self.text.push_str(fits);
        self.cut += beyond.len();
    }

    fn finish(mut self) -> String {
        if self.text.ends_with('\n') {
            self.text.pop();
        }
        if self.cut > 0 {
            self.text.push_str(&format!("\n… diff cut, {} bytes more", self.cut));
        }
        self.text
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_line_that_became_another() {
        assert_eq!(unified("rm -r /tmp/a", "rm -r /tmp/b"), "-rm -r /tmp/a\n+rm -r /tmp/b");
        assert_eq!(unified("same", "same"), "");
    }

    #[test]
    fn hunks_have_three_lines_of_context() {
        let before: Vec<String> = (1..=20).map(|line| line.to_string()).collect();
        let mut after = before.clone();
        after[1] = "two".to_owned();
        after.remove(15);
        let expected =
            "@@ -1,5 +1,5 @@\n 1\n-2\n+two\n 3\n 4\n 5\n@@ -13,7 +13,6 @@\n 13\n 14\n 15\n-16\n 17\n 18\n 19";
        assert_eq!(unified(&before.join("\n"), &after.join("\n")), expected);
    }

    #[test]
    fn a_lost_line_end_shows() {
        assert_eq!(unified("ls\n", "ls"), "@@ -1,2 +1,1 @@\n ls\n-");
    }

    #[test]
    fn a_change_far_inside_a_long_line_shows_on_both_sides() {
        let start = "ä".repeat(15_000);
        let diff = unified(&format!("{start}OLD{start}"), &format!("{start}NEW{start}"));
        let lines: Vec<&str> = diff.lines().collect();
        assert!(lines[0].starts_with("-…ä") && lines[0].contains("äOLDä"), "{}", lines[0]);
        assert!(lines[1].starts_with("+…ä") && lines[1].contains("äNEWä"), "{}", lines[1]);
        let shown = lines[0].len() + lines[1].len() - "-…+…".len();
        assert_eq!(lines[2], format!("… diff cut, {} bytes more", 2 * (60_000 + 3) - shown));
        assert!(diff.len() <= MAX_DIFF);
    }

    #[test]
    fn a_long_diff_is_cut_and_says_so() {
        let before = "a long line of a script\n".repeat(1_000);
        let diff = unified(&before, &before.replace("long", "short"));
        assert!(diff.len() <= MAX_DIFF && diff.len() > MAX_DIFF - 2 * NOTE, "{}", diff.len());
        assert!(diff.lines().last().is_some_and(|last| last.starts_with("… diff cut, ")), "{diff}");
    }

    #[test]
    fn many_small_lines_do_not_take_long() {
        // 64 KiB of one-character lines, in an order that is expensive for the search.
        let noise = |seed: u32, lines: u32| {
            let mut state = seed;
            let letters = (0..lines).map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                ["a\n", "b\n", "c\n", "d\n"][(state >> 30) as usize]
            });
            letters.collect::<String>()
        };
        let large = unified(&noise(1, 32_768), &noise(2, 32_768));
        assert!(large.starts_with("… too many changed lines"), "{large}");
        let matched = unified(&noise(1, 1_990), &noise(2, 1_990));
        assert!(matched.starts_with("@@ "), "{matched}");
        let one_more = unified(&"a\n".repeat(32_767), &"a\n".repeat(32_768));
        assert_eq!(one_more.lines().filter(|line| line.starts_with(['+', '-'])).count(), 1, "{one_more}");
    }

    /// Applies the diff to `before`, and checks that the replaced lines are there.
    fn patched(before: &str, diff: &str) -> String {
        let old: Vec<&str> = before.split('\n').collect();
        let (mut at, mut result) = (0, Vec::new());
        for line in diff.split('\n') {
            if let Some(header) = line.strip_prefix("@@ -") {
                let start: usize = header.split(',').next().expect("a start").parse().expect("a number");
                result.extend_from_slice(&old[at..start - 1]);
                at = start - 1;
                continue;
            }
            let (sign, text) = line.split_at(1);
            if sign != "+" {
                assert_eq!(old[at], text);
                at += 1;
            }
            if sign != "-" {
                result.push(text);
            }
        }
        result.extend_from_slice(&old[at..]);
        result.join("\n")
    }

    fn script() -> impl Strategy<Value = String> {
        prop::collection::vec(prop::sample::select(vec!["", "a", "b", "-c", "+d", " e", "@@ -1"]), 1..40)
            .prop_map(|lines| lines.join("\n"))
    }

    proptest! {
        #[test]
        fn applying_the_diff_to_before_gives_after(before in script(), after in script()) {
            let diff = unified(&before, &after);
            if before == after {
                prop_assert_eq!(diff, "");
            } else if !before.contains('\n') && !after.contains('\n') {
                prop_assert_eq!(diff, format!("-{before}\n+{after}"));
            } else {
                prop_assert_eq!(patched(&before, &diff), after);
            }
        }

        #[test]
        fn any_texts_give_a_bounded_diff(before in any::<String>(), after in any::<String>(), times in 1..900_usize) {
            prop_assert!(unified(&before.repeat(times), &after.repeat(times)).len() <= MAX_DIFF);
        }
    }
}
