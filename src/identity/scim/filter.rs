//! Filters (RFC 7644 §3.4.2.2), as far as directories use them: `attribute eq value`, joined by `and`.

use std::fmt;

use super::error::ScimError;

/// Longest filter, in bytes.
const MAX_LENGTH: usize = 2_048;
/// Most conditions of a filter.
const MAX_TERMS: usize = 10;
/// What attributes of the hub's two resource types may be prefixed with, in lower case.
const SCHEMAS: [&str; 2] =
    ["urn:ietf:params:scim:schemas:core:2.0:user:", "urn:ietf:params:scim:schemas:core:2.0:group:"];

/// Conditions that all must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    pub terms: Vec<Term>,
}

/// One condition: an attribute equals a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// In lower case, without the URN of its schema: `username`, `members.value`.
    pub attribute: String,
    pub value: Literal,
}

/// A value to compare with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Literal {
    Text(String),
    Boolean(bool),
}

impl Filter {
    /// Reads a filter. `members[value eq "…"]` is the same as `members.value eq "…"`.
    ///
    /// # Errors
    /// When it cannot be read, is too long, or uses an operator other than `eq` and `and`.
    pub fn parse(text: &str) -> Result<Self, ScimError> {
        if text.len() > MAX_LENGTH {
            return Err(ScimError::filter(format!("the filter is too long: the limit is {MAX_LENGTH} bytes")));
        }
        let mut reader = Reader(text.trim());
        let terms = reader.terms(true)?;
        match reader.0.chars().next() {
            None => Ok(Self { terms }),
            Some(next) => Err(ScimError::filter(format!("unexpected {next:?} in the filter"))),
        }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one = |term: &Term| match &term.value {
            Literal::Text(text) => format!("{} eq {}", term.attribute, serde_json::Value::from(text.as_str())),
            Literal::Boolean(value) => format!("{} eq {value}", term.attribute),
        };
        f.write_str(&self.terms.iter().map(one).collect::<Vec<_>>().join(" and "))
    }
}

/// What is left of a text to be read.
pub(super) struct Reader<'t>(pub(super) &'t str);

impl<'t> Reader<'t> {
    /// Conditions joined by `and`, up to the end or a bracket.
    pub(super) fn terms(&mut self, may_nest: bool) -> Result<Vec<Term>, ScimError> {
        let mut terms = Vec::new();
        loop {
            self.term(may_nest, &mut terms)?;
            if terms.len() > MAX_TERMS {
                return Err(ScimError::filter(format!("more than {MAX_TERMS} conditions in the filter")));
            }
            self.blanks();
            if self.0.is_empty() || self.0.starts_with(']') {
                return Ok(terms);
            }
            self.keyword(&["and"], "joins conditions with `and` only")?;
        }
    }

    fn term(&mut self, may_nest: bool, terms: &mut Vec<Term>) -> Result<(), ScimError> {
        self.blanks();
        let attribute = self.attribute()?;
        if self.0.starts_with('[') {
            if !may_nest {
                return Err(ScimError::filter("a bracket within a bracket in the filter"));
            }
            let within = self.bracket()?;
            let sub = self.sub_attribute()?;
            if sub.is_some() {
                let detail = format!("cannot find by {attribute} of a kind: filter by userName, externalId or id");
                return Err(ScimError::filter(detail));
            }
            terms.extend(
                within.into_iter().map(|term| Term { attribute: format!("{attribute}.{}", term.attribute), ..term }),
            );
            return Ok(());
        }
        self.keyword(&["eq"], "compares with `eq` only")?;
        let value = self.literal()?;
        terms.push(Term { attribute, value });
        Ok(())
    }

    /// The conditions in brackets.
    pub(super) fn bracket(&mut self) -> Result<Vec<Term>, ScimError> {
        self.0 = self.0.strip_prefix('[').unwrap_or(self.0);
        let terms = self.terms(false)?;
        match self.0.strip_prefix(']') {
            Some(rest) => {
                self.0 = rest;
                Ok(terms)
            }
            None => Err(ScimError::filter("a bracket in the filter is not closed")),
        }
    }

    /// `.name` behind a bracket.
    pub(super) fn sub_attribute(&mut self) -> Result<Option<String>, ScimError> {
        match self.0.strip_prefix('.') {
            None => Ok(None),
            Some(rest) => {
                self.0 = rest;
                self.attribute().map(Some)
            }
        }
    }

    /// The name of an attribute, in lower case, with dots and without the URN of the hub's schemas.
    pub(super) fn attribute(&mut self) -> Result<String, ScimError> {
        let is_part = |char: char| char.is_ascii_alphanumeric() || matches!(char, '.' | ':' | '-' | '_' | '$');
        let end = self.0.find(|char| !is_part(char)).unwrap_or(self.0.len());
        let (name, rest) = self.0.split_at(end);
        let name = name.to_ascii_lowercase();
        let short = SCHEMAS.iter().find_map(|schema| name.strip_prefix(schema)).unwrap_or(&name);
        if !short.starts_with(|first: char| first.is_ascii_alphabetic() || first == '$') {
            return Err(ScimError::filter("expected the name of an attribute, such as userName"));
        }
        self.0 = rest;
        Ok(short.to_owned())
    }

