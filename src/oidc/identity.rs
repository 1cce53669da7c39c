//! Who has signed in, by the claims of the ID token and of userinfo.

use std::collections::BTreeSet;

use serde_json::Value;

use super::claims::{self, is_id};
use super::error::{IdentityError, TokenError, shown};
use super::transport::Object;
use crate::approval::Email;
use crate::time::Timestamp;

/// Most values of a groups claim.
pub const MAX_GROUPS: usize = 1_000;
/// Longest value of a groups claim, in bytes.
const GROUP: usize = 256;

/// What the hub requires to be known of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmailRule {
    /// `email_verified` must be true.
    Required,
    /// `email_verified` must not be false.
    IfPresent,
}

/// Which claims say who somebody is.
#[derive(Debug, Clone)]
pub(super) struct ClaimNames<'a> {
    pub(super) email: &'a str,
    pub(super) groups: &'a str,
    pub(super) rule: EmailRule,
}

/// Who has signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The provider's own name of the account, which never changes.
    pub subject: String,
    pub email: Email,
    /// The values of the groups claim.
    pub groups: BTreeSet<String>,
    /// The provider's name of this session (for a back-channel logout).
    pub sid: Option<String>,
    /// When the person proved to the provider who they are, if the provider says so.
    pub authenticated_at: Option<Timestamp>,
}

/// A claim by its name, or by a path such as `realm_access.roles` into objects. A name that contains dots comes first.
fn claim_at<'a>(claims: &'a Object, name: &str) -> Option<&'a Value> {
    let whole = claims.get(name).or_else(|| {
        let (first, rest) = name.split_once('.')?;
        claim_at(claims.get(first)?.as_object()?, rest)
    });
    whole.filter(|value| !value.is_null())
}

/// Whether userinfo may say what the ID token does not.
pub(super) fn lacks(id_token: &Object, names: &ClaimNames<'_>) -> bool {
    claim_at(id_token, names.email).is_none() || claim_at(id_token, names.groups).is_none()
}

impl Identity {
    /// Reads the claims. What the ID token says counts before userinfo; an address and its verification are always read
    /// from the same one.
    pub(super) fn read(
        id_token: &Object,
        userinfo: Option<&Object>,
        names: &ClaimNames<'_>,
        authenticated_at: Option<Timestamp>,
    ) -> Result<Self, super::OidcError> {
        let subject = claims::text(id_token, "sub")?.to_owned();
        if !is_id(&subject) {
            return Err(TokenError::Claim("sub").into());
        }
        if userinfo.is_some_and(|userinfo| userinfo.get("sub").and_then(Value::as_str) != Some(&subject)) {
            return Err(IdentityError::OtherSubject.into());
        }
        let sources = || [Some(id_token), userinfo].into_iter().flatten();
        let source = sources().find(|source| claim_at(source, names.email).is_some());
        let email = email(source, names)?;
        let groups = match sources().find(|source| claim_at(source, names.groups).is_some()) {
            Some(source) => groups(source, names.groups)?,
            None if sources().any(|source| is_elsewhere(source, names.groups)) => {
                return Err(IdentityError::GroupsElsewhere { claim: names.groups.to_owned() }.into());
            }
            None => BTreeSet::new(),
        };
        Ok(Self {
            subject,
            email,
            groups,
            sid: id_token.get("sid").and_then(Value::as_str).filter(|sid| is_id(sid)).map(str::to_owned),
            authenticated_at,
        })
    }
}

fn email(source: Option<&Object>, names: &ClaimNames<'_>) -> Result<Email, IdentityError> {
    let found = source.and_then(|source| claim_at(source, names.email));
    let (Some(source), Some(text)) = (source, found.and_then(Value::as_str)) else {
        return Err(IdentityError::NoEmail(names.email.to_owned()));
    };
    let wrong = |_| IdentityError::NotAnEmail { claim: names.email.to_owned(), found: shown(text) };
    let email: Email = text.parse().map_err(wrong)?;
    let is_verified = match source.get("email_verified") {
        None | Some(Value::Null) => None,
        Some(Value::Bool(is_verified)) => Some(*is_verified),
        // Some providers send a text.
        Some(Value::String(text)) => Some(text.eq_ignore_ascii_case("true")),
        Some(_) => Some(false),
    };
    match is_verified {
        Some(true) => Ok(email),
        Some(false) => Err(IdentityError::Unverified(email.to_string())),
        None if names.rule == EmailRule::IfPresent => Ok(email),
        None => Err(IdentityError::VerificationUnknown(email.to_string())),
    }
}

fn groups(source: &Object, name: &str) -> Result<BTreeSet<String>, IdentityError> {
    let no_list = || IdentityError::GroupsNoList { claim: name.to_owned() };
    let list = claim_at(source, name).and_then(Value::as_array).ok_or_else(no_list)?;
    if list.len() > MAX_GROUPS {
        return Err(IdentityError::TooManyGroups { claim: name.to_owned(), found: list.len(), most: MAX_GROUPS });
    }
    let usable = |text: &&str| !text.is_empty() && text.len() <= GROUP;
    list.iter().map(|value| value.as_str().filter(usable).map(str::to_owned).ok_or_else(no_list)).collect()
}

