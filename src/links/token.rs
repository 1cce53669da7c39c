//! The contents of a link, and its text.

use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::KeyRing;
use super::keys::Purpose;
use crate::approval::{Digest, Email, GroupName, LinkUse};
use crate::ids::{DeliveryId, EndpointId, RequestId};
use crate::time::Timestamp;

/// Layout of a token for anyone who has the link.
const BEARER: u8 = 1;
/// Layout of a token for one person: it ends with their address.
const PERSONAL: u8 = 2;
/// Added to either layout if the endpoint's links were revoked before: then the token ends with the generation.
const WITH_GENERATION: u8 = 2;
const PERSONAL_WITH_GENERATION: u8 = PERSONAL + WITH_GENERATION;
/// Bytes of the digest in a link: enough to distinguish revisions, since the signature protects the rest.
const DIGEST_PREFIX: usize = 8;
const TAG: usize = 32;
/// Bytes before the group's text.
const FIXED: usize = 1 + 4 + 16 + 4 + DIGEST_PREFIX + 1 + 16 + 16 + 8 + 8 + 1;

/// What the button of the link offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intent {
    /// Open the request first.
    Review,
    /// Approve.
    Approve,
    /// Reject.
    Reject,
}

/// The contents of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub request: RequestId,
    /// The revision it shows, and on which it votes.
    pub revision: u32,
    /// First bytes of that revision's digest.
    pub digest_prefix: [u8; DIGEST_PREFIX],
    /// The slot it votes in.
    pub group: GroupName,
    /// The only person who may use it; without one, any member of the slot's groups may vote with it.
    pub recipient: Option<Email>,
    pub intent: Intent,
    /// The endpoint that it was sent to.
    pub endpoint: EndpointId,
    /// How often the links of that endpoint had been revoked.
    pub generation: u32,
    /// The delivery that carried it.
    pub delivery: DeliveryId,
    pub issued_at: Timestamp,
    /// The link is invalid from this time on.
    pub expires_at: Timestamp,
}

/// The text is not a link that this hub signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this link was not made by this hub, or it is incomplete")]
pub struct InvalidLink;

impl Link {
    /// Returns the prefix of a digest that a link carries.
    pub fn prefix_of(digest: &Digest) -> [u8; DIGEST_PREFIX] {
        digest.as_bytes().first_chunk().copied().unwrap_or_default()
    }

    /// Returns the token. The same fields and the same key always give the same text.
    pub fn sign(&self, keys: &KeyRing) -> String {
        let keys = keys.live();
        let mut bytes = self.encode(keys.signing_id());
        let tag = keys.sign(Purpose::Link, &bytes);
        bytes.extend_from_slice(&tag);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a token, and verifies its signature before any other field is used.
    ///
    /// # Errors
    /// Returns an error if this hub did not sign it.
    pub fn verify(text: &str, keys: &KeyRing) -> Result<Self, InvalidLink> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidLink)?;
        let (message, tag) = bytes.split_last_chunk::<TAG>().ok_or(InvalidLink)?;
        let mut fields = Fields(message);
        let [version] = fields.take::<1>()?;
        let key = u32::from_be_bytes(fields.take()?);
        if !(BEARER..=PERSONAL_WITH_GENERATION).contains(&version)
            || !keys.live().verify(key, Purpose::Link, message, tag)
        {
            return Err(InvalidLink);
        }
        Self::decode(version, fields)
    }

    /// What a vote with the link uses up: one vote for each message and slot.
    pub fn used(&self) -> LinkUse {
        LinkUse { delivery: self.delivery, group: self.group.clone() }
    }

    fn encode(&self, key: u32) -> Vec<u8> {
        let group = self.group.as_str().as_bytes();
        let recipient = self.recipient.as_ref().map(|person| person.as_str().as_bytes());
        let mut bytes = Vec::with_capacity(FIXED + group.len() + recipient.map_or(0, <[u8]>::len) + 1 + TAG);
        let generation = if self.generation > 0 { WITH_GENERATION } else { 0 };
        bytes.push(generation + if recipient.is_some() { PERSONAL } else { BEARER });
        bytes.extend(key.to_be_bytes());
        bytes.extend(self.request.as_bytes());
        bytes.extend(self.revision.to_be_bytes());
        bytes.extend(self.digest_prefix);
        bytes.push(match self.intent {
            Intent::Review => 0,
            Intent::Approve => 1,
            Intent::Reject => 2,
        });
        bytes.extend(self.endpoint.as_bytes());
        bytes.extend(self.delivery.as_bytes());
        bytes.extend(self.issued_at.as_micros().to_be_bytes());
        bytes.extend(self.expires_at.as_micros().to_be_bytes());
        // A name has at most 64 bytes, and an address 254.
        for text in std::iter::once(group).chain(recipient) {
            bytes.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
            bytes.extend(text);
        }
        // Most links are of the first generation; leaving it out keeps them short.
        if self.generation > 0 {
            bytes.extend(self.generation.to_be_bytes());
        }
        bytes
    }

    fn decode(version: u8, mut fields: Fields<'_>) -> Result<Self, InvalidLink> {
        let link = Self {
            request: RequestId::from_bytes(fields.take()?),
            revision: u32::from_be_bytes(fields.take()?),
            digest_prefix: fields.take()?,
            intent: match fields.take::<1>()? {
                [0] => Intent::Review,
                [1] => Intent::Approve,
                [2] => Intent::Reject,
                _ => return Err(InvalidLink),
            },
            endpoint: EndpointId::from_bytes(fields.take()?),
            delivery: DeliveryId::from_bytes(fields.take()?),
            issued_at: Timestamp::from_micros(i64::from_be_bytes(fields.take()?)),
            expires_at: Timestamp::from_micros(i64::from_be_bytes(fields.take()?)),
            group: fields.text()?,
            recipient: matches!(version, PERSONAL | PERSONAL_WITH_GENERATION).then(|| fields.text()).transpose()?,
            generation: if version > WITH_GENERATION { u32::from_be_bytes(fields.take()?) } else { 0 },
        };
        if fields.0.is_empty() { Ok(link) } else { Err(InvalidLink) }
    }
}

