//! Sessions of people: started when they sign in, listed, and ended.

use std::sync::Arc;

use serde::Serialize;
use serde_json::json;

use crate::approval::{Email, GroupName};
use crate::audit::{Actor, Entry};
use crate::codes::Code;
use crate::hub::{Hub, HubError, SessionSettings, require};
use crate::identity::{
    ClientInfo, Principal, ProviderSession, Right, Session, SessionKind, SignInMethod, Token, digest_of_secret,
    new_session_secret,
};
use crate::ids::SessionId;
use crate::store::scim::users;
use crate::store::sessions::{self, NewSession, SessionRecord};
use crate::store::{StoreError, Tx};
use crate::time::Timestamp;

/// Most sessions of one person: a further one ends the oldest.
const MAX_SESSIONS: u32 = 100;
/// Sessions that ended and are deleted when one is started.
const PRUNED: u32 = 100;
/// Longest text about a device, in characters.
const MAX_DEVICE: usize = 200;

/// A sign-in that succeeded.
#[derive(Debug, Clone)]
pub struct SignIn {
    pub person: Email,
    pub kind: SessionKind,
    pub method: SignInMethod,
    pub client: ClientInfo,
    /// The token with which the person signed in.
    pub token: Option<Arc<Token>>,
    pub provider: Option<ProviderSession>,
    /// When the person proved who they are: earlier than now, if a session follows from another one; none if the identity
    /// provider does not say.
    pub signed_in_at: Option<Timestamp>,
}

/// A session with its secret.
#[derive(Debug)]
pub struct StartedSession {
    /// What the browser or the device sends. Shown this once.
    pub secret: String,
    pub session: Arc<Session>,
}

/// A session as its owner sees it.
#[derive(Debug, Clone, Serialize)]
pub struct SessionView {
    #[serde(flatten)]
    pub session: Arc<Session>,
    #[serde(flatten)]
    pub client: ClientInfo,
    /// To five minutes.
    pub last_used_at: Timestamp,
}

/// Starts a session: in the transaction in which the sign-in is carried out.
///
/// # Errors
/// When a directory has deactivated the person, or the database fails.
pub(in crate::hub) async fn start_session(
    tx: &mut Tx,
    sign_in: SignIn,
    settings: SessionSettings,
    now: Timestamp,
) -> Result<StartedSession, HubError> {
    let SignIn { person, kind, method, client, token, provider, signed_in_at } = sign_in;
    if users::deactivated(tx.session(), std::slice::from_ref(&person)).await?.is_some() {
        let detail = format!("the directory has deactivated {person}, who cannot sign in");
        return Err(HubError::conflict(Code::PersonDeactivated, detail));
    }
    // Not after `signed_in_at`: a provider may know a person for weeks without asking again.
    let longest = now + settings.longest;
    let new = NewSession {
        id: SessionId::mint(now),
        person,
        kind,
        method,
        token: token.as_ref().map(|token| token.id),
        signed_in_at,
        created_at: now,
        expires_at: token.and_then(|token| token.expires_at).map_or(longest, |end| end.min(longest)),
        client: ClientInfo { address: client.address, device: client.device.map(shortened) },
        provider,
    };
    let secret = new_session_secret();
    sessions::insert(tx.session(), &new, &digest_of_secret(&secret)).await?;
    sessions::prune(tx.session(), &new.person, MAX_SESSIONS, PRUNED, now).await?;
    let record = sessions::get(tx.session(), new.id).await?.ok_or(HubError::Missing("a new session"))?;
    let details = json!({"session": new.id, "kind": kind, "method": method, "client": new.client, "token": new.token});
    let actor = Actor::Session { id: new.id, person: new.person.clone() };
    let entry = Entry::new(now, "session.started", actor);
    tx.record(&Entry { person: Some(new.person), assurance: Some(method.assurance()), details, ..entry })?;
    Ok(StartedSession { secret, session: record.session })
}

