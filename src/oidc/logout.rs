//! Logout tokens: the provider says that somebody signed out there (OpenID Connect Back-Channel Logout §2.4).

use std::time::Duration;

use serde_json::Value;

use super::claims::{self, is_id};
use super::client::RelyingParty;
use super::error::{OidcError, TokenError};
use super::transport::Object;
use crate::time::Timestamp;

/// The event that a logout token is about.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// Types of logout tokens.
const TYPES: [&str; 2] = ["jwt", "logout+jwt"];
/// Longest life: so long it is remembered that it was used.
const LONGEST: Duration = Duration::from_secs(86_400);

/// A verified logout token: at least one of subject and session is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogoutToken {
    pub subject: Option<String>,
    pub sid: Option<String>,
    /// Names the token, which is used once.
    pub id: String,
    /// When it is refused for its age: until then it must not be used again.
    pub usable_until: Timestamp,
}

impl RelyingParty {
    /// Verifies a logout token.
    ///
    /// # Errors
    /// When it is refused, or the provider's keys cannot be fetched.
    pub async fn logout_token(&self, jwt: &str, now: Timestamp) -> Result<LogoutToken, OidcError> {
        let claims = self.provider.signed_claims(jwt, &TYPES, now).await?;
        claims::check_id_token(&claims, self.issuer(), &self.settings.client_id, now)?;
        Ok(read(&claims, now)?)
    }
}

fn read(claims: &Object, now: Timestamp) -> Result<LogoutToken, TokenError> {
    let event = claims.get("events").and_then(|events| events.get(EVENT));
    if !event.is_some_and(Value::is_object) {
        return Err(TokenError::NoLogout("it has no event of a back-channel logout"));
    }
    // An ID token has one: it must not work as a logout token.
    if claims.contains_key("nonce") {
        return Err(TokenError::NoLogout("it has a nonce"));
    }
    let id = |name: &'static str| match claims.get(name) {
        None => Ok(None),
        Some(Value::String(text)) if is_id(text) => Ok(Some(text.clone())),
        Some(_) => Err(TokenError::Claim(name)),
    };
    let (subject, sid) = (id("sub")?, id("sid")?);
    if subject.is_none() && sid.is_none() {
        return Err(TokenError::NoLogout("it names neither a subject nor a session"));
    }
    claims::time(claims, "iat")?.ok_or(TokenError::Claim("iat"))?;
    let expires_at = claims::time(claims, "exp")?.ok_or(TokenError::Claim("exp"))?;
    if expires_at.since(now) > LONGEST {
        return Err(TokenError::NoLogout("it is valid for more than a day"));
    }
    Ok(LogoutToken {
        subject,
        sid,
        id: id("jti")?.ok_or(TokenError::Claim("jti"))?,
        usable_until: expires_at + claims::LEEWAY,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_logout_token_signs_out() {
        let whole = json!({"iat": 1, "exp": 2, "jti": "j", "sub": "s", "sid": "i", "events": {EVENT: {}}});
        let with = |name: &str, value: Value| {
            let mut claims = whole.as_object().expect("an object").clone();
            if value.is_null() {
                claims.remove(name)
            } else {
                claims.insert(name.to_owned(), value)
            };
            read(&claims, Timestamp::default())
        };
        assert!(with("sid", Value::Null).is_ok_and(|token| token.sid.is_none()));
        assert!(with("sub", Value::Null).is_ok_and(|token| token.subject.is_none()));
        for (name, value) in [
            ("events", Value::Null),
            ("events", json!([EVENT])),
            ("events", json!({"other": {}})),
            ("events", json!({EVENT: null})),
            ("nonce", json!("n")),
            ("jti", Value::Null),
            ("jti", json!("")),
            ("iat", Value::Null),
            ("exp", Value::Null),
            ("exp", json!(86_401)),
            ("jti", json!("a\0b")),
            ("sub", json!(7)),
            ("sid", json!("x".repeat(257))),
        ] {
            assert!(with(name, value.clone()).is_err(), "{name} {value}");
        }
        let neither = json!({"iat": 1, "exp": 2, "jti": "j", "events": {EVENT: {}}});
        assert!(read(neither.as_object().expect("an object"), Timestamp::default()).is_err());
    }
}
