//! Device authorization (RFC 8628): a program asks, a signed-in person confirms, and the program gets a session.

use std::time::Duration;

use serde_json::json;

use super::device_polls::MAX_DEVICES;
use super::sessions::{SignIn, StartedSession, start_session};
use crate::approval::Digest;
use crate::audit::{Actor, Entry};
use crate::codes::Code;
use crate::hub::{Hub, HubError, SessionSettings};
use crate::identity::{
    self, ClientInfo, CodeRefusal, DEVICE_CODE_LIFETIME, Device, DeviceAuthorization, POLL_INTERVAL, PollRefusal,
    ProviderSession, SessionKind, Token, UserCode,
};
use crate::ids::SessionId;
use crate::random;
use crate::store::sessions::{self, SessionRecord};
use crate::store::{Session, StoreError, Tx, devices, tokens};
use crate::time::Timestamp;

/// Most of them from one address.
pub const MAX_DEVICES_OF_ADDRESS: u64 = 20;
/// How long an expired one is kept, so that its device is told so.
const KEPT: Duration = Duration::from_secs(600);
/// How often another user code is made when one is taken.
const TRIES: usize = 4;

/// What a device is told when it begins.
#[derive(Debug)]
pub struct StartedDevice {
    /// With which the device polls.
    pub device_code: String,
    /// Which the device shows.
    pub user_code: UserCode,
    pub expires_in: Duration,
    pub interval: Duration,
}

/// Why a poll gets nothing.
#[derive(Debug, thiserror::Error)]
pub enum PollError {
    #[error(transparent)]
    Refused(#[from] PollRefusal),
    #[error(transparent)]
    Hub(#[from] HubError),
}

impl From<StoreError> for PollError {
    fn from(error: StoreError) -> Self {
        Self::Hub(error.into())
    }
}

impl Hub {
    /// Makes the codes with which a program waits for its person. `origin` is what counts as one client.
    ///
    /// # Errors
    /// When too many wait, or the store fails.
    pub async fn start_device(&self, device: Device, origin: String) -> Result<StartedDevice, HubError> {
        if !self.can_sign_in() {
            let detail =
                "people reach this hub over plain HTTP, so nobody can sign in: its operator has to set up HTTPS";
            return Err(HubError::invalid(Code::SignInUnavailable, "", detail));
        }
        let now = self.clock.now();
        let device_code = random::secret_text();
        let digest = Digest::of(device_code.as_bytes());
        let authorization = DeviceAuthorization::begin(device, now);
        let user_code = self
            .store
            .write::<_, UserCode, HubError>(move |tx| {
                Box::pin(async move {
                    let session = tx.session();
                    devices::prune(session, now - KEPT).await?;
                    if devices::count_from(session, &origin, now).await? >= MAX_DEVICES_OF_ADDRESS {
                        let detail = "too many devices at this address wait for a person: confirm or deny them first, or \
                                      try again in 10 minutes";
                        return Err(HubError::conflict(Code::Busy, detail));
                    }
                    if devices::count(session, now).await? >= MAX_DEVICES {
                        let detail = "too many devices wait for a person: try again in a few minutes";
                        return Err(HubError::conflict(Code::Busy, detail));
                    }
                    for _ in 0..TRIES {
                        let code = UserCode::mint();
                        if devices::insert(session, &authorization, (&digest, &code.digest()), &origin).await? {
                            return Ok(code);
                        }
                    }
                    Err(HubError::Missing("a user code that no other device has"))
                })
            })
            .await?;
        Ok(StartedDevice { device_code, user_code, expires_in: DEVICE_CODE_LIFETIME, interval: POLL_INTERVAL })
    }

    /// What the device gets that polls with this code: a session of the person who confirmed it.
    ///
    /// # Errors
    /// Why it gets none yet, or never.
    pub async fn poll_device(&self, device_code: &str) -> Result<StartedSession, PollError> {
        let (now, settings) = (self.clock.now(), self.settings.sessions);
        let digest = Digest::of(device_code.as_bytes());
        let known = devices::by_device_code(&mut self.store.read().await?, &digest).await?;
        let known = known.ok_or(PollRefusal::Invalid)?;
        match known.poll(now) {
            Ok(_) => {}
            Err(PollRefusal::Pending) => {
                self.device_polls.count(digest, known.expires_at, now)?;
                return Err(PollRefusal::Pending.into());
            }
            Err(refusal) => {
                self.device_polls.forget(&digest);
                return Err(refusal.into());
            }
        }
        let started = self.store.write(move |tx| Box::pin(hand_over(tx, digest, settings, now))).await?;
        self.device_polls.forget(&digest);
        Ok(started)
    }

    /// The device that shows this code and waits, for the page on which a person decides.
    ///
    /// # Errors
    /// When none does, or the code is over.
    pub async fn waiting_device(&self, code: &str) -> Result<(UserCode, DeviceAuthorization), HubError> {
        let code = UserCode::parse(code).ok_or(CodeRefusal::Unknown)?;
        let known = waiting(&mut self.store.read().await?, &code, self.clock.now()).await?;
        Ok((code, known))
    }

    /// Confirms or denies that the device with this code acts for the person whose session it is.
    ///
    /// # Errors
    /// When no device shows it, or it was decided or is over.
    pub async fn decide_device(&self, own: &identity::Session, code: &str, confirm: bool) -> Result<Device, HubError> {
        let code = UserCode::parse(code).ok_or(CodeRefusal::Unknown)?;
        let (own, now) = (own.clone(), self.clock.now());
        if own.kind != SessionKind::Browser {
            let detail = "a device cannot confirm another one: sign in with a browser";
            return Err(HubError::Forbidden(detail.to_owned()));
        }
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let known = waiting(tx.session(), &code, now).await?;
                    let by = confirm.then_some(own.id);
                    if !devices::decide(tx.session(), &code.digest(), by).await? {
                        return Err(CodeRefusal::Decided.into());
                    }
                    let Device { client, name, address } = &known.device;
                    let details = json!({"client": client, "name": name, "address": address});
                    let action = if confirm { "device.confirmed" } else { "device.denied" };
                    let actor = Actor::Session { id: own.id, person: own.person.clone() };
                    let entry = Entry::new(now, action, actor);
                    tx.record(&Entry { person: Some(own.person), details, ..entry })?;
                    Ok(known.device)
                })
            })
            .await
    }
}