/// Writes into the audit trail that sessions of a person were ended.
pub(in crate::hub) fn record_end(
    tx: &mut Tx,
    person: &Email,
    ended: &[SessionId],
    why: &str,
    (actor, now): (Actor, Timestamp),
) -> Result<(), StoreError> {
    let details = json!({"sessions": ended, "why": why});
    tx.record(&Entry { person: Some(person.clone()), details, ..Entry::new(now, "session.ended", actor) })
}

/// Without control characters, and cut.
fn shortened(text: String) -> String {
    text.chars().filter(|character| !character.is_control()).take(MAX_DEVICE).collect()
}

impl Hub {
    /// The sessions of the person whose session it is: that one, then the newest first, without those that are over.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn sessions_of(&self, own: &Session) -> Result<Vec<SessionView>, HubError> {
        let (now, idle) = (self.clock.now(), self.settings.sessions.idle);
        let read = sessions::of_person(&mut self.store.read().await?, &own.person, MAX_SESSIONS).await?;
        let view = |record: SessionRecord| {
            let noted = self.session_uses.last(record.session.id).unwrap_or(record.last_used_at);
            let last_used_at = record.last_used_at.max(noted);
            SessionView { session: record.session, client: record.client, last_used_at }
        };
        let is_live = |view: &SessionView| now < view.session.expires_at && now < view.last_used_at + idle;
        let mut live: Vec<SessionView> = read.into_iter().map(view).filter(is_live).collect();
        live.sort_by_key(|view| view.session.id != own.id);
        Ok(live)
    }

    /// The groups that a person is in, each with whether the membership counts now: one by the identity provider counts for
    /// some time after the sign-in.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn groups_of(&self, person: &Email) -> Result<Vec<(GroupName, bool)>, HubError> {
        let now = self.clock.now();
        let groups = self.store.lookup().groups_of(person, now).await?;
        Ok(groups.iter().map(|(group, membership)| (group.clone(), membership.is_fresh(now))).collect())
    }

    /// Ends one session of the person whose session it is. Also that session itself: then the person has signed out.
    ///
    /// # Errors
    /// When it is not theirs.
    pub async fn end_session(&self, own: &Session, id: SessionId) -> Result<(), HubError> {
        let (own, now) = (own.clone(), self.clock.now());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let known = sessions::get(tx.session(), id).await?;
                    if known.is_none_or(|known| known.session.person != own.person) {
                        return Err(HubError::NotFound("session"));
                    }
                    sessions::delete(tx.session(), id).await?;
                    let actor = Actor::Session { id: own.id, person: own.person.clone() };
                    let why = if id == own.id { "signed out" } else { "ended by its owner" };
                    Ok(record_end(tx, &own.person, &[id], why, (actor, now))?)
                })
            })
            .await
    }

    /// Ends all sessions of any person: for an admin, when a device is lost or a person leaves.
    ///
    /// # Errors
    /// When the caller may not.
    pub async fn end_sessions_of(&self, caller: &Principal, person: Email) -> Result<(), HubError> {
        require(caller, Right::ManageTokens)?;
        if caller.is_limited() {
            let detail = "a token that is limited to resources cannot end sessions";
            return Err(HubError::Forbidden(detail.to_owned()));
        }
        let (now, actor) = (self.clock.now(), caller.actor());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let ended = sessions::delete_of_person(tx.session(), &person, None).await?;
                    if ended.is_empty() {
                        return Ok(());
                    }
                    Ok(record_end(tx, &person, &ended, "ended by an admin", (actor, now))?)
                })
            })
            .await
    }

    /// Ends all other sessions of the person whose session it is.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn end_other_sessions(&self, own: &Session) -> Result<(), HubError> {
        let (own, now) = (own.clone(), self.clock.now());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let ended = sessions::delete_of_person(tx.session(), &own.person, Some(own.id)).await?;
                    if ended.is_empty() {
                        return Ok(());
                    }
                    let actor = Actor::Session { id: own.id, person: own.person.clone() };
                    Ok(record_end(tx, &own.person, &ended, "ended by their owner", (actor, now))?)
                })
            })
            .await
    }
}