/// Bytes that are read from the front.
struct Fields<'b>(&'b [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], InvalidLink> {
        let (first, rest) = self.0.split_first_chunk::<N>().ok_or(InvalidLink)?;
        self.0 = rest;
        Ok(*first)
    }

    /// Reads a text with its length in front.
    fn text<T: FromStr>(&mut self) -> Result<T, InvalidLink> {
        let [length] = self.take::<1>()?;
        let (text, rest) = self.0.split_at_checked(length.into()).ok_or(InvalidLink)?;
        self.0 = rest;
        std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or(InvalidLink)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{LinkKey, LiveKeys};
    use super::*;

    fn ring(ids: &[u32]) -> KeyRing {
        let key = |id: u32| LinkKey { id, secret: Box::new([u8::try_from(id).expect("small"); 32]).into() };
        KeyRing::new(LiveKeys::new(key(ids[0]), ids[1..].iter().map(|id| key(*id)).collect()))
    }

    fn link() -> Link {
        let at = Timestamp::from_micros(1_700_000_000_000_000);
        Link {
            request: RequestId::mint(at),
            revision: 3,
            digest_prefix: Link::prefix_of(&Digest::of(b"x")),
            group: "dba".parse().expect("a name"),
            recipient: None,
            intent: Intent::Approve,
            endpoint: EndpointId::mint(at),
            generation: 0,
            delivery: DeliveryId::mint(at),
            issued_at: at,
            expires_at: at + Duration::from_secs(60),
        }
    }

    #[test]
    fn a_text_verifies_also_after_a_key_rotation() {
        let text = link().sign(&ring(&[1]));
        let read = Link::verify(&text, &ring(&[2, 1])).expect("an older key is accepted");
        assert_eq!(read.sign(&ring(&[1])), text);
        assert_eq!(Link::verify(&text, &ring(&[2])), Err(InvalidLink));
    }

    #[test]
    fn keys_change_while_the_ring_is_in_use() {
        let keys = ring(&[1]);
        let before = link().sign(&keys);
        let key = |id: u8| LinkKey { id: id.into(), secret: Box::new([id; 32]).into() };
        keys.replace(LiveKeys::new(key(2), vec![key(1)]));
        let after = link().sign(&keys);
        assert_ne!(before, after);
        assert!(Link::verify(&before, &keys).is_ok() && Link::verify(&after, &keys).is_ok());
        keys.replace(LiveKeys::new(key(2), Vec::new()));
        assert!(Link::verify(&before, &keys).is_err() && Link::verify(&after, &keys).is_ok());
    }

    #[test]
    fn a_personal_link_names_its_person() {
        let keys = ring(&[1]);
        let personal = Link { recipient: Some("dana@example.com".parse().expect("an address")), ..link() };
        let text = personal.sign(&keys);
        assert_eq!(Link::verify(&text, &keys).map(|link| link.recipient), Ok(personal.recipient));
        assert_eq!(Link::verify(&link().sign(&keys), &keys).map(|link| link.recipient), Ok(None));
    }

    #[test]
    fn a_link_names_its_generation() {
        let keys = ring(&[1]);
        for recipient in [None, Some("dana@example.com".parse().expect("an address"))] {
            for generation in [0, 1, u32::MAX] {
                let link = Link { recipient: recipient.clone(), generation, ..link() };
                assert_eq!(Link::verify(&link.sign(&keys), &keys).map(|read| read.generation), Ok(generation));
            }
        }
    }

    #[test]
    fn every_changed_character_is_noticed() {
        let keys = ring(&[1]);
        let recipient = Some("dana@example.com".parse().expect("an address"));
        let text = Link { recipient, generation: 7, ..link() }.sign(&keys);
        for place in 0..text.len() {
            let mut forged = text.clone().into_bytes();
            forged[place] = if forged[place] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).expect("ASCII");
            assert_eq!(Link::verify(&forged, &keys), Err(InvalidLink), "at {place}");
        }
        for cut in 0..text.len() {
            assert_eq!(Link::verify(&text[..cut], &keys), Err(InvalidLink));
        }
    }
}
