//! API tokens and their secrets. The hub stores only a digest of a secret.

use std::collections::BTreeSet;

use serde::Serialize;
use subtle::ConstantTimeEq;

use super::Scope;
use crate::approval::{Digest, Email, ResourceName};
use crate::ids::TokenId;
use crate::random;
use crate::time::Timestamp;

/// What the secret of a token begins with.
const PREFIX: &str = "cs_";
/// What the secret of a session begins with.
const SESSION_PREFIX: &str = "css_";
/// What the short-lived secret of a workload begins with.
const WORKLOAD_PREFIX: &str = "csw_";
/// Characters of the random part: 256 bits in base64url (RFC 4648 §5).
const RANDOM: usize = 43;
/// Characters of the checksum: a CRC-32 in base 62.
const CHECKSUM: usize = 6;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// The CRC-32 of Ethernet and zip.
const CRC: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);

/// An API token as kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Token {
    pub id: TokenId,
    /// What people call it.
    pub name: String,
    pub scope: Scope,
    /// Whose it is, when it is a person's.
    pub person: Option<Email>,
    /// The resources that it is limited to; empty for no limit.
    pub resources: BTreeSet<ResourceName>,
    /// Belongs to a program that acts for people: each request names a person, and it may not use break-glass.
    pub agent: bool,
    pub created_at: Timestamp,
    /// When it expires; `None` for never.
    pub expires_at: Option<Timestamp>,
}

impl Token {
    /// Whether it has expired at `now`.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| now >= end)
    }

    /// Whether it may be used for that resource.
    pub fn covers(&self, resource: &ResourceName) -> bool {
        self.resources.is_empty() || self.resources.contains(resource)
    }
}

/// A new token's secret: prefix, 256 random bits, and a checksum of both, so that a scanner recognises a leaked secret without asking
/// the hub, and the hub recognises a mistyped one without asking the database.
pub fn new_token_secret() -> String {
    new_secret(PREFIX)
}

/// A new session's secret: like that of a token, with a prefix of its own.
pub fn new_session_secret() -> String {
    new_secret(SESSION_PREFIX)
}

/// A new secret of a workload's token: like that of a token, with a prefix of its own.
pub fn new_workload_secret() -> String {
    new_secret(WORKLOAD_PREFIX)
}

fn new_secret(prefix: &str) -> String {
    let text = format!("{prefix}{}", random::secret_text());
    let checksum = checksum(&text);
    text + &checksum
}

/// Whether a secret can only be that of a session.
pub fn is_session_secret(secret: &str) -> bool {
    secret.starts_with(SESSION_PREFIX)
}

/// Whether a secret can only be one of a workload, which is valid for minutes: nobody has to be told that it ends.
pub fn is_workload_secret(secret: &str) -> bool {
    secret.starts_with(WORKLOAD_PREFIX)
}

/// What a text can be, by its form alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretForm {
    /// It has a checksum, and the right one.
    Checked,
    /// It has the length of a secret with a checksum, and another checksum than it should.
    Mistyped,
    /// Anything else: secrets made before there were checksums, and those that an operator chose.
    Other,
}

/// What `secret` can be, by its form alone.
pub fn form_of_secret(secret: &str) -> SecretForm {
    let others = [SESSION_PREFIX, WORKLOAD_PREFIX];
    let prefix = others.into_iter().find(|prefix| secret.starts_with(prefix)).unwrap_or(PREFIX);
    let is_ours = secret.len() == prefix.len() + RANDOM + CHECKSUM && secret.starts_with(prefix) && secret.is_ascii();
    match secret.split_at_checked(prefix.len() + RANDOM) {
        Some((text, sum)) if is_ours && sum == checksum(text) => SecretForm::Checked,
        Some(_) if is_ours => SecretForm::Mistyped,
        _ => SecretForm::Other,
    }
}

/// The CRC-32 of a text in base 62, the highest digit first.
fn checksum(text: &str) -> String {
    let mut rest = CRC.checksum(text.as_bytes());
    let mut digits = [b'0'; CHECKSUM];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62.get((rest % 62) as usize).copied().unwrap_or(b'0');
        rest /= 62;
    }
    digits.into_iter().map(char::from).collect()
}

/// The one form in which the hub keeps a token's secret. A plain digest serves, since the secret is random and long.
pub fn digest_of_secret(secret: &str) -> Digest {
    Digest::of(secret.as_bytes())
}

