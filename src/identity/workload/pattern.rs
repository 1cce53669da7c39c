//! Patterns of claims.

use std::fmt;
use std::str::FromStr;

/// Longest pattern, in bytes.
const MAX: usize = 512;

/// A text with wildcards: `*` stands for any characters but `/` and `:`, and `**` for any characters. So `acme/*` does not
/// match what belongs to `acme-two`, and `refs/heads/*` no branch with a slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    /// `*`
    Segment,
    /// `**`
    Any,
}

/// Why a text is no pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPattern {
    #[error("it is empty")]
    Empty,
    #[error("it has more than {MAX} bytes")]
    TooLong,
    #[error("it has a control character")]
    Control,
    #[error("it has more than two * beside each other")]
    Stars,
}

impl FromStr for Pattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, InvalidPattern> {
        match text {
            "" => return Err(InvalidPattern::Empty),
            text if text.len() > MAX => return Err(InvalidPattern::TooLong),
            text if text.chars().any(char::is_control) => return Err(InvalidPattern::Control),
            text if text.contains("***") => return Err(InvalidPattern::Stars),
            _ => {}
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, after)) = rest.split_once('*') {
            if !literal.is_empty() {
                parts.push(Part::Literal(literal.to_owned()));
            }
            let (part, after) = after.strip_prefix('*').map_or((Part::Segment, after), |after| (Part::Any, after));
            parts.push(part);
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Literal(rest.to_owned()));
        }
        Ok(Self { text: text.to_owned(), parts })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Pattern {
    /// What stands before the first wildcard.
    pub(super) fn fixed(&self) -> &str {
        self.text.split('*').next().unwrap_or_default()
    }

    /// Whether it matches one text alone.
    pub(super) fn is_literal(&self) -> bool {
        !self.text.contains('*')
    }

    /// Whether it says nothing at all.
    pub(super) fn is_bare(&self) -> bool {
        self.text.chars().all(|c| c == '*')
    }

    /// Whether it matches the whole text. The time is in proportion to the product of both lengths.
    pub fn matches(&self, text: &str) -> bool {
        // The places up to which the parts so far can match, in order.
        let mut reached = vec![0_usize];
        for part in &self.parts {
            reached = match part {
                Part::Literal(literal) => {
                    let behind = |at: &usize| text.get(*at..).is_some_and(|rest| rest.starts_with(literal.as_str()));
                    reached.iter().filter(|at| behind(at)).map(|at| at + literal.len()).collect()
                }
                Part::Any => match reached.first() {
                    Some(first) => places(text, *first).collect(),
                    None => return false,
                },
                Part::Segment => {
                    let mut found: Vec<usize> = Vec::new();
                    for from in reached {
                        if found.last().is_some_and(|last| from <= *last) {
                            continue;
                        }
                        let end = text.get(from..).and_then(|rest| rest.find(['/', ':'])).map(|end| from + end);
                        found.extend(places(text, from).take_while(|at| end.is_none_or(|end| *at <= end)));
                    }
                    found
                }
            };
            if reached.is_empty() {
                return false;
            }
        }
        reached.contains(&text.len())
    }
}

/// The places between characters from `from` on, the end included.
fn places(text: &str, from: usize) -> impl Iterator<Item = usize> {
    (from..=text.len()).filter(|at| text.is_char_boundary(*at))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        pattern.parse::<Pattern>().expect("a pattern").matches(text)
    }

    #[test]
    fn one_star_stays_within_a_segment_and_two_do_not() {
        for (pattern, text) in [
            ("acme/shop", "acme/shop"),
            ("acme/*", "acme/shop"),
            ("acme/*", "acme/"),
            ("refs/tags/v*", "refs/tags/v1.2"),
            ("*/shop", "acme/shop"),
            ("repo:acme/*:ref:refs/heads/**", "repo:acme/shop:ref:refs/heads/feature/x"),
            ("**", "anything/at:all"),
            ("**:main", "a:b:main"),
            ("a**b*c", "a/b/b1c"),
            ("*é*", "aéb"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("acme/shop", "acme/shop2"),
            ("acme/shop", "ACME/shop"),
            ("acme/*", "acme-two/shop"),
            ("acme/*", "acme/shop/sub"),
            ("acme*", "acme/shop"),
            ("repo:acme/*", "repo:acme/shop:ref:refs/heads/main"),
            ("refs/heads/*", "refs/heads/feature/x"),
            ("*/shop", "evil/acme/shop"),
            ("a*", ""),
            ("a.c", "abc"),
        ] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for (text, why) in [
            ("", InvalidPattern::Empty),
            ("a***", InvalidPattern::Stars),
            ("a\u{7}", InvalidPattern::Control),
            (&"a".repeat(513), InvalidPattern::TooLong),
        ] {
            assert_eq!(text.parse::<Pattern>(), Err(why));
        }
    }

    #[test]
    fn many_stars_on_a_long_text_take_no_time() {
        let pattern: Pattern = "**a*b".repeat(100).parse().expect("a pattern");
        let began = std::time::Instant::now();
        assert!(!pattern.matches(&"ab".repeat(45)));
        assert!(!pattern.matches(&format!("{}/", "a".repeat(4_000))));
        assert!(began.elapsed().as_secs() < 5);
    }

    proptest! {
        /// As the same pattern in a regular expression.
        #[test]
        fn it_matches_what_a_regular_expression_matches(pattern in "[ab/:*]{1,8}", text in "[ab/:]{0,8}") {
            prop_assume!(!pattern.contains("***"));
            let expression = pattern.replace("**", "\u{1}").replace('*', "[^/:]*").replace('\u{1}', ".*");
            let expected = regex::Regex::new(&format!("^(?:{expression})$")).expect("an expression").is_match(&text);
            prop_assert_eq!(matches(&pattern, &text), expected, "{} {}", pattern, text);
        }
    }
}
