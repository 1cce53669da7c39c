//! A bounded copy of a command's output: the beginning, the end, the number of bytes left out in between, and a digest
//! of all bytes.

use std::collections::VecDeque;

use sha2::{Digest as _, Sha256};

use crate::channels::text::cut;

/// Bytes kept of the beginning, and as many of the end. With the mark in between, they fit into the hub's 64 KiB.
const KEPT: usize = 32 * 1024 - 64;

/// A copy that output is appended to.
#[derive(Default)]
pub(super) struct Capture {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    total: u64,
    digest: Sha256,
}

/// The finished copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Captured {
    /// The whole output, or its beginning and end.
    pub(super) text: String,
    pub(super) truncated: bool,
    /// SHA-256 of all output, in hex.
    pub(super) digest: String,
}

impl Capture {
    /// Appends output.
    pub(super) fn append(&mut self, bytes: &[u8]) {
        self.total = self.total.saturating_add(bytes.len() as u64);
        self.digest.update(bytes);
        let (first, rest) = bytes.split_at(bytes.len().min(KEPT - self.head.len()));
        self.head.extend_from_slice(first);
        // Only the last bytes can remain, so only these are copied.
        let last = rest.split_at(rest.len().saturating_sub(KEPT)).1;
        self.tail.extend(last);
        self.tail.drain(..self.tail.len().saturating_sub(KEPT));
    }

    /// Number of bytes so far.
    pub(super) const fn total(&self) -> u64 {
        self.total
    }

    /// Returns the copy.
    pub(super) fn finish(self) -> Captured {
        let digest = hex::encode(self.digest.finalize());
        let left_out = self.total.saturating_sub((self.head.len() + self.tail.len()) as u64);
        let tail: Vec<u8> = self.tail.into();
        if left_out == 0 {
            let text = as_text(&[self.head, tail].concat());
            // Invalid UTF-8 becomes longer as text: each byte is replaced by U+FFFD, which has three.
            let (kept, over) = cut(&text, 2 * KEPT);
            let mark = if over == 0 { String::new() } else { mark(over as u64) };
            return Captured { text: format!("{kept}{mark}"), truncated: over > 0, digest };
        }
        let (head, tail) = (whole_start(&self.head), whole_end(&tail));
        let left_out = self.total.saturating_sub((head.len() + tail.len()) as u64);
        let (head, tail) = (as_text(head), as_text(tail));
        let from = tail.ceil_char_boundary(tail.len().saturating_sub(KEPT));
        let text = format!("{}{}{}", cut(&head, KEPT).0, mark(left_out), tail.split_at(from).1);
        Captured { text, truncated: true, digest }
    }
}

fn mark(bytes: u64) -> String {
    format!("\n[… {bytes} bytes left out …]\n")
}

/// Without U+0000, which PostgreSQL cannot store in text.
fn as_text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace('\0', "\u{fffd}")
}

/// Without an incomplete character at the end.
fn whole_start(bytes: &[u8]) -> &[u8] {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => bytes.split_at(error.valid_up_to()).0,
        _ => bytes,
    }
}

/// Without an incomplete character at the beginning: a character has at most three continuation bytes.
fn whole_end(bytes: &[u8]) -> &[u8] {
    let inside = bytes.iter().take(3).take_while(|byte| **byte & 0xc0 == 0x80).count();
    bytes.split_at(inside).1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn captured(chunks: &[&[u8]]) -> Captured {
        let mut capture = Capture::default();
        chunks.iter().for_each(|chunk| capture.append(chunk));
        capture.finish()
    }

    #[test]
    fn short_output_is_kept_whole() {
        let copy = captured(&[b"abc", b"", b"d\n"]);
        let digest = crate::approval::Digest::of(b"abcd\n").to_string();
        assert_eq!(copy, Captured { text: "abcd\n".to_owned(), truncated: false, digest });
        // Also when the boundary of beginning and end is within a character.
        let text = "é".repeat(KEPT - 1);
        let copy = captured(&[b"x", text.as_bytes()]);
        assert_eq!((copy.text, copy.truncated), (format!("x{text}"), false));
    }

    #[test]
    fn of_long_output_the_beginning_and_the_end_are_kept() {
        let bytes = [vec![b'a'; KEPT], vec![b'-'; 5], vec![b'z'; KEPT]].concat();
        let copy = captured(&[&bytes]);
        assert_eq!(copy.text, format!("{}\n[… 5 bytes left out …]\n{}", "a".repeat(KEPT), "z".repeat(KEPT)));
        assert!(copy.truncated);
        assert_eq!(copy.digest, crate::approval::Digest::of(&bytes).to_string());
    }

    #[test]
    fn cut_characters_are_left_out_whole() {
        let text = format!("x{}y", "é".repeat(2 * KEPT));
        let copy = captured(&[text.as_bytes()]);
        assert!(!copy.text.contains('\u{fffd}'));
        let (head, tail) = copy.text.split_once("\n[… ").unwrap();
        let (count, tail) = tail.split_once(" bytes left out …]\n").unwrap();
        assert_eq!(head.len() + tail.len() + count.parse::<usize>().unwrap(), text.len());
    }

    #[test]
    fn invalid_utf8_stays_within_bounds() {
        for size in [2 * KEPT, 5 * KEPT] {
            let copy = captured(&[&vec![0xff; size]]);
            assert!(copy.truncated && copy.text.len() <= 64 * 1024, "{}", copy.text.len());
        }
        assert_eq!(captured(&[b"a\0b"]).text, "a\u{fffd}b");
    }

    proptest! {
        #[test]
        fn the_sizes_of_chunks_make_no_difference(sizes in prop::collection::vec(0_usize..40_000, 0..8)) {
            let total: usize = sizes.iter().sum();
            let bytes: Vec<u8> = (0..total).map(|n| b'a' + (n % 23) as u8).collect();
            let mut rest = &bytes[..];
            let mut capture = Capture::default();
            for size in sizes {
                let (chunk, more) = rest.split_at(size);
                capture.append(chunk);
                rest = more;
            }
            prop_assert_eq!(capture.total(), total as u64);
            prop_assert_eq!(capture.finish(), captured(&[&bytes]));
        }
    }
}