/// The admin token that the operator chose, or that the first start made.
#[derive(Debug, Clone)]
pub struct BootstrapToken(Digest);

impl BootstrapToken {
    /// From its text.
    pub fn new(secret: &str) -> Self {
        Self(digest_of_secret(secret))
    }

    /// Whether this is the digest of the admin token, in constant time.
    pub fn matches(&self, secret: &Digest) -> bool {
        self.0.as_bytes().ct_eq(secret.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn secrets_are_long_and_never_the_same() {
        let (one, two) = (new_token_secret(), new_token_secret());
        assert_ne!(one, two);
        assert_eq!(one.len(), PREFIX.len() + RANDOM + CHECKSUM);
    }

    #[test]
    fn a_checksum_is_the_crc_of_what_stands_before_it() {
        // CRC-32 of "123456789" is cbf43926 (the check value of the algorithm's catalogue), which is 3421780262.
        assert_eq!(checksum("123456789"), "3jZRME");
        assert_eq!(form_of_secret(&new_token_secret()), SecretForm::Checked);
        assert_eq!(form_of_secret(&new_session_secret()), SecretForm::Checked);
        assert!(is_session_secret(&new_session_secret()) && !is_session_secret(&new_token_secret()));
        assert_eq!(form_of_secret(&new_workload_secret()), SecretForm::Checked);
        assert!(is_workload_secret(&new_workload_secret()) && !is_workload_secret(&new_token_secret()));
    }

    #[test]
    fn each_wrong_character_is_noticed() {
        let secret = new_token_secret();
        for at in PREFIX.len()..secret.len() {
            let mut wrong = secret.clone();
            let other = if secret.as_bytes()[at] == b'x' { "y" } else { "x" };
            wrong.replace_range(at..=at, other);
            assert_eq!(form_of_secret(&wrong), SecretForm::Mistyped, "{at}");
        }
    }

    #[test]
    fn what_has_another_length_may_be_a_secret_of_before_or_a_chosen_one() {
        for text in ["", "cs_", "a chosen one", "cs_\u{e9}", &format!("cs_{}", random::secret_text())] {
            assert_eq!(form_of_secret(text), SecretForm::Other, "{text}");
        }
    }

    #[test]
    fn bootstrap_token_matches_only_itself() {
        let token = BootstrapToken::new("cs_one");
        assert!(token.matches(&digest_of_secret("cs_one")));
        assert!(!token.matches(&digest_of_secret("cs_two")));
    }

    proptest! {
        /// A text is a secret exactly if it is a prefix, 43 characters and their checksum.
        #[test]
        fn any_text_is_judged_by_its_form(text in "(cs_|css_|csw_|c|s|_)?[A-Za-z0-9_-]{40,50}|\\PC{0,70}") {
            let form = form_of_secret(&text);
            let parts = text.split_at_checked(text.len().saturating_sub(CHECKSUM));
            let has_checksum = parts.is_some_and(|(start, sum)| checksum(start) == sum);
            let has_length = [PREFIX, SESSION_PREFIX, WORKLOAD_PREFIX]
                .iter()
                .any(|prefix| text.starts_with(prefix) && text.len() == prefix.len() + RANDOM + CHECKSUM && text.is_ascii());
            prop_assert!(form != SecretForm::Checked || (has_checksum && has_length));
            prop_assert!(form == SecretForm::Other || has_length);
        }

        #[test]
        fn a_secret_with_its_checksum_is_genuine_and_a_mistyped_one_is_not(
            prefix in proptest::sample::select(vec![PREFIX, SESSION_PREFIX, WORKLOAD_PREFIX]),
            // Not one that makes another prefix.
            random in "[A-Za-rt-vx-z0-9-][A-Za-z0-9_-]{42}",
            at in 0_usize..43,
            other in "[A-Za-z0-9_-]",
        ) {
            let text = format!("{prefix}{random}");
            let secret = format!("{text}{}", checksum(&text));
            prop_assert_eq!(form_of_secret(&secret), SecretForm::Checked);
            let mut wrong = secret.clone();
            wrong.replace_range(prefix.len() + at..=prefix.len() + at, &other);
            prop_assert!(wrong == secret || form_of_secret(&wrong) != SecretForm::Checked, "{wrong}");
        }
    }
}
