//! People. The identity of a person is their e-mail address, in lower case.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

use super::GroupName;
use super::payload::is_blank;
use crate::time::Timestamp;
use crate::unicode::unwrapped;

/// Maximum length of an address in bytes (RFC 5321 §4.5.3.1.3 without the angle brackets).
const MAX_EMAIL: usize = 254;

/// The text is not an address that can identify a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an e-mail address such as dana@example.com, of at most 254 characters")]
pub struct InvalidEmail;

/// A person's identity: an e-mail address in lower case, so that `Dana@Example.com` and `dana@example.com` are one
/// person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Email(String);

impl Email {
    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Email {
    type Err = InvalidEmail;

    fn from_str(text: &str) -> Result<Self, InvalidEmail> {
        let text = unwrapped(text);
        // Check before lower-casing: the Kelvin sign would become a k.
        if !text.is_ascii() {
            return Err(InvalidEmail);
        }
        let folded = text.to_ascii_lowercase();
        let (local, domain) = folded.split_once('@').ok_or(InvalidEmail)?;
        // Only ASCII: two addresses that look alike must not be two people.
        let plain = folded.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'<' | b'>' | b'"' | b',' | b';'));
        // `example.com.` is the same domain as `example.com`: one person must have one spelling.
        let labelled = domain.split('.').all(|label| !label.is_empty());
        if local.is_empty() || !labelled || domain.contains('@') || !plain || folded.len() > MAX_EMAIL {
            return Err(InvalidEmail);
        }
        Ok(Self(folded))
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Email {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Who makes a request. A person has an address; a system that acts for nobody has only a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requester {
    /// The person's identity; absent for a system.
    #[serde(default)]
    pub email: Option<Email>,
    /// Display name, as the asking system gives it.
    #[serde(default)]
    pub name: Option<String>,
    /// Groups that the asking system claims for the requester.
    #[serde(default)]
    pub groups: Vec<GroupName>,
    /// The person for whom the requester acts: the human behind an agent.
    #[serde(default)]
    pub acting_for: Option<Email>,
}

/// When a person is away, and who stands in for them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Absence {
    /// Start of the absence; open if missing.
    #[serde(default)]
    pub from: Option<Timestamp>,
    /// End of the absence, not included; open if missing.
    #[serde(default)]
    pub until: Option<Timestamp>,
    /// The stand-in, who may vote in their place meanwhile.
    #[serde(default)]
    pub delegate: Option<Email>,
}

impl Absence {
    /// Whether the person is away at that time.
    pub fn covers(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= at) && self.until.is_none_or(|until| at < until)
    }
}

impl Requester {
    /// Returns the requester as text for people: see [`who_asks`].
    pub fn who(&self) -> String {
        let email = |email: &Option<Email>| email.as_ref().map(Email::as_str).map(str::to_owned);
        who_asks(self.name.as_deref(), email(&self.email).as_deref(), email(&self.acting_for).as_deref())
    }

    /// Whether `person` is the requester, or the person for whom the requester acts.
    pub fn is(&self, person: &Email) -> bool {
        self.email.as_ref() == Some(person) || self.acting_for.as_ref() == Some(person)
    }
}

/// Returns a requester as every view shows it. An address is an identity; a name is the requester's own statement.
/// So a name with unusual characters, which might contain somebody else's address or imitate the hub's
/// text, is marked as a name, and a requester without an address is marked as a system.
pub fn who_asks(name: Option<&str>, email: Option<&str>, acting_for: Option<&str>) -> String {
    let given = |text: Option<&str>| text.filter(|text| !is_blank(text)).map(str::to_owned);
    let who = match (given(name), given(email)) {
        (Some(name), Some(email)) if is_plain_name(&name) => format!("{name} ({email})"),
        (Some(name), Some(email)) => format!("{email}, who goes by the name of {name}"),
        (Some(name), None) if is_plain_name(&name) => format!("{name} (a system)"),
        (Some(name), None) => format!("a system, which goes by the name of {name}"),
        (None, Some(email)) => email,
        (None, None) => "a system".to_owned(),
    };
    match given(acting_for) {
        Some(human) => format!("{who}, acting for {human} (unverified)"),
        None => who,
    }
}

/// Whether a text has only the characters that names have: letters, digits, spaces and a few marks. Zero-width joiners
/// and direction marks belong to names in some scripts; views write them out.
fn is_plain_name(name: &str) -> bool {
    let is_mark = |char| matches!(char, ' ' | '.' | '-' | '_' | '\'' | '\u{2019}' | '\u{200c}'..='\u{200f}');
    name.chars().all(|char| char.is_alphanumeric() || is_mark(char))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_space_do_not_make_another_person() {
        assert_eq!(" Dana@Example.COM ".parse::<Email>(), "dana@example.com".parse());
    }

    #[test]
    fn a_name_is_never_mistaken_for_an_identity() {
        let nora = Some("nora@example.com");
        for (name, email, said) in [
            (Some("Nora Lind"), nora, "Nora Lind (nora@example.com)"),
            (Some("Zoë O’Neill-Smith Jr."), nora, "Zoë O’Neill-Smith Jr. (nora@example.com)"),
            (None, nora, "nora@example.com"),
            (Some(" \u{200b}"), nora, "nora@example.com"),
            (Some("ci-bot"), None, "ci-bot (a system)"),
            (None, None, "a system"),
            (Some("dana@example.com"), None, "a system, which goes by the name of dana@example.com"),
            (
                Some("Dana (dana@example.com)"),
                nora,
                "nora@example.com, who goes by the name of Dana (dana@example.com)",
            ),
            (Some("Dana, approved by erik"), nora, "nora@example.com, who goes by the name of Dana, approved by erik"),
            (Some("dana＠example.com"), nora, "nora@example.com, who goes by the name of dana＠example.com"),
            (Some("N\nApproved by"), nora, "nora@example.com, who goes by the name of N\nApproved by"),
        ] {
            assert_eq!(who_asks(name, email, None), said);
        }
        let agent = who_asks(Some("agent"), None, Some("dana@example.com"));
        assert_eq!(agent, "agent (a system), acting for dana@example.com (unverified)");
    }

    #[test]
    fn invalid_addresses() {
        for bad in [
            "",
            "dana",
            "@example.com",
            "dana@",
            "dana@example.com.",
            "dana@.example.com",
            "dana@a..b",
            "a@b@c",
            "d ana@x",
            "dana@x\u{202e}",
            "dаna@example.com",
            "\u{212a}im@example.com",
            "<a@b>",
        ] {
            assert_eq!(bad.parse::<Email>(), Err(InvalidEmail), "{bad}");
        }
    }
}
