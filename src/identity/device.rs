//! Device authorization (RFC 8628): a program without a browser shows a code, and a signed-in person confirms it.

use std::fmt;
use std::time::Duration;

use crate::approval::Digest;
use crate::ids::SessionId;
use crate::random;
use crate::time::Timestamp;
use crate::unicode::unwrapped;

/// Letters of user codes (RFC 8628 §6.1): no vowels, so that no code is a word, and no Y.
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
/// Letters of a user code: 34 bits, enough for a code that few guesses are allowed for.
const LENGTH: usize = 8;
/// How long a device waits for its person.
pub const DEVICE_CODE_LIFETIME: Duration = Duration::from_secs(600);
/// Time between two polls that a device is told.
pub const POLL_INTERVAL: Duration = Duration::from_secs(5);
/// What a device that polls too fast has to wait in addition (RFC 8628 §3.5).
const SLOWER: Duration = Duration::from_secs(5);
/// The longest interval that a device can be told.
const SLOWEST: Duration = Duration::from_secs(60);
/// How much earlier than told a poll may arrive: the network does not keep distances.
const EARLY: Duration = Duration::from_secs(1);

/// The code that a person compares or types: eight letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserCode(String);

impl UserCode {
    /// A new random code.
    pub fn mint() -> Self {
        let mut letters = String::with_capacity(LENGTH);
        while letters.len() < LENGTH {
            let [byte] = random::bytes::<1>();
            // 240 is the largest multiple of 20 in a byte: above it, some letters would be more frequent.
            if let Some(letter) = LETTERS.get(usize::from(byte % 20)).filter(|_| byte < 240) {
                letters.push(char::from(*letter));
            }
        }
        Self(letters)
    }

    /// Reads a code as people type it: case, blanks and dashes do not matter. `None` if it cannot be a code.
    pub fn parse(text: &str) -> Option<Self> {
        let is_filler =
            |c: char| c.is_whitespace() || matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '_' | '.');
        let mut letters = String::with_capacity(LENGTH);
        for c in unwrapped(text).chars().filter(|c| !is_filler(*c)) {
            let letter = c.to_ascii_uppercase();
            let is_known = LETTERS.iter().any(|known| char::from(*known) == letter);
            if !is_known || letters.len() == LENGTH {
                return None;
            }
            letters.push(letter);
        }
        (letters.len() == LENGTH).then_some(Self(letters))
    }

    /// The form in which the hub stores it.
    pub fn digest(&self) -> Digest {
        Digest::of(self.0.as_bytes())
    }
}

impl fmt::Display for UserCode {
    /// In two halves, which are easier to compare.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.split_at_checked(LENGTH / 2) {
            Some((first, second)) => write!(f, "{first}-{second}"),
            None => f.write_str(&self.0),
        }
    }
}

/// A program that asks to act for a person, as it describes itself: none of this is verified but the address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// The client's id, for example `countersign`.
    pub client: String,
    /// The machine's name.
    pub name: String,
    /// The address that the call came from.
    pub address: String,
}

/// Where a device authorization is. It has expired when its time is over, whatever its state, unless it was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceState {
    Pending,
    /// A person confirmed it, in this session.
    Approved(SessionId),
    Denied,
    /// The device has got its session.
    Consumed,
}

/// A device authorization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceAuthorization {
    pub device: Device,
    pub state: DeviceState,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

/// Why a poll gets no session yet, or never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PollRefusal {
    #[error("no one has confirmed the code yet: ask again after the interval")]
    Pending,
    #[error("asked too soon: wait {} seconds between two calls from now on", .0.as_secs())]
    SlowDown(Duration),
    #[error("the person denied the sign-in, or signed out meanwhile")]
    Denied,
    #[error("no one confirmed the code in time: begin again")]
    Expired,
    #[error("this device code is unknown or was used before: begin again")]
    Invalid,
}

/// Why a person cannot decide about a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodeRefusal {
    #[error("no device shows this code now: compare it with what the device shows")]
    Unknown,
    #[error("this code has expired: begin again on the device")]
    Expired,
    #[error("this code was confirmed or denied before: begin again on the device")]
    Decided,
}

impl DeviceAuthorization {
    /// A new one, at `now`.
    pub fn begin(device: Device, now: Timestamp) -> Self {
        Self { device, state: DeviceState::Pending, created_at: now, expires_at: now + DEVICE_CODE_LIFETIME }
    }

    /// What the device gets: the session in which a person confirmed it.
    ///
    /// # Errors
    /// Why it gets none.
    pub fn poll(&self, now: Timestamp) -> Result<SessionId, PollRefusal> {
        match self.state {
            DeviceState::Consumed => Err(PollRefusal::Invalid),
            DeviceState::Denied => Err(PollRefusal::Denied),
            _ if now >= self.expires_at => Err(PollRefusal::Expired),
            DeviceState::Pending => Err(PollRefusal::Pending),
            DeviceState::Approved(session) => Ok(session),
        }
    }

    /// Whether a person can confirm or deny it.
    ///
    /// # Errors
    /// Why not.
    pub fn may_be_decided(&self, now: Timestamp) -> Result<(), CodeRefusal> {
        match self.state {
            DeviceState::Pending if now >= self.expires_at => Err(CodeRefusal::Expired),
            DeviceState::Pending => Ok(()),
            DeviceState::Approved(_) | DeviceState::Denied | DeviceState::Consumed => Err(CodeRefusal::Decided),
        }
    }
}