    fn keyword(&mut self, known: &[&str], otherwise: &str) -> Result<(), ScimError> {
        self.blanks();
        let end = self.0.find(|char: char| !char.is_ascii_alphanumeric()).unwrap_or(self.0.len());
        let (word, rest) = self.0.split_at(end);
        if !known.iter().any(|known| word.eq_ignore_ascii_case(known)) {
            return Err(ScimError::filter(format!("this hub {otherwise}, such as: userName eq \"dana@example.com\"")));
        }
        self.0 = rest;
        Ok(())
    }

    fn literal(&mut self) -> Result<Literal, ScimError> {
        self.blanks();
        let expected = || ScimError::filter("expected a text in quotes, true or false behind eq");
        if !self.0.starts_with('"') {
            let end = self.0.find(|char: char| !char.is_ascii_alphanumeric()).unwrap_or(self.0.len());
            let (word, rest) = self.0.split_at(end);
            let value = match word.to_ascii_lowercase().as_str() {
                "true" => true,
                "false" => false,
                _ => return Err(expected()),
            };
            self.0 = rest;
            return Ok(Literal::Boolean(value));
        }
        let (text, rest) = self.0.split_at(end_of_text(self.0).ok_or_else(expected)?);
        self.0 = rest;
        // The text is a JSON text (RFC 7644 §3.4.2.2).
        serde_json::from_str(text).map(Literal::Text).map_err(|_| expected())
    }

    fn blanks(&mut self) {
        self.0 = self.0.trim_start_matches(' ');
    }
}

/// Where the text in quotes ends that `text` begins with.
fn end_of_text(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    for (at, char) in text.char_indices().skip(1) {
        match char {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(attribute: &str, value: &str) -> Term {
        Term { attribute: attribute.to_owned(), value: Literal::Text(value.to_owned()) }
    }

    #[test]
    fn what_directories_ask_is_read() {
        for (filter, expected) in [
            (r#"userName eq "Dana@example.com""#, vec![text("username", "Dana@example.com")]),
            (r#"USERNAME EQ "x" AND externalID eq "y""#, vec![text("username", "x"), text("externalid", "y")]),
            (r#"displayName eq "a \"b\" \\ \u00e4""#, vec![text("displayname", "a \"b\" \\ ä")]),
            (r#"urn:ietf:params:scim:schemas:core:2.0:User:userName eq "x""#, vec![text("username", "x")]),
            (r#"id eq "1" and members[value eq "2"]"#, vec![text("id", "1"), text("members.value", "2")]),
            (r#"  displayName   eq   "x"  "#, vec![text("displayname", "x")]),
            ("active eq true", vec![Term { attribute: "active".to_owned(), value: Literal::Boolean(true) }]),
        ] {
            assert_eq!(Filter::parse(filter).map(|filter| filter.terms), Ok(expected), "{filter}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for filter in [
            "",
            " ",
            "userName",
            "userName eq",
            "userName eq dana",
            "userName eq \"dana",
            "userName eq \"a\\\"",
            "userName eq \"\\q\"",
            "userName eq 'dana'",
            "userName eq \"a\" and",
            "userName eq \"a\" or userName eq \"b\"",
            "userName eq \"a\"; drop",
            "userName sw \"a\"",
            "userName pr",
            "not (userName eq \"a\")",
            "(userName eq \"a\")",
            "a[b[c eq \"d\"]]",
            "a[b eq \"c\"",
            "a[b eq \"c\"]]",
            "emails[type eq \"work\"].value eq \"x\"",
            "\u{e4}b eq \"c\"",
            "1 eq \"1\"",
            "userName eq null",
            "userName\u{a0}eq \"x\"",
        ] {
            assert_eq!(
                Filter::parse(filter).map_err(|error| error.code),
                Err(crate::codes::Code::InvalidFilter),
                "{filter}"
            );
        }
        let many = ["a eq \"b\""; 11].join(" and ");
        assert!(Filter::parse(&many).is_err() && Filter::parse(&many[..many.len() - 13]).is_ok());
        assert!(Filter::parse(&format!("a eq \"{}\"", "x".repeat(2_048))).is_err());
        assert!(Filter::parse(&"a[".repeat(1_000)).is_err());
    }

    proptest! {
        #[test]
        fn no_text_upsets_the_parser(text in "\\PC{0,80}") {
            let _read = Filter::parse(&text);
        }

        #[test]
        fn what_nearly_is_a_filter_is_read_or_refused(text in "(userName|a\\[| eq | and |\"|\\\\|\\]|\\.|x| |true){0,20}") {
            if let Ok(filter) = Filter::parse(&text) {
                prop_assert_eq!(Filter::parse(&filter.to_string()), Ok(filter));
            }
        }

        #[test]
        fn any_value_survives(value in "\\PC{0,40}", control in "[\\x00-\\x1f]{0,3}", other in any::<bool>()) {
            let terms = vec![
                text("username", &(value + &control)),
                Term { attribute: "active".to_owned(), value: Literal::Boolean(other) },
            ];
            let filter = Filter { terms };
            prop_assert_eq!(Filter::parse(&filter.to_string()), Ok(filter));
        }
    }
}
