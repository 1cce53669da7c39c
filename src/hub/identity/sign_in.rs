//! Sign-in without an identity provider: with a one-time link, or with the person's own token.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use url::{Host, Url};

use super::sessions::{SignIn, StartedSession, start_session};
use crate::approval::Email;
use crate::audit::{Actor, Entry};
use crate::codes::Code;
use crate::hub::{Authentication, Hub, HubError, require};
use crate::identity::{
    ClientInfo, Principal, Right, Scope, SessionKind, SignInMethod, digest_of_secret, new_session_secret,
};
use crate::ids::SignInLinkId;
use crate::store::people::{self, Person};
use crate::store::sign_in_links::{self, SignInLink};
use crate::store::{Session, StoreError, Tx, audit};
use crate::time::Timestamp;

/// How long a sign-in link works.
const LINK_LIFE: Duration = Duration::from_secs(900);

/// For whom to make a sign-in link.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignInLinkInput {
    pub person: Email,
    /// Whether the person becomes an admin.
    #[serde(default)]
    pub admin: bool,
}

/// A new sign-in link.
#[derive(Debug, Serialize)]
pub struct NewSignInLink {
    pub id: SignInLinkId,
    /// Who signs in with it; absent for the first link of a hub, which asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person: Option<Email>,
    pub admin: bool,
    pub expires_at: Timestamp,
    /// To be opened once in a browser. Shown this once.
    pub url: String,
}

/// What the page of a sign-in link says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInOffer {
    /// Who signs in; the page asks if it is absent.
    pub person: Option<Email>,
    pub admin: bool,
    pub expires_at: Timestamp,
}

impl Hub {
    /// Makes a one-time link with which a person can sign in.
    ///
    /// # Errors
    /// When the caller may not.
    pub async fn create_sign_in_link(
        &self,
        caller: &Principal,
        input: SignInLinkInput,
    ) -> Result<NewSignInLink, HubError> {
        require(caller, Right::ManageTokens)?;
        if caller.is_limited() || caller.is_agent() {
            let detail = "a token that is limited to resources, or an agent's, cannot make a sign-in link";
            return Err(HubError::Forbidden(detail.to_owned()));
        }
        if !self.can_sign_in() {
            let detail =
                "people reach this hub over plain HTTP, so nobody can sign in: its operator has to set up HTTPS";
            return Err(HubError::invalid(Code::SignInUnavailable, "", detail));
        }
        self.make_link(Some(input.person), input.admin, caller.actor()).await
    }

