//! Which key seals stored secrets. The database names it, so that all replicas on it use the same one.
//!
//! A key begins to seal once all running replicas have it: a replica without it would lose its endpoints. So a key is
//! rotated without an outage, in whatever order the replicas get it. For the same reason nothing is sealed while a
//! replica of an earlier version runs.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::sealing::KeyId;
use crate::store::replicas::{self, Replica};
use crate::store::secrets::{sealing_key, set_sealing_key};
use crate::store::{Store, StoreError, Tx};
use crate::time::Timestamp;

/// How long a new key may take to reach all replicas.
const ROTATION: Duration = Duration::from_secs(600);
/// A replica that has not registered for this long is considered stopped.
pub(super) const ALIVE: Duration = Duration::from_secs(180);

/// What an operator has to know about the keys of stored secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    text: String,
    /// Whether it is ordinary for a while.
    may_pass: bool,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// The last finding, and since when it is one.
#[derive(Debug, Default)]
pub(super) struct SealingCheck(Mutex<Option<(Finding, Timestamp)>>);

/// What a replica does with secrets that it stores.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Choice {
    /// The key that seals. None: they are stored in clear.
    key: Option<KeyId>,
    finding: Option<Finding>,
}

impl SealingCheck {
    /// The problem to report at `now`, if any.
    pub(super) fn problem(&self, now: Timestamp) -> Option<String> {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (finding, since) = found.as_ref()?;
        (!finding.may_pass || now.since(*since) >= ROTATION).then(|| finding.text.clone())
    }

    pub(super) fn note(&self, finding: Option<Finding>, now: Timestamp) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *known = finding.map(|finding| {
            let since = known.as_ref().filter(|(known, _)| *known == finding).map_or(now, |(_, since)| *since);
            (finding, since)
        });
    }
}

/// Decides which key seals, records it in the database, and begins to use it. With `init`, a key that the database names
/// and that no running replica has is given up.
///
/// # Errors
/// When the database fails: then the decision before stays.
pub async fn settle_sealing(store: &Store, now: Timestamp, init: bool) -> Result<Option<Finding>, StoreError> {
    let keys = store.secrets();
    loop {
        let mut session = store.read().await?;
        let recorded = sealing_key(&mut session).await?;
        let running =
            if store.is_exclusive() { vec![] } else { replicas::others(&mut session, "", now - ALIVE).await? };
        drop(session);
        let choice = choose(recorded, &keys.ids(), &running, init);
        if let Some(key) = choice.key.filter(|key| Some(*key) != recorded && keys.ids().contains(key)) {
            let recording = store
                .write(move |tx: &mut Tx| Box::pin(async move { set_sealing_key(tx.session(), recorded, key).await }));
            if !recording.await? {
                // Another replica was faster.
                continue;
            }
            if let Some(lost) = recorded.filter(|lost| !keys.ids().contains(lost)) {
                tracing::warn!(%lost, "--init: giving up the key that sealed the secrets in the database");
            }
            tracing::info!(%key, "stored secrets are sealed with this key from now on");
        }
        keys.seal_with(choice.key);
        return Ok(choice.finding);
    }
}

/// `recorded` is the key that the database names, and `own` are this replica's keys, the newest first. `running` may
/// include this replica, as it was registered last.
fn choose(recorded: Option<KeyId>, own: &[KeyId], running: &[Replica], init: bool) -> Choice {
    let has = |replica: &Replica, key: KeyId| replica.secrets_keys.as_ref().is_some_and(|keys| keys.contains(&key));
    let is_shared = |key: KeyId| running.iter().all(|replica| has(replica, key));
    let shared = || own.iter().copied().find(|key| is_shared(*key));
    let lasting = |text| Some(Finding { text, may_pass: false });
    let passing = |text| Some(Finding { text, may_pass: true });
    match recorded {
        Some(known) if own.contains(&known) => {
            let newer = || own.iter().copied().take_while(|key| *key != known);
            let key = newer().find(|key| is_shared(*key)).unwrap_or(known);
            let finding = if is_shared(key) {
                let waiting = newer().next().filter(|newest| *newest != key);
                waiting.and_then(|newest| passing(lacks_newest(newest, key)))
            } else {
                lasting(lacks_sealing(key))
            };
            Choice { key: Some(key), finding }
        }
        Some(known) if init && !running.iter().any(|replica| has(replica, known)) && shared().is_some() => {
            Choice { key: shared(), finding: None }
        }
        Some(known) => Choice { key: Some(known), finding: lasting(lacks_own(known)) },
        None if running.iter().any(|replica| replica.secrets_keys.is_none()) => {
            Choice { key: None, finding: passing(earlier_version()) }
        }
        None => {
            let key = shared();
            Choice { key, finding: if key.is_none() && !own.is_empty() { lasting(none_shared()) } else { None } }
        }
    }
}

