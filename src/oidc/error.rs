//! Why a sign-in or a token is refused. The texts are for the log: they contain no token, code or secret, and what a
//! provider or a caller has sent is shortened and made visible.

use crate::unicode::is_hidden;

/// Most characters of a text of others in an error.
const SHOWN: usize = 120;

/// Why a provider cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    #[error("cannot reach {url}: {why}")]
    Unreachable { url: String, why: String },
    #[error("{url} answered {status}")]
    Status { url: String, status: u16 },
    /// An answer that cannot be used.
    #[error("{url}: {why}")]
    Answer { url: String, why: String },
    /// The discovery document is another issuer's.
    #[error(
        "the discovery document names the issuer {found}, but the configured issuer is {expected}: they must be equal, \
         character by character"
    )]
    Issuer { expected: String, found: String },
    /// The provider does not offer what is needed.
    #[error("the provider's discovery document has no {0}")]
    Lacks(&'static str),
}

/// Why a token is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("it is not a signed token (JWS): {0}")]
    Malformed(&'static str),
    #[error("it is not signed (alg none)")]
    Unsigned,
    #[error("it is signed with {alg}, but the provider's discovery document allows {allowed}")]
    Algorithm { alg: String, allowed: String },
    #[error("it is signed with {0}, which the hub cannot verify: choose RS256, ES256 or EdDSA at the provider")]
    Unsupported(String),
    #[error("its type is {0}, which is not the type of such a token")]
    Type(String),
    #[error("the provider publishes no key {0} for this algorithm")]
    UnknownKey(String),
    #[error("its signature is wrong")]
    Signature,
    #[error("its issuer is {found}, not {expected}")]
    Issuer { expected: String, found: String },
    #[error("it is for {found}, not for {expected} alone")]
    Audience { expected: String, found: String },
    #[error("it expired at {expired}, and it is {now} now")]
    Expired { expired: String, now: String },
    #[error("it is valid or issued only from {from}, and it is {now} now: compare the clocks of hub and provider")]
    NotYet { from: String, now: String },
    #[error("its nonce is not the one of this sign-in")]
    Nonce,
    #[error("its claim {0} is missing or has another type")]
    Claim(&'static str),
    /// Only of logout tokens.
    #[error("it is not a logout token: {0}")]
    NoLogout(&'static str),
}

/// Why the provider gave no tokens for a code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    /// The code is not valid (any more): used, expired, or of another sign-in.
    #[error("the provider refuses the code ({0})")]
    Code(String),
    /// The provider does not accept the hub's credentials.
    #[error(
        "the provider refuses the hub's credentials ({error}), which were sent by {method}: check the client id and secret, or \
         choose another method with COUNTERSIGN_OIDC_CLIENT_AUTH"
    )]
    Client { error: String, method: &'static str },
    #[error("the provider's answer contains no ID token: is `openid` among the scopes?")]
    NoIdToken,
    /// The answer to the sign-in is of another provider.
    #[error("the answer names the issuer {0}, which is not the configured one")]
    OtherIssuer(String),
    #[error("the answer names no issuer (iss), although the provider's discovery document announces it")]
    NoIssuer,
}

/// Why it is not clear who has signed in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    #[error(
        "neither the ID token nor userinfo has a text claim {0:?}: set COUNTERSIGN_OIDC_EMAIL_CLAIM or COUNTERSIGN_OIDC_SCOPES"
    )]
    NoEmail(String),
    #[error(
        "the claim {claim:?} is {found}, which is no e-mail address: set COUNTERSIGN_OIDC_EMAIL_CLAIM to a claim that is one"
    )]
    NotAnEmail { claim: String, found: String },
    #[error("the provider says that the address {0} is not verified (email_verified is false)")]
    Unverified(String),
    #[error(
        "the provider does not say whether the address {0} is verified (no email_verified): if it assigns all addresses itself, \
         set COUNTERSIGN_OIDC_EMAIL_VERIFIED to if_present"
    )]
    VerificationUnknown(String),
    #[error("the claim {claim:?} is not a list of texts: set COUNTERSIGN_OIDC_GROUPS_CLAIM to one that is")]
    GroupsNoList { claim: String },
    #[error(
        "the claim {claim:?} has {found} values, and the hub accepts {most}: let the provider send only those that the hub needs"
    )]
    TooManyGroups { claim: String, found: usize, most: usize },
    /// The provider refers to another place instead of sending a long list (OpenID Connect Core §5.6.2).
    #[error(
        "the provider left out the claim {claim:?}, because it is too long for a token: let it send only the groups that the hub needs"
    )]
    GroupsElsewhere { claim: String },
    #[error("userinfo is about another subject than the ID token")]
    OtherSubject,
}

/// Why a sign-in fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OidcError {
    #[error(transparent)]
    Provider(#[from] ProviderError),
    #[error("the token is refused: {0}")]
    Token(#[from] TokenError),
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

/// A text of others for an error: shortened, without invisible characters.
pub(super) fn shown(text: &str) -> String {
    let mut shown: String =
        text.chars().take(SHOWN).map(|character| if is_hidden(character) { '\u{fffd}' } else { character }).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}