    /// Makes the first link of a hub: the person who opens it becomes its first admin. It replaces such links of earlier
    /// starts, and works only until the hub is used.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn first_sign_in_link(&self) -> Result<NewSignInLink, HubError> {
        self.make_link(None, true, Actor::Hub).await
    }

    /// Whether people can sign in: over HTTPS, or on this machine. Elsewhere browsers do not keep the cookie, and everybody
    /// on the way could take over the session.
    pub fn can_sign_in(&self) -> bool {
        let Ok(url) = Url::parse(&self.settings.public_url) else { return false };
        let is_local = match url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        };
        url.scheme() == "https" || is_local
    }

    async fn make_link(&self, person: Option<Email>, admin: bool, actor: Actor) -> Result<NewSignInLink, HubError> {
        let now = self.clock.now();
        // The same form as a session's, so that scanners recognise it.
        let secret = new_session_secret();
        let id = SignInLinkId::mint(now);
        let expires_at = now + LINK_LIFE;
        let link = SignInLink { id, person: person.clone(), admin, created_at: now, expires_at, used_at: None };
        let digest = digest_of_secret(&secret);
        self.store
            .write::<_, (), HubError>(move |tx| {
                Box::pin(async move {
                    if link.person.is_none() {
                        sign_in_links::delete_unnamed(tx.session()).await?;
                    }
                    sign_in_links::insert(tx.session(), &link, &digest).await?;
                    // The first link is no entry: with an empty trail, the database counts as unused.
                    let Some(person) = link.person else { return Ok(()) };
                    let details = json!({"link": id, "admin": admin});
                    let entry = Entry::new(now, "sign_in_link.created", actor);
                    tx.record(&Entry { person: Some(person), details, ..entry })?;
                    Ok(())
                })
            })
            .await?;
        let url = format!("{}/sign-in/link/{secret}", self.settings.public_url);
        Ok(NewSignInLink { id, person, admin, expires_at, url })
    }

    /// What a sign-in link is for. Does not use it.
    ///
    /// # Errors
    /// When the link is unknown, used, or too old.
    pub async fn sign_in_offer(&self, secret: &str) -> Result<SignInOffer, HubError> {
        let link = usable(&mut self.store.read().await?, secret, self.clock.now()).await?;
        Ok(SignInOffer { person: link.person, admin: link.admin, expires_at: link.expires_at })
    }

    /// Signs in with a one-time link. `person` says who it is where the link does not.
    ///
    /// # Errors
    /// When the link is unknown, used, or too old, or no person is named.
    pub async fn sign_in_by_link(
        &self,
        secret: String,
        person: Option<Email>,
        client: ClientInfo,
    ) -> Result<StartedSession, HubError> {
        let (now, settings) = (self.clock.now(), self.settings.sessions);
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let link = usable(tx.session(), &secret, now).await?;
                    let person = link.person.or(person).ok_or_else(|| {
                        HubError::invalid(Code::PersonRequired, "/person", "enter your e-mail address")
                    })?;
                    sign_in_links::record_use(tx.session(), link.id, now).await?;
                    if link.admin {
                        make_admin(tx, &person, link.id, now).await?;
                    }
                    let sign_in = SignIn {
                        person,
                        kind: SessionKind::Browser,
                        method: SignInMethod::Link,
                        client,
                        token: None,
                        provider: None,
                        signed_in_at: Some(now),
                    };
                    start_session(tx, sign_in, settings, now).await
                })
            })
            .await
    }

    /// Signs in with a person's own token. The session has the rights of the token and ends with it.
    ///
    /// # Errors
    /// When the token is not valid, or not a person's.
    pub async fn sign_in_by_token(&self, secret: &str, client: ClientInfo) -> Result<StartedSession, HubError> {
        let token = match self.authenticate(secret.trim()).await? {
            Authentication::Known { principal: Principal::Token(token), valid_until } => {
                let token = std::sync::Arc::unwrap_or_clone(token);
                crate::identity::Token { expires_at: valid_until, ..token }
            }
            Authentication::Known { .. } => return Err(no_persons_token()),
            Authentication::Expired(at) => {
                let detail = format!("this token expired at {at}: ask an admin for a new one");
                return Err(HubError::invalid(Code::SignInUnavailable, "/token", detail));
            }
            Authentication::Mistyped => {
                let detail = "this token is mistyped or cut: copy it again, as a whole";
                return Err(HubError::invalid(Code::SignInUnavailable, "/token", detail));
            }
            Authentication::Unknown => {
                let detail = "this token is unknown or was revoked";
                return Err(HubError::invalid(Code::SignInUnavailable, "/token", detail));
            }
        };
        let person = token.person.clone().filter(|_| !token.agent).ok_or_else(no_persons_token)?;
        let (now, settings) = (self.clock.now(), self.settings.sessions);
        let sign_in = SignIn {
            person,
            kind: SessionKind::Browser,
            method: SignInMethod::Token,
            client,
            token: Some(token.into()),
            provider: None,
            signed_in_at: Some(now),
        };
        self.store.write(move |tx| Box::pin(start_session(tx, sign_in, settings, now))).await
    }
}

fn no_persons_token() -> HubError {
    let detail = "this token belongs to a system, not to a person, so nobody can sign in with it: an admin can make you a \
                  sign-in link (countersign sign-in-link EMAIL)";
    HubError::invalid(Code::SignInUnavailable, "/token", detail)
}

/// The link of a secret, if it can still be used.
async fn usable(session: &mut Session, secret: &str, now: Timestamp) -> Result<SignInLink, HubError> {
    let link = sign_in_links::by_secret(session, &digest_of_secret(secret)).await?;
    let link = link.ok_or(HubError::NotFound("sign-in link"))?;
    let over = |detail: &str| Err(HubError::conflict(Code::SignInExpired, detail));
    if link.used_at.is_some() {
        return over("this sign-in link was already used, and each works once: ask an admin for another one");
    }
    if now >= link.expires_at {
        return over("this sign-in link is too old: it works for 15 minutes; ask an admin for another one");
    }
    if link.person.is_none() && !audit::is_empty(session).await? {
        return over(
            "this hub is in use, so its first sign-in link no longer works: ask an admin for one with your name",
        );
    }
    Ok(link)
}

/// Gives a person the role of an admin.
async fn make_admin(tx: &mut Tx, person: &Email, link: SignInLinkId, now: Timestamp) -> Result<(), StoreError> {
    let known = people::get(tx.session(), person).await?;
    let mut changed = known.unwrap_or_else(|| Person {
        email: person.clone(),
        name: person.to_string(),
        absence: None,
        roles: std::collections::BTreeSet::new(),
    });
    if !changed.roles.insert(Scope::Admin) {
        return Ok(());
    }
    people::put(tx.session(), &changed, now).await?;
    let details =
        json!({"name": changed.name, "absence": changed.absence, "roles": changed.roles, "sign_in_link": link});
    tx.record(&Entry { person: Some(person.clone()), details, ..Entry::new(now, "person.put", Actor::Hub) })
}
