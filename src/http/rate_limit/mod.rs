//! How often one client or one token may call. Each call counts once: with a valid token against the token, otherwise
//! against the address. So nobody who proves who they are is held up by a neighbour behind the same address.

mod gate;
mod table;

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

pub(super) use self::gate::gate;
use self::table::RateTable;
use super::Problem;
use super::client_address::ClientAddress;
use super::log_limit::LogLimit;
use crate::codes::Code;
use crate::config::RateSettings;
use crate::time::SharedClock;

/// The most addresses that are counted at the same time.
pub const COUNTED_ADDRESSES: usize = 32_768;
/// The most tokens that are counted at the same time.
pub const COUNTED_TOKENS: usize = 8_192;
/// Shortest time between two log lines.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// The limits of all callers of this hub. Replicas count separately.
pub struct RateLimits {
    /// Calls without a valid token, by address.
    addresses: Option<RateTable>,
    /// Calls that failed to prove who sends them, by address.
    failures: Option<RateTable>,
    /// Calls with a valid token, by its secret.
    tokens: Option<RateTable>,
    /// Whether programs on this machine are limited too.
    counts_local: bool,
    clock: SharedClock,
    reached: Mutex<LogLimit>,
}

/// Who is counted when a call proves nothing; None if it is not limited.
pub(super) type Counted = Option<IpAddr>;

impl RateLimits {
    /// Limits as the settings say. Programs on this machine count only where a reverse proxy may be one of them.
    pub fn new(settings: RateSettings, counts_local: bool, clock: SharedClock) -> Self {
        let table = |callers, per_minute: u32| (per_minute > 0).then(|| RateTable::new(callers, per_minute));
        Self {
            addresses: table(COUNTED_ADDRESSES, settings.address),
            failures: table(COUNTED_ADDRESSES, settings.failures),
            tokens: table(COUNTED_TOKENS, settings.token),
            counts_local,
            clock,
            reached: Mutex::new(LogLimit::new(LOG_INTERVAL)),
        }
    }

    /// Who is counted for a call from there.
    pub(super) fn counted(&self, client: Option<&ClientAddress>) -> Counted {
        client.filter(|client| self.counts_local || !client.is_local).map(ClientAddress::counted)
    }

    /// Counts a call without a token, and one whose token turned out to be invalid.
    ///
    /// # Errors
    /// When there were too many from there.
    pub(super) fn count_address(&self, client: Counted) -> Result<(), Problem> {
        let Some((client, table)) = client.zip(self.addresses.as_ref()) else { return Ok(()) };
        table.count(&client, self.clock.now()).map_err(|wait| self.refuse(client, "calls", wait))
    }

    /// Counts a failure to prove who sends a call: an invalid token, a forged link, a wrong signature.
    ///
    /// # Errors
    /// When there were too many from there. What failed is not said then.
    pub(super) fn count_failure(&self, client: Counted) -> Result<(), Problem> {
        let Some((client, table)) = client.zip(self.failures.as_ref()) else { return Ok(()) };
        table.count(&client, self.clock.now()).map_err(|wait| self.refuse(client, "failed attempts", wait))
    }

    /// Whether another attempt to prove something may be made from there: without this, the right guess would be let through
    /// after any number of wrong ones.
    ///
    /// # Errors
    /// When there were too many failures.
    pub(super) fn may_attempt(&self, client: Counted) -> Result<(), Problem> {
        let Some((client, table)) = client.zip(self.failures.as_ref()) else { return Ok(()) };
        match table.wait(&client, self.clock.now()) {
            Some(wait) => Err(self.refuse(client, "failed attempts", wait)),
            None => Ok(()),
        }
    }

    /// Whether a token from there may be looked up. While an address has used up its quota, only tokens that were valid
    /// not long ago are.
    ///
    /// # Errors
    /// When it may not.
    pub(super) fn may_look_up(&self, client: Counted, secret: &str) -> Result<(), Problem> {
        let Some((client, table)) = client.zip(self.addresses.as_ref()) else { return Ok(()) };
        match table.wait(&client, self.clock.now()) {
            Some(wait) if !self.tokens.as_ref().is_some_and(|tokens| tokens.knows(&secret)) => {
                Err(self.refuse(client, "calls", wait))
            }
            _ => Ok(()),
        }
    }

    /// Counts a call with a valid token.
    ///
    /// # Errors
    /// When there were too many with it.
    pub(super) fn count_token(&self, client: Counted, secret: &str) -> Result<(), Problem> {
        let Some((client, table)) = client.zip(self.tokens.as_ref()) else { return Ok(()) };
        let counted = table.count(&secret, self.clock.now());
        counted.map_err(|wait| self.refuse(client, "calls with one token", wait))
    }

    fn refuse(&self, client: IpAddr, what: &'static str, wait: Duration) -> Problem {
        let due = self.reached.lock().unwrap_or_else(PoisonError::into_inner).count(Instant::now());
        if let Some(refused) = due {
            tracing::warn!(%client, what, refused, "a rate limit was reached");
        }
        let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1);
        let detail = format!("too many {what}: try again in {seconds} s");
        Problem::new(Code::RateLimited, detail).retry_after(seconds)
    }
}
