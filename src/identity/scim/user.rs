//! A user as a directory describes it, and the person that it is.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::ScimError;
use super::filter::{Literal, Term};
use super::patch::{Change, changes, changes_of_resource};
use super::value::{boolean, items, members, needed, text};
use super::verb::Verb;
use crate::approval::Email;

/// Most e-mail addresses of a user.
const MAX_EMAILS: usize = 20;
/// Attributes of RFC 7643 §4.1 that the hub does not keep.
const NOT_KEPT: [&str; 16] = [
    "nickname",
    "profileurl",
    "title",
    "usertype",
    "preferredlanguage",
    "locale",
    "timezone",
    "password",
    "phonenumbers",
    "ims",
    "photos",
    "addresses",
    "entitlements",
    "roles",
    "x509certificates",
    "schemas",
];

/// What the hub keeps of a user, as JSON and in answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserAttributes {
    pub user_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    #[serde(default, skip_serializing_if = "Name::is_empty")]
    pub name: Name,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub emails: Vec<EmailValue>,
    pub active: bool,
}

/// The parts of a name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Name {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    formatted: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    family_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    given_name: Option<String>,
}

/// One e-mail address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmailValue {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    primary: Option<bool>,
}

impl Name {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn set(&mut self, part: &str, value: &Value) -> Result<(), ScimError> {
        let place = match part {
            "formatted" => &mut self.formatted,
            "familyname" => &mut self.family_name,
            "givenname" => &mut self.given_name,
            _ => return Ok(()),
        };
        *place = text(value, &format!("name.{part}"))?;
        Ok(())
    }
}

impl EmailValue {
    fn read(value: &Value) -> Result<Self, ScimError> {
        let mut email = Self::default();
        if let Value::String(_) = value {
            email.set("value", value)?;
            return Ok(email);
        }
        for (part, value) in members(value, "an e-mail address")? {
            email.set(&part, value)?;
        }
        Ok(email)
    }

    fn set(&mut self, part: &str, value: &Value) -> Result<(), ScimError> {
        match part {
            "value" => self.value = text(value, "emails.value")?,
            "type" => self.kind = text(value, "emails.type")?,
            "primary" if value.is_null() => self.primary = None,
            "primary" => self.primary = Some(boolean(value, "emails.primary")?),
            _ => {}
        }
        Ok(())
    }

    fn meets(&self, term: &Term) -> bool {
        let same = |known: Option<&str>, value: &str| known.is_some_and(|known| known.eq_ignore_ascii_case(value));
        match (term.attribute.as_str(), &term.value) {
            ("value", Literal::Text(value)) => same(self.value.as_deref(), value),
            ("type", Literal::Text(value)) => same(self.kind.as_deref(), value),
            ("primary", Literal::Boolean(value)) => self.primary.unwrap_or(false) == *value,
            _ => false,
        }
    }
}

impl UserAttributes {
    /// Reads a whole user. Without `active`, the user is as active as given.
    ///
    /// # Errors
    /// When a value has the wrong kind, or there is no name or no address.
    pub fn read(body: &Value, active: bool) -> Result<Self, ScimError> {
        let mut user = Self { active, ..Self::default() };
        user.apply(changes_of_resource(body)?)?;
        Ok(user)
    }

    /// Carries out the changes of a PATCH, all or none.
    ///
    /// # Errors
    /// When a change is malformed or not possible.
    pub fn patched(&self, body: &Value) -> Result<Self, ScimError> {
        let mut user = self.clone();
        user.apply(changes(body)?)?;
        Ok(user)
    }

    fn apply(&mut self, changes: Vec<Change>) -> Result<(), ScimError> {
        changes.iter().try_for_each(|change| self.change(change))?;
        if self.user_name.is_empty() {
            return Err(needed(Verb::Replace, "userName"));
        }
        if self.emails.iter().filter(|email| email.primary == Some(true)).count() > 1 {
            return Err(ScimError::value("only one e-mail address can be primary"));
        }
        self.person().map(drop)
    }

    fn change(&mut self, change: &Change) -> Result<(), ScimError> {
        let Change { verb, path, value, is_named } = change;
        let gone = Value::Null;
        let value = if *verb == Verb::Remove { &gone } else { value };
        match (path.attribute.as_str(), path.sub.as_deref()) {
            ("username", None) => {
                self.user_name = text(value, "userName")?.ok_or_else(|| needed(*verb, "userName"))?;
            }
            ("externalid", None) => self.external_id = text(value, "externalId")?,
            ("displayname", None) => self.display_name = text(value, "displayName")?,
            ("active", None) if value.is_null() && *is_named => {
                return Err(ScimError::immutable("active cannot be removed: set it to true or false"));
            }
            ("active", None) if value.is_null() => {}
            ("active", None) => self.active = boolean(value, "active")?,
            ("name", None) if value.is_null() => self.name = Name::default(),
            ("name", None) => {
                for (part, value) in members(value, "name")? {
                    self.name.set(&part, value)?;
                }
            }
            ("name", Some(part)) => self.name.set(part, value)?,
            ("emails", _) => self.change_emails(change)?,
            ("id" | "meta" | "groups", _) if *is_named => {
                return Err(ScimError::immutable(format!("{} cannot be changed", path.attribute)));
            }
            (other, _) if *is_named && !path.is_foreign() && !NOT_KEPT.contains(&other) => {
                return Err(ScimError::path(format!("a user has no attribute {other}")));
            }
            _ => {}
        }
        Ok(())
    }

