//! Typed ids. Each kind of object has its own type, so that ids cannot be mixed up, and its own prefix, so that people
//! can distinguish them in a log.
//!
//! An id is a UUID version 7 (RFC 9562 §5.7), written as 32 lower-case hex digits after the prefix. Text order is time
//! order, which keyset pages rely on.

use std::fmt;
use std::str::FromStr;
use std::sync::Mutex;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::{ContextV7, Uuid};

use crate::time::Timestamp;

/// The text is not an id of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an id such as {prefix}0190…, with 32 hex digits after the prefix")]
pub struct InvalidId {
    prefix: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id: `now` determines its position in time order, the rest is random.
            pub fn mint(now: Timestamp) -> Self {
                Self(mint(now))
            }

            /// An id that is less than every id that was minted at this time or later, and greater than those of
            /// earlier milliseconds. Ids have a resolution of a millisecond.
            pub fn least(time: Timestamp) -> Self {
                Self(least(time))
            }

            /// The 16 bytes of the UUID.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// The reverse of [`Self::as_bytes`].
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0.simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                parse($prefix, text).map(Self).ok_or(InvalidId { prefix: $prefix })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// A request for approval.
    RequestId,
    "req_"
);
id!(
    /// An event, as sent to endpoints.
    EventId,
    "evt_"
);
id!(
    /// An endpoint: a configured target of notifications.
    EndpointId,
    "ep_"
);
id!(
    /// A delivery: one event for one endpoint.
    DeliveryId,
    "dlv_"
);
id!(
    /// A version of an operator's template.
    TemplateId,
    "tpl_"
);
id!(
    /// A vote.
    VoteId,
    "vot_"
);
id!(
    /// A comment on a request.
    CommentId,
    "cmt_"
);

id!(
    /// An API token (not its secret).
    TokenId,
    "tok_"
);
id!(
    /// A session of a person who signed in.
    SessionId,
    "ses_"
);
id!(
    /// A link with which a person can sign in once.
    SignInLinkId,
    "sil_"
);
id!(
    /// A grant: access for a limited time.
    GrantId,
    "grt_"
);
id!(
    /// A replay of an endpoint's deliveries.
    ReplayId,
    "rpl_"
);
id!(
    /// A user of a directory.
    ScimUserId,
    "usr_"
);
id!(
    /// A group of a directory.
    ScimGroupId,
    "grp_"
);

/// The counter within a millisecond, so that ids sort in the order of minting. A std mutex: locked for one increment.
static CONTEXT: Mutex<ContextV7> = Mutex::new(ContextV7::new());

fn mint(now: Timestamp) -> Uuid {
    let micros = u64::try_from(now.as_micros()).unwrap_or(0);
    let nanos = u32::try_from(micros % 1_000_000 * 1_000).unwrap_or(0);
    Uuid::new_v7(uuid::Timestamp::from_unix(&CONTEXT, micros / 1_000_000, nanos))
}

fn least(time: Timestamp) -> Uuid {
    // The first 48 bits are the milliseconds (RFC 9562 §5.7).
    let millis = u64::try_from(time.as_micros() / 1_000).unwrap_or(0).min((1 << 48) - 1);
    Uuid::from_u128(u128::from(millis) << 80)
}

fn parse(prefix: &str, text: &str) -> Option<Uuid> {
    let digits = text.strip_prefix(prefix)?;
    // `Uuid` also accepts braces, hyphens and capitals, but an id must have one spelling only.
    let canonical = digits.len() == 32 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    canonical.then(|| Uuid::try_parse(digits).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        let id = RequestId::mint(Timestamp::from_micros(1_700_000_000_000_000));
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!(id.to_string().starts_with("req_"));
    }

    #[test]
    fn one_spelling_only() {
        let id = RequestId::mint(Timestamp::from_micros(1)).to_string();
        for wrong in [id.to_uppercase(), id.replace("req_", "ep_"), format!("{id}0"), id.replace("req_", "")] {
            assert!(wrong.parse::<RequestId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn text_order_is_the_order_of_minting_also_within_a_millisecond() {
        let ids: Vec<String> =
            (1..600).map(|n| EventId::mint(Timestamp::from_micros(n / 3 * 1_000)).to_string()).collect();
        assert!(ids.is_sorted());
    }

    #[test]
    fn the_least_id_of_a_time_sorts_before_its_ids_and_after_earlier_ones() {
        let at = |millis: i64| Timestamp::from_micros(1_700_000_000_000_000 + millis * 1_000);
        let earlier = DeliveryId::mint(at(0));
        assert!(earlier < DeliveryId::least(at(1)) && DeliveryId::least(at(0)) < earlier);
        assert!(DeliveryId::least(at(1)) < DeliveryId::mint(at(1)));
        assert!(DeliveryId::least(Timestamp::from_micros(-1)) < DeliveryId::least(Timestamp::from_micros(i64::MAX)));
        assert_eq!(DeliveryId::least(at(1)).to_string().parse(), Ok(DeliveryId::least(at(1))));
    }
}