/// The authorization with that code, if a person can decide about it.
async fn waiting(session: &mut Session, code: &UserCode, now: Timestamp) -> Result<DeviceAuthorization, HubError> {
    let known = devices::by_user_code(session, &code.digest()).await?.ok_or(CodeRefusal::Unknown)?;
    known.may_be_decided(now)?;
    Ok(known)
}

/// Starts the device's session, in the transaction that uses up its code.
async fn hand_over(
    tx: &mut Tx,
    device_code: Digest,
    settings: SessionSettings,
    now: Timestamp,
) -> Result<StartedSession, PollError> {
    let known = devices::by_device_code(tx.session(), &device_code).await?.ok_or(PollRefusal::Invalid)?;
    let confirmed_in = known.poll(now)?;
    let sign_in = follow(tx.session(), confirmed_in, known.device, now).await?;
    if !devices::consume(tx.session(), &device_code).await? {
        return Err(PollRefusal::Invalid.into());
    }
    Ok(start_session(tx, sign_in, settings, now).await?)
}

/// The device's sign-in follows from the session in which the person confirmed it. If that is over, so is the consent.
async fn follow(
    session: &mut Session,
    confirmed_in: SessionId,
    device: Device,
    now: Timestamp,
) -> Result<SignIn, PollError> {
    let record = sessions::get(session, confirmed_in).await?;
    let record = record.filter(|record| now < record.session.expires_at).ok_or(PollRefusal::Denied)?;
    let SessionRecord { session: browser, provider, .. } = record;
    let token = match browser.token {
        Some(id) => {
            let known = tokens::get(session, id).await?.ok_or(PollRefusal::Denied)?;
            // The browser's session ends no later than the secret with which the person signed in.
            Some(Token { expires_at: Some(browser.expires_at), ..known.token }.into())
        }
        None => None,
    };
    let name = if device.name.trim().is_empty() { device.client } else { device.name };
    Ok(SignIn {
        person: browser.person.clone(),
        kind: SessionKind::Device,
        method: browser.method,
        client: ClientInfo { address: Some(device.address), device: Some(name) },
        token,
        // The provider's own session ends with the browser's; the device's ends when the provider signs the person out
        // everywhere.
        provider: provider.map(|provider| ProviderSession { sid: None, ..provider }),
        signed_in_at: browser.signed_in_at,
    })
}

impl From<CodeRefusal> for HubError {
    fn from(refusal: CodeRefusal) -> Self {
        Self::invalid(Code::CodeInvalid, "/code", refusal.to_string())
    }
}