/// How often a device may poll, and when it did so last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PollPace {
    last: Timestamp,
    interval: Duration,
}

impl PollPace {
    /// The pace of a device that polls for the first time.
    pub const fn begin(now: Timestamp) -> Self {
        Self { last: now, interval: POLL_INTERVAL }
    }

    /// Counts another poll.
    ///
    /// # Errors
    /// When it came too soon: the interval from now on, which is longer than before.
    pub fn count(&mut self, now: Timestamp) -> Result<(), Duration> {
        // A clock that was set back makes no poll early.
        if now >= self.last && now + EARLY < self.last + self.interval {
            self.interval = (self.interval + SLOWER).min(SLOWEST);
            return Err(self.interval);
        }
        self.last = now;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: Timestamp = Timestamp::from_micros(1_000_000_000);

    fn after(seconds: u64) -> Timestamp {
        START + Duration::from_secs(seconds)
    }

    fn begun() -> DeviceAuthorization {
        let device = Device { client: "countersign".into(), name: "laptop".into(), address: "192.0.2.7".into() };
        DeviceAuthorization::begin(device, START)
    }

    #[test]
    fn a_code_is_read_however_it_is_typed() {
        let code = UserCode::parse("WDJBMJHT").expect("a code");
        assert_eq!(code.to_string(), "WDJB-MJHT");
        for typed in ["wdjb-mjht", " WDJB MJHT\n", "wdjb–mjht", "W-D-J-B-M-J-H-T", "\u{feff}Wdjb.Mjht"] {
            assert_eq!(UserCode::parse(typed).as_ref(), Some(&code), "{typed:?}");
        }
        for wrong in ["", "-", "WDJB-MJH", "WDJB-MJHTT", "WDJB-MJHA", "WDJB-MJH1", "ＷDJB-MJHT"] {
            assert_eq!(UserCode::parse(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn codes_use_all_letters_and_only_these() {
        let codes: Vec<UserCode> = (0..400).map(|_| UserCode::mint()).collect();
        for letter in LETTERS {
            assert!(codes.iter().any(|code| code.0.contains(char::from(*letter))), "{letter}");
        }
        assert!(codes.iter().all(|code| UserCode::parse(&code.to_string()).as_ref() == Some(code)));
        assert_ne!(codes[0], codes[1]);
    }

    #[test]
    fn a_device_gets_a_session_once_and_only_in_time() {
        let session = SessionId::mint(START);
        let with = |state| DeviceAuthorization { state, ..begun() };
        for (state, seconds, answer) in [
            (DeviceState::Pending, 0, Err(PollRefusal::Pending)),
            (DeviceState::Pending, 599, Err(PollRefusal::Pending)),
            (DeviceState::Pending, 600, Err(PollRefusal::Expired)),
            (DeviceState::Approved(session), 599, Ok(session)),
            (DeviceState::Approved(session), 600, Err(PollRefusal::Expired)),
            (DeviceState::Denied, 1, Err(PollRefusal::Denied)),
            (DeviceState::Denied, 600, Err(PollRefusal::Denied)),
            (DeviceState::Consumed, 1, Err(PollRefusal::Invalid)),
            (DeviceState::Consumed, 600, Err(PollRefusal::Invalid)),
        ] {
            assert_eq!(with(state).poll(after(seconds)), answer, "{state:?} at {seconds}");
        }
    }

    #[test]
    fn a_code_is_decided_once_and_only_in_time() {
        let with = |state| DeviceAuthorization { state, ..begun() };
        assert_eq!(begun().may_be_decided(after(599)), Ok(()));
        assert_eq!(begun().may_be_decided(after(600)), Err(CodeRefusal::Expired));
        for state in [DeviceState::Approved(SessionId::mint(START)), DeviceState::Denied, DeviceState::Consumed] {
            assert_eq!(with(state).may_be_decided(after(1)), Err(CodeRefusal::Decided), "{state:?}");
        }
    }

    #[test]
    fn a_device_that_polls_too_fast_is_slowed_down_for_good() {
        let mut pace = PollPace::begin(START);
        assert_eq!(pace.count(after(4)), Ok(()), "a second early is in time");
        assert_eq!(pace.count(after(7)), Err(Duration::from_secs(10)));
        assert_eq!(pace.count(after(10)), Err(Duration::from_secs(15)));
        assert_eq!(pace.count(after(19)), Ok(()));
        assert_eq!(pace.count(after(20)), Err(Duration::from_secs(20)), "the interval stays longer");
    }

    #[test]
    fn a_clock_that_is_put_back_slows_nobody_down() {
        let mut pace = PollPace::begin(after(1_000));
        assert_eq!(pace.count(START), Ok(()));
        assert!(pace.count(START).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_fault(text in ".{0,64}") {
            if let Some(code) = UserCode::parse(&text) {
                prop_assert_eq!(UserCode::parse(&code.to_string()), Some(code));
            }
        }

        /// A device that keeps the interval it was told is never slowed down again.
        #[test]
        fn who_keeps_the_interval_is_answered(early in 1_u64..4, polls in 1_u64..40) {
            let mut pace = PollPace::begin(START);
            let interval = pace.count(after(early)).map_or_else(|told| told, |()| POLL_INTERVAL);
            let mut now = after(early);
            for _ in 0..polls {
                now = now + interval;
                prop_assert_eq!(pace.count(now), Ok(()));
            }
        }
    }
}
