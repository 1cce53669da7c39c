//! Sealed values open in their place only, with the right key only, and as they were only.

use proptest::prelude::*;

use super::*;

const HERE: Place<'_> = Place { table: "endpoints", row: "ep_1", column: "url" };

fn key(byte: u8) -> SealingKey {
    SealingKey::new(&[byte; 32]).expect("a key")
}

fn keys(bytes: &[u8]) -> SealingKeys {
    let keys = SealingKeys::default();
    keys.replace(bytes.iter().map(|byte| key(*byte)).collect());
    keys.seal_with(keys.ids().first().copied());
    keys
}

#[test]
fn a_value_opens_in_its_own_place_only() {
    let keys = keys(&[1]);
    let sealed = keys.seal(HERE, "https://x.example/secret").expect("sealed");
    assert!(is_sealed(&sealed) && !sealed.contains("secret") && keys.is_current(&sealed));
    assert_eq!(keys.open(HERE, sealed.clone()).as_deref(), Ok("https://x.example/secret"));
    for elsewhere in
        [Place { table: "slack_jobs", ..HERE }, Place { row: "ep_2", ..HERE }, Place { column: "secret", ..HERE }]
    {
        assert_eq!(keys.open(elsewhere, sealed.clone()), Err(OpenError::Refused(key(1).id())), "{elsewhere:?}");
    }
}

#[test]
fn a_value_is_sealed_differently_each_time() {
    let keys = keys(&[1]);
    assert_ne!(keys.seal(HERE, "x").expect("sealed"), keys.seal(HERE, "x").expect("sealed"));
}

#[test]
fn any_of_the_keys_opens_and_one_seals() {
    let old = keys(&[1]).seal(HERE, "x").expect("sealed");
    let both = keys(&[2, 1]);
    assert_eq!(both.open(HERE, old.clone()).as_deref(), Ok("x"));
    assert!(!both.is_current(&old) && both.is_current(&both.seal(HERE, "x").expect("sealed")));
    assert_eq!(keys(&[2]).open(HERE, old), Err(OpenError::NoKey(key(1).id())));
}

#[test]
fn without_a_sealing_key_values_stay_in_clear_and_with_an_unknown_one_nothing_is_stored() {
    let keys = keys(&[1]);
    keys.seal_with(None);
    assert_eq!(keys.seal(HERE, "x").as_deref(), Ok("x"));
    assert!(keys.is_current("x"));
    keys.seal_with(Some(key(9).id()));
    assert_eq!(keys.seal(HERE, "x"), Err(SealError::NoKey(key(9).id())));
}

#[test]
fn nothing_shows_a_key() {
    let shown = format!("{:?}", keys(&[0x41]));
    assert!(shown.contains("SealingKey(") && !shown.contains("AAAA") && !shown.contains("65, 65"), "{shown}");
}

proptest! {
    #[test]
    fn a_changed_value_does_not_open(text in ".{0,80}", at in any::<prop::sample::Index>(), bit in 0_u8..7) {
        let keys = keys(&[1]);
        let sealed = keys.seal(HERE, &text).expect("sealed");
        prop_assert_eq!(keys.open(HERE, sealed.clone()), Ok(text));
        let mut bytes = sealed.clone().into_bytes();
        let at = MARK.len() + at.index(bytes.len() - MARK.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(keys.open(HERE, String::from_utf8(bytes).expect("ASCII")).is_err());
        prop_assert!(keys.open(HERE, sealed[..at].to_owned()).is_err());
    }
}