    fn change_emails(&mut self, change: &Change) -> Result<(), ScimError> {
        let Change { verb, path, value, .. } = change;
        match path.sub.as_deref() {
            None if path.which.is_empty() => self.change_all_emails(*verb, value)?,
            None if *verb == Verb::Remove => {
                self.emails.retain(|email| !path.which.iter().all(|term| email.meets(term)))
            }
            sub => {
                let matches = |email: &EmailValue| path.which.iter().all(|term| email.meets(term));
                if !self.emails.iter().any(matches) && *verb != Verb::Remove {
                    // Entra replaces the work address of a user who has none.
                    self.emails.push(of_terms(&path.which)?);
                }
                let gone = Value::Null;
                let value = if *verb == Verb::Remove { &gone } else { value };
                for email in self.emails.iter_mut().filter(|email| matches(email)) {
                    match sub {
                        Some(part) => email.set(part, value)?,
                        None => {
                            for (part, value) in members(value, "an e-mail address")? {
                                email.set(&part, value)?;
                            }
                        }
                    }
                }
            }
        }
        self.emails.retain(|email| email.value.is_some());
        if self.emails.len() > MAX_EMAILS {
            return Err(ScimError::value(format!("a user has at most {MAX_EMAILS} e-mail addresses")));
        }
        Ok(())
    }

    fn change_all_emails(&mut self, verb: Verb, value: &Value) -> Result<(), ScimError> {
        let given = items(value, "e-mail addresses", MAX_EMAILS)?;
        let given = given.into_iter().map(EmailValue::read).collect::<Result<Vec<_>, _>>()?;
        match verb {
            Verb::Replace => self.emails = given,
            Verb::Remove if given.is_empty() => self.emails.clear(),
            Verb::Remove => self.emails.retain(|email| !given.iter().any(|gone| gone.value == email.value)),
            Verb::Add => {
                if given.iter().any(|email| email.primary == Some(true)) {
                    self.emails
                        .iter_mut()
                        .filter(|email| email.primary == Some(true))
                        .for_each(|email| email.primary = Some(false));
                }
                let is_new = |email: &EmailValue| !self.emails.contains(email);
                let new: Vec<_> = given.into_iter().filter(is_new).collect();
                self.emails.extend(new);
            }
        }
        Ok(())
    }

    /// Who this is: the user name if it is an address, else the primary e-mail address, or the only one.
    ///
    /// # Errors
    /// When there is no address.
    pub fn person(&self) -> Result<Email, ScimError> {
        if let Ok(email) = self.user_name.parse() {
            return Ok(email);
        }
        let of_work = |email: &&EmailValue| email.kind.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case("work"));
        let primary = self.emails.iter().find(|email| email.primary == Some(true));
        let chosen = primary.or_else(|| self.emails.iter().find(of_work)).or(match self.emails.as_slice() {
            [only] => Some(only),
            _ => None,
        });
        let rule = "a user needs an e-mail address, in userName or as the primary one of emails";
        let address = chosen.and_then(|email| email.value.as_deref()).ok_or_else(|| ScimError::value(rule))?;
        address.parse().map_err(|error| ScimError::value(format!("{rule}: {error}")))
    }

    /// What to call the person.
    pub fn shown_name(&self) -> String {
        let parts: Vec<&str> =
            [&self.name.given_name, &self.name.family_name].into_iter().flatten().map(String::as_str).collect();
        let joined =
            Some(parts.join(" ")).filter(|joined| !joined.is_empty() && joined.len() <= crate::approval::limits::SHORT);
        let name = self.display_name.clone().or_else(|| self.name.formatted.clone()).or(joined);
        name.unwrap_or_else(|| self.user_name.clone())
    }
}

/// An address that meets the conditions.
fn of_terms(terms: &[Term]) -> Result<EmailValue, ScimError> {
    let mut email = EmailValue::default();
    for term in terms {
        let value = match &term.value {
            Literal::Text(text) => Value::from(text.as_str()),
            Literal::Boolean(value) => Value::from(*value),
        };
        email.set(&term.attribute, &value)?;
    }
    if terms.iter().any(|term| !email.meets(term)) {
        return Err(ScimError::path("an e-mail address is chosen by type, value or primary"));
    }
    Ok(email)
}

#[cfg(test)]
mod tests;