/// Whether the provider refers to another place for this claim.
fn is_elsewhere(source: &Object, name: &str) -> bool {
    let listed = source.get("_claim_names").and_then(Value::as_object).is_some_and(|names| names.contains_key(name));
    // The form of Microsoft Entra ID for tokens in URLs.
    listed || source.get("hasgroups").is_some_and(|value| value == &Value::Bool(true) || value == "true")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::oidc::OidcError;

    fn read(rule: EmailRule, groups: &str, id_token: &Value, userinfo: &Value) -> Result<Identity, OidcError> {
        let names = ClaimNames { email: "email", groups, rule };
        let object = |value: &Value| value.as_object().cloned();
        Identity::read(&object(id_token).expect("an object"), object(userinfo).as_ref(), &names, None)
    }

    fn refused(rule: EmailRule, id_token: &Value, userinfo: &Value) -> IdentityError {
        match read(rule, "groups", id_token, userinfo) {
            Err(OidcError::Identity(error)) => error,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_address_counts_only_if_it_is_verified() {
        use EmailRule::{IfPresent, Required};
        for (verified, required, if_present) in [
            (json!(true), true, true),
            (json!("true"), true, true),
            (json!(false), false, false),
            (json!("false"), false, false),
            (json!(1), false, false),
            (json!(null), false, true),
        ] {
            let token =
                json!({"sub": "1", "email": "Dana@Example.com", "email_verified": verified, "address": "a text"});
            for (rule, holds) in [(Required, required), (IfPresent, if_present)] {
                let found = read(rule, "groups", &token, &Value::Null);
                assert_eq!(found.is_ok(), holds, "{rule:?} {verified}");
                assert!(found.is_err() || found.is_ok_and(|found| found.email.as_str() == "dana@example.com"));
            }
        }
        // The verification of another source says nothing about this address.
        let (token, info) = (
            json!({"sub": "1", "email": "a@example.com"}),
            json!({"sub": "1", "email": "b@example.com", "email_verified": true}),
        );
        assert_eq!(refused(Required, &token, &info), IdentityError::VerificationUnknown("a@example.com".to_owned()));
    }

    #[test]
    fn userinfo_says_what_the_id_token_does_not() {
        let token = json!({"sub": "1", "sid": "s"});
        let info = json!({"sub": "1", "email": "dana@example.com", "email_verified": "true", "groups": ["a", "b"], "name": "Dana"});
        let found = read(EmailRule::Required, "groups", &token, &info).expect("an identity");
        assert_eq!((found.groups.len(), found.sid.as_deref()), (2, Some("s")));
        let mut other = info.clone();
        other["sub"] = json!("2");
        assert_eq!(refused(EmailRule::Required, &token, &other), IdentityError::OtherSubject);
        assert_eq!(refused(EmailRule::Required, &token, &Value::Null), IdentityError::NoEmail("email".to_owned()));
    }

    #[test]
    fn groups_are_a_bounded_list_of_texts() {
        let token =
            |groups: &Value| json!({"sub": "1", "email": "d@example.com", "email_verified": true, "groups": groups});
        let no_list = IdentityError::GroupsNoList { claim: "groups".to_owned() };
        for wrong in [
            json!("a"),
            json!({"a": 1}),
            json!([1]),
            json!([["a"]]),
            json!([""]),
            json!(["x".repeat(257)]),
            json!(true),
        ] {
            assert_eq!(refused(EmailRule::Required, &token(&wrong), &Value::Null), no_list, "{wrong}");
        }
        let many: Vec<String> = (0..5_000).map(|number| number.to_string()).collect();
        assert!(matches!(
            refused(EmailRule::Required, &token(&json!(many)), &Value::Null),
            IdentityError::TooManyGroups { found: 5_000, .. }
        ));
        assert!(read(EmailRule::Required, "groups", &token(&json!(many[..MAX_GROUPS])), &Value::Null).is_ok());
        assert!(
            read(EmailRule::Required, "groups", &token(&Value::Null), &Value::Null)
                .is_ok_and(|found| found.groups.is_empty())
        );
        let mut elsewhere = token(&Value::Null);
        elsewhere["_claim_names"] = json!({"groups": "src1"});
        assert!(matches!(
            refused(EmailRule::Required, &elsewhere, &Value::Null),
            IdentityError::GroupsElsewhere { .. }
        ));
    }

    #[test]
    fn a_claim_is_found_by_its_name_and_by_a_path() {
        let mut token = json!({"sub": "1", "email": "d@example.com", "email_verified": true});
        token["realm_access"] = json!({"roles": ["a"]});
        token["https://example.com/groups"] = json!(["b"]);
        for (name, value) in
            [("realm_access.roles", Some("a")), ("https://example.com/groups", Some("b")), ("realm_access.x.y", None)]
        {
            let found = read(EmailRule::Required, name, &token, &Value::Null).expect("an identity");
            assert_eq!(found.groups.first().map(String::as_str), value, "{name}");
        }
    }
}
