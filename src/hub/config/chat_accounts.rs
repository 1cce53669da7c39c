//! Links between chat accounts and people. An admin sets them, or the person confirms a code from the chat with their
//! own token. A signed link is never enough, since it does not identify a person.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::approval::{Digest, Email, limits};
use crate::audit::{Actor, Entry};
use crate::codes::Code;
use crate::hub::{Hub, HubError, input, require};
use crate::identity::{Principal, Right};
use crate::store::chat_identities::{self, Account};
use crate::store::{Session, Tx};
use crate::time::Timestamp;
use crate::unicode::unwrapped;

/// Longest Slack id of a workspace or member.
const MAX_ID: usize = 32;

/// All chat accounts of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChatIdentities {
    pub identities: BTreeSet<Account>,
}

/// A code that the hub showed to a member in the chat.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkCode {
    pub code: String,
}

/// A chat account that is now linked to a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BoundAccount {
    #[serde(flatten)]
    pub account: Account,
    /// The member's name in the chat.
    pub name: String,
    pub person: Email,
}

/// Removes white space and invisible characters that copying has left around the ids.
fn unwrapped_account(account: Account) -> Account {
    Account { team: unwrapped(&account.team).to_owned(), user: unwrapped(&account.user).to_owned(), ..account }
}

impl Hub {
    /// Replaces the linked accounts of a person.
    ///
    /// # Errors
    /// When the caller may not, an id is invalid, or an account is linked to another person.
    pub async fn put_chat_identities(
        &self,
        caller: &Principal,
        person: Email,
        input: ChatIdentities,
    ) -> Result<ChatIdentities, HubError> {
        require(caller, Right::Configure)?;
        let input = ChatIdentities { identities: input.identities.into_iter().map(unwrapped_account).collect() };
        input::count("/identities", input.identities.len(), limits::ITEMS)?;
        for (place, account) in input.identities.iter().enumerate() {
            let is_id =
                |id: &str| (1..=MAX_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
            if !is_id(&account.team) || !is_id(&account.user) {
                let detail = "team and user must be Slack ids, such as T0123ABCD and U0123ABCD";
                return Err(HubError::invalid(Code::InvalidParameter, format!("/identities/{place}"), detail));
            }
        }
        let (now, actor, wanted) = (self.clock.now(), caller.actor(), input.clone());
        self.store
            .write::<_, (), HubError>(move |tx| {
                Box::pin(async move {
                    let known: BTreeSet<Account> =
                        chat_identities::of_person(tx.session(), &person).await?.into_iter().collect();
                    for gone in known.difference(&wanted.identities) {
                        chat_identities::unbind(tx.session(), gone).await?;
                        record(tx, "chat_identity.unbound", gone, &person, &actor, now)?;
                    }
                    for new in wanted.identities.difference(&known) {
                        bind(tx, new, &person, &actor, now).await?;
                    }
                    Ok(())
                })
            })
            .await?;
        Ok(input)
    }

    /// Returns the linked accounts of a person.
    ///
    /// # Errors
    /// When the caller may not see them.
    pub async fn chat_identities(&self, caller: &Principal, person: &Email) -> Result<ChatIdentities, HubError> {
        if caller.person() != Some(person) {
            require(caller, Right::ReadConfiguration)?;
        }
        let found = chat_identities::of_person(&mut self.store.read().await?, person).await?;
        Ok(ChatIdentities { identities: found.into_iter().collect() })
    }

    /// Links the account that received the code to the caller.
    ///
    /// # Errors
    /// When the token belongs to no person, the code is unknown or expired, or the account is linked to another person.
    pub async fn confirm_chat_identity(&self, caller: &Principal, input: LinkCode) -> Result<BoundAccount, HubError> {
        // A linked account votes for its person, everywhere: more than these tokens may do.
        if caller.is_agent() || caller.is_limited() {
            let detail = "an agent's token, or one for some resources, cannot link a chat account: use your own token";
            return Err(HubError::Forbidden(detail.to_owned()));
        }
        let detail = "this token belongs to no person: confirm with your own token";
        let person = caller.person().cloned().ok_or_else(|| HubError::invalid(Code::PersonRequired, "", detail))?;
        input::text("/code", &input.code, limits::SHORT)?;
        let (now, actor) = (self.clock.now(), caller.actor());
        let code = Digest::of(unwrapped(&input.code).as_bytes());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let detail = "this code is unknown, or older than 10 minutes: request a new one in the chat";
                    let unknown = || HubError::invalid(Code::CodeInvalid, "/code", detail);
                    let used = chat_identities::use_code(tx.session(), &code, now).await?;
                    let (account, name) = used.ok_or_else(unknown)?;
                    if owner(tx.session(), &account).await?.as_ref() != Some(&person) {
                        bind(tx, &account, &person, &actor, now).await?;
                    }
                    Ok(BoundAccount { account, name, person })
                })
            })
            .await
    }
}

async fn owner(session: &mut Session, account: &Account) -> Result<Option<Email>, HubError> {
    Ok(chat_identities::person_of(session, account).await?)
}

async fn bind(tx: &mut Tx, account: &Account, person: &Email, actor: &Actor, now: Timestamp) -> Result<(), HubError> {
    if owner(tx.session(), account).await?.is_some() {
        let detail =
            format!("member {} of workspace {} is already linked to another person", account.user, account.team);
        return Err(HubError::conflict(Code::IdentityTaken, detail));
    }
    chat_identities::bind(tx.session(), account, person, now).await?;
    record(tx, "chat_identity.bound", account, person, actor, now)
}

fn record(
    tx: &mut Tx,
    action: &str,
    account: &Account,
    person: &Email,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), HubError> {
    let entry =
        Entry { person: Some(person.clone()), details: json!(account), ..Entry::new(now, action, actor.clone()) };
    tx.record(&entry)?;
    Ok(())
}
