//! Where a change applies (RFC 7644 §3.5.2): `displayName`, `name.familyName`, `emails[type eq "work"].value`.

use super::error::ScimError;
use super::filter::{Reader, Term};

/// Longest path, in bytes.
const MAX_LENGTH: usize = 1_024;

/// The target of a change. Names are in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AttributePath {
    pub(super) attribute: String,
    /// Which values of it; empty for all.
    pub(super) which: Vec<Term>,
    pub(super) sub: Option<String>,
}

impl AttributePath {
    /// Reads a path.
    pub(super) fn parse(text: &str) -> Result<Self, ScimError> {
        let bad = |detail: String| ScimError::path(format!("the path {:?}: {detail}", shortened(text)));
        if text.len() > MAX_LENGTH {
            return Err(bad(format!("the limit is {MAX_LENGTH} bytes")));
        }
        let mut reader = Reader(text.trim());
        let within = |error: ScimError| bad(error.detail);
        let name = reader.attribute().map_err(within)?;
        // The URN of another schema has dots of its own.
        let is_foreign = name.starts_with("urn:");
        let (attribute, mut sub) = match name.split_once('.').filter(|_| !is_foreign) {
            Some((attribute, sub)) => (attribute.to_owned(), Some(sub.to_owned())),
            None => (name, None),
        };
        let mut which = Vec::new();
        if reader.0.starts_with('[') && sub.is_none() {
            which = reader.bracket().map_err(within)?;
            sub = reader.sub_attribute().map_err(within)?;
        }
        if !reader.0.is_empty() {
            return Err(bad("expected a path such as emails[type eq \"work\"].value".to_owned()));
        }
        Ok(Self { attribute, which, sub })
    }

    /// Whether it belongs to a schema that the hub does not have.
    pub(super) fn is_foreign(&self) -> bool {
        self.attribute.starts_with("urn:")
    }
}

/// The beginning of a text, for a message.
fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::filter::Literal;
    use super::*;

    fn path(attribute: &str, which: &[(&str, &str)], sub: Option<&str>) -> AttributePath {
        let term = |(attribute, value): &(&str, &str)| Term {
            attribute: (*attribute).to_owned(),
            value: Literal::Text((*value).to_owned()),
        };
        AttributePath {
            attribute: attribute.to_owned(),
            which: which.iter().map(term).collect(),
            sub: sub.map(str::to_owned),
        }
    }

    #[test]
    fn the_paths_of_directories_are_read() {
        for (text, expected) in [
            ("displayName", path("displayname", &[], None)),
            ("name.givenName", path("name", &[], Some("givenname"))),
            ("emails[type eq \"work\"].value", path("emails", &[("type", "work")], Some("value"))),
            ("members[value eq \"u1\"]", path("members", &[("value", "u1")], None)),
            ("urn:ietf:params:scim:schemas:core:2.0:User:active", path("active", &[], None)),
            ("urn:ietf:params:scim:schemas:core:2.0:User:name.familyName", path("name", &[], Some("familyname"))),
        ] {
            assert_eq!(AttributePath::parse(text), Ok(expected), "{text}");
        }
        let foreign = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department";
        assert!(AttributePath::parse(foreign).unwrap().is_foreign());
    }

    #[test]
    fn other_paths_are_refused() {
        for text in
            ["", "[", "emails[", "emails[type]", "emails[type eq \"work\"", "a.b[c eq \"d\"]", "a b", "a[b eq \"c\"]x"]
        {
            assert_eq!(
                AttributePath::parse(text).map_err(|error| error.code),
                Err(crate::codes::Code::InvalidPath),
                "{text}"
            );
        }
        assert!(AttributePath::parse(&"x".repeat(2_000)).is_err());
    }

    proptest! {
        #[test]
        fn no_text_upsets_the_parser(text in "(\\PC{0,10}|emails\\[|type eq |\"work\"|\\]|\\.value|urn:){0,8}") {
            let _read = AttributePath::parse(&text);
        }
    }
}