fn lacks_own(key: KeyId) -> String {
    format!(
        "the secrets in the database are sealed with key {key}, which this replica does not have: it cannot read endpoints, \
         and stores none. Give all replicas the same secrets.key; if the key is lost, start once with --init"
    )
}

fn lacks_sealing(key: KeyId) -> String {
    format!(
        "another replica on this database does not have key {key}, which seals the secrets in the database, so that one \
         cannot read endpoints: give all replicas the same secrets.key"
    )
}

fn lacks_newest(newest: KeyId, key: KeyId) -> String {
    format!(
        "another replica on this database does not have the new secrets key {newest}, so key {key} still seals: give all \
         replicas the same secrets.key"
    )
}

fn earlier_version() -> String {
    "a replica of an earlier version runs on this database, so secrets are still stored in clear: upgrade all replicas"
        .to_owned()
}

fn none_shared() -> String {
    "the replicas on this database have different secrets keys, so secrets are stored in clear: give all replicas the same \
     secrets.key"
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(digit: u8) -> KeyId {
        format!("0000000{digit}").parse().expect("an id")
    }

    fn replica(keys: Option<&[u8]>) -> Replica {
        let secrets_keys = keys.map(|keys| keys.iter().map(|digit| key(*digit)).collect());
        Replica { id: String::new(), keys: vec![], secrets_keys }
    }

    /// The key that seals, and a part of what is reported.
    fn chosen(recorded: Option<u8>, own: &[u8], running: &[Option<&[u8]>], init: bool) -> (Option<KeyId>, String) {
        let own: Vec<_> = own.iter().map(|digit| key(*digit)).collect();
        let running: Vec<_> = running.iter().map(|keys| replica(*keys)).collect();
        let choice = choose(recorded.map(key), &own, &running, init);
        (choice.key, choice.finding.map(|finding| finding.text).unwrap_or_default())
    }

    #[test]
    fn a_key_seals_once_all_replicas_have_it() {
        for (what, recorded, own, running, init, seals, says) in [
            ("a new database", None, &[1][..], &[][..], false, Some(1), ""),
            ("an earlier version runs", None, &[1], &[None], false, None, "earlier version"),
            ("one of two is upgraded", None, &[1], &[Some(&[1][..]), None], false, None, "earlier version"),
            ("each has its own", None, &[1], &[Some(&[2])], false, None, "different secrets keys"),
            ("all share one", None, &[1], &[Some(&[1])], false, Some(1), ""),
            ("the newest is not yet shared", None, &[2, 1], &[Some(&[1])], false, Some(1), ""),
            ("nothing new", Some(1), &[1], &[Some(&[1])], false, Some(1), ""),
            ("a rotation that reached one", Some(1), &[2, 1], &[Some(&[1])], false, Some(1), "new secrets key"),
            ("a rotation that reached all", Some(1), &[2, 1], &[Some(&[2, 1])], false, Some(2), ""),
            (
                "of two new keys the shared one",
                Some(1),
                &[3, 2, 1],
                &[Some(&[2, 1])],
                false,
                Some(2),
                "new secrets key",
            ),
            ("an older key is no newer one", Some(2), &[2, 1], &[Some(&[1])], false, Some(2), "cannot read endpoints"),
            ("a wrong key", Some(1), &[2], &[], false, Some(1), "this replica does not have"),
            ("a lost key", Some(1), &[2], &[], true, Some(2), ""),
            (
                "a replica that was started wrongly",
                Some(1),
                &[2],
                &[Some(&[1])],
                true,
                Some(1),
                "this replica does not",
            ),
            ("no key at all", Some(1), &[], &[], true, Some(1), "this replica does not"),
        ] {
            let (sealing, text) = chosen(recorded, own, running, init);
            assert_eq!(sealing, seals.map(key), "{what}: {text}");
            assert!(text.contains(says) && text.is_empty() == says.is_empty(), "{what}: {text}");
        }
    }

    #[test]
    fn a_rotation_is_reported_when_it_takes_long() {
        let (check, now) = (SealingCheck::default(), Timestamp::from_micros(0));
        let finding = |may_pass| Some(Finding { text: "x".to_owned(), may_pass });
        check.note(finding(true), now);
        check.note(finding(true), now + ROTATION);
        assert_eq!(check.problem(now + ROTATION / 2), None);
        assert_eq!(check.problem(now + ROTATION).as_deref(), Some("x"));
        check.note(finding(false), now + ROTATION);
        assert_eq!(check.problem(now + ROTATION).as_deref(), Some("x"));
        check.note(None, now + ROTATION);
        assert_eq!(check.problem(now + ROTATION * 2), None);
    }
}
