//! What must hold for the claims of every token: issuer, audience and times.

use std::time::Duration;

use serde_json::Value;

use super::error::{TokenError, shown};
use super::transport::Object;
use crate::time::Timestamp;
use crate::unicode::is_hidden;

/// How far the clocks of hub and provider may differ.
pub(super) const LEEWAY: Duration = Duration::from_secs(60);

/// Longest id of a subject, session or token, in bytes.
const ID: usize = 256;

/// Whether a text can be the id of a subject, session or token: visible, and of a length that can be stored.
pub(super) fn is_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= ID && !text.chars().any(is_hidden)
}

/// A text claim.
pub(super) fn text<'a>(claims: &'a Object, name: &'static str) -> Result<&'a str, TokenError> {
    claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).ok_or(TokenError::Claim(name))
}

/// Checks that the token is of this issuer, for this audience alone, and valid now. A token for several audiences could be
/// presented here by each of them.
pub(super) fn check(claims: &Object, issuer: &str, audience: &str, now: Timestamp) -> Result<(), TokenError> {
    let found = text(claims, "iss")?;
    if found != issuer {
        return Err(TokenError::Issuer { expected: issuer.to_owned(), found: shown(found) });
    }
    let audiences = audiences(claims)?;
    if audiences != [audience] {
        return Err(TokenError::Audience { expected: audience.to_owned(), found: shown(&audiences.join(", ")) });
    }
    check_times(claims, now)
}

/// As [`check`] for ID tokens, which may have further audiences if they name the client as the authorized party (OpenID
/// Connect Core §3.1.3.7).
pub(super) fn check_id_token(claims: &Object, issuer: &str, client: &str, now: Timestamp) -> Result<(), TokenError> {
    let found = text(claims, "iss")?;
    if found != issuer {
        return Err(TokenError::Issuer { expected: issuer.to_owned(), found: shown(found) });
    }
    let audiences = audiences(claims)?;
    let party = claims.get("azp").map(|party| party.as_str().ok_or(TokenError::Claim("azp"))).transpose()?;
    let is_ours = audiences.contains(&client)
        && match party {
            Some(party) => party == client,
            None => audiences.len() == 1,
        };
    if !is_ours {
        let party = party.map(|party| format!(" (azp {party})")).unwrap_or_default();
        let found = shown(&format!("{}{party}", audiences.join(", ")));
        return Err(TokenError::Audience { expected: client.to_owned(), found });
    }
    check_times(claims, now)
}

fn audiences(claims: &Object) -> Result<Vec<&str>, TokenError> {
    match claims.get("aud") {
        Some(Value::String(one)) => Ok(vec![one]),
        Some(Value::Array(list)) => list.iter().map(|one| one.as_str().ok_or(TokenError::Claim("aud"))).collect(),
        _ => Err(TokenError::Claim("aud")),
    }
}

fn check_times(claims: &Object, now: Timestamp) -> Result<(), TokenError> {
    let expired = time(claims, "exp")?.ok_or(TokenError::Claim("exp"))?;
    if now >= expired + LEEWAY {
        return Err(TokenError::Expired { expired: expired.to_string(), now: now.to_string() });
    }
    for name in ["nbf", "iat"] {
        if let Some(from) = time(claims, name)?
            && from > now + LEEWAY
        {
            return Err(TokenError::NotYet { from: from.to_string(), now: now.to_string() });
        }
    }
    Ok(())
}

/// A time in seconds since the epoch, with or without fractions (RFC 7519 §2).
pub(super) fn time(claims: &Object, name: &'static str) -> Result<Option<Timestamp>, TokenError> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    // Beyond the year 9999, and without a sign.
    let seconds = value.as_f64().filter(|seconds| (0.0..=253_402_300_799.0).contains(seconds));
    let seconds = seconds.ok_or(TokenError::Claim(name))?;
    Ok(Some(Timestamp::default() + Duration::from_secs_f64(seconds)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_764_000_000;

    fn claims(change: &Value) -> Object {
        let mut claims = json!({"iss": "https://i.example", "aud": "hub", "exp": NOW + 300, "iat": NOW});
        for (name, value) in change.as_object().expect("an object") {
            claims[name] = value.clone();
        }
        claims.as_object().expect("an object").clone()
    }

    fn is_ok(check: fn(&Object, &str, &str, Timestamp) -> Result<(), TokenError>, change: &Value) -> bool {
        check(&claims(change), "https://i.example", "hub", Timestamp::from_micros(NOW * 1_000_000)).is_ok()
    }

    #[test]
    fn times_have_a_minute_of_leeway() {
        for (change, holds) in [
            (json!({}), true),
            (json!({"exp": NOW - 59}), true),
            (json!({"exp": NOW - 60}), false),
            (json!({"exp": 1_764_000_000.5}), true),
            (json!({"exp": "1764000300"}), false),
            (json!({"exp": null}), false),
            (json!({"exp": -1}), false),
            (json!({"exp": 1e300}), false),
            (json!({"nbf": NOW + 60}), true),
            (json!({"nbf": NOW + 61}), false),
            (json!({"iat": NOW + 60}), true),
            (json!({"iat": NOW + 61}), false),
            (json!({"iat": NOW - 100_000}), true),
        ] {
            assert_eq!(is_ok(check, &change), holds, "{change}");
            assert_eq!(is_ok(check_id_token, &change), holds, "{change}");
        }
        let mut without = claims(&json!({}));
        without.remove("exp");
        assert_eq!(check(&without, "https://i.example", "hub", Timestamp::default()), Err(TokenError::Claim("exp")));
    }

    #[test]
    fn issuer_and_audience_are_exact() {
        for (change, workload, id_token) in [
            (json!({"iss": "https://i.example/"}), false, false),
            (json!({"iss": "https://I.example"}), false, false),
            (json!({"iss": 7}), false, false),
            (json!({"aud": ["hub"]}), true, true),
            (json!({"aud": "Hub"}), false, false),
            (json!({"aud": []}), false, false),
            (json!({"aud": ["hub", "other"]}), false, false),
            (json!({"aud": ["hub", "other"], "azp": "hub"}), false, true),
            (json!({"aud": ["hub", "other"], "azp": "other"}), false, false),
            (json!({"aud": "hub", "azp": "other"}), true, false),
            (json!({"aud": "other", "azp": "hub"}), false, false),
            (json!({"aud": "hub", "azp": 7}), true, false),
            (json!({"aud": ["hub", 7]}), false, false),
        ] {
            assert_eq!((is_ok(check, &change), is_ok(check_id_token, &change)), (workload, id_token), "{change}");
        }
    }
}
