//! Which settings are refused, and which tokens meet the conditions.

use serde_json::json;

use super::*;

fn given(issuer: &str, conditions: &[(&str, &[&str])]) -> UncheckedIssuer {
    let owned = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
    UncheckedIssuer {
        name: "ci".to_owned(),
        issuer: issuer.to_owned(),
        audience: "https://hub.example.com".to_owned(),
        conditions: conditions.iter().map(|(claim, values)| ((*claim).to_owned(), owned(values))).collect(),
        resources: BTreeSet::from(["deploy".parse().expect("a name")]),
        expires_seconds: None,
    }
}

const GITHUB: &str = "https://token.actions.githubusercontent.com";
const OWN: &str = "https://gitlab.example.com";

#[test]
fn conditions_are_required_of_every_issuer() {
    assert_eq!(given(OWN, &[]).check(), Err(IssuerError::NoCondition));
    for bare in ["*", "**"] {
        assert_eq!(given(OWN, &[("sub", &[bare])]).check(), Err(IssuerError::NoCondition), "{bare}");
    }
    assert_eq!(
        given(OWN, &[("sub", &["a", "*"])]).check(),
        Err(IssuerError::NoCondition),
        "one of the values is enough"
    );
    for checked in ["iss", "aud", "jti"] {
        assert_eq!(given(OWN, &[(checked, &["x"])]).check(), Err(IssuerError::NotACondition(checked.to_owned())));
    }
    given(OWN, &[("ref", &["main"])]).check().expect("a claim of an own issuer");
}

#[test]
fn a_public_issuer_needs_a_condition_that_names_an_owner() {
    for conditions in [
        &[("ref", &["refs/heads/main"][..])][..],
        &[("repository", &["*/shop"])],
        &[("repository", &["acme*"])],
        &[("repository", &["/*"])],
        &[("repository", &["acme/*", "a**"])],
        &[("repository_owner", &["ac*"])],
        &[("sub", &["repo:*/shop:ref:refs/heads/main"])],
        &[("sub", &["repo:**"])],
        &[("environment", &["production"])],
    ] {
        for issuer in [GITHUB, &format!("{GITHUB}/"), &GITHUB.replace("token", "TOKEN")] {
            let refused = given(issuer, conditions).check();
            assert!(matches!(refused, Err(IssuerError::NoOwner { .. })), "{conditions:?}: {refused:?}");
        }
    }
    for conditions in [
        &[("repository", &["acme/shop"][..])][..],
        &[("repository", &["acme/*"])],
        &[("repository_owner_id", &["4711"])],
        &[("sub", &["repo:acme/shop:*:**"]), ("ref", &["**"])],
        &[("ref", &["**"]), ("repository_owner", &["acme"])],
    ] {
        given(GITHUB, conditions).check().expect("an owner is named");
    }
    let error = given("https://gitlab.com", &[("ref", &["main"])]).check().expect_err("no project").to_string();
    assert!(error.contains("project_path") && error.contains("acme/*"), "{error}");
}

#[test]
fn other_fields_are_bounded() {
    let usual = || given(OWN, &[("sub", &["x"])]);
    for name in ["", "a b", &"a".repeat(65)] {
        assert_eq!(UncheckedIssuer { name: name.to_owned(), ..usual() }.check(), Err(IssuerError::Name));
    }
    assert_eq!(UncheckedIssuer { audience: String::new(), ..usual() }.check(), Err(IssuerError::Audience));
    assert_eq!(UncheckedIssuer { resources: BTreeSet::new(), ..usual() }.check(), Err(IssuerError::Resources));
    for seconds in [0, 3_601] {
        assert_eq!(UncheckedIssuer { expires_seconds: Some(seconds), ..usual() }.check(), Err(IssuerError::Lifetime));
    }
    assert_eq!(usual().check().expect("usable").lifetime(), Duration::from_secs(900));
    let many: Vec<String> = (0..33).map(|number| number.to_string()).collect();
    let conditions = BTreeMap::from([("sub".to_owned(), many.clone())]);
    assert_eq!(UncheckedIssuer { conditions, ..usual() }.check(), Err(IssuerError::TooMany));
    let conditions = many.into_iter().map(|claim| (claim, vec!["x".to_owned()])).collect();
    assert_eq!(UncheckedIssuer { conditions, ..usual() }.check(), Err(IssuerError::TooMany));
    let conditions = BTreeMap::from([("sub".to_owned(), Vec::new())]);
    assert!(matches!(UncheckedIssuer { conditions, ..usual() }.check(), Err(IssuerError::Pattern { .. })));
}

#[test]
fn every_condition_has_to_be_met() {
    let conditions =
        [("repository", &["acme/*"][..]), ("protected", &["true"]), ("id", &["7", "8"]), ("groups", &["ops"])];
    let issuer = given(OWN, &conditions).check().expect("usable");
    let usual = json!({"repository": "acme/shop", "protected": true, "id": 8, "groups": ["dev", "ops"], "other": "x"});
    let claims = |change: (&str, Value)| {
        let mut claims = usual.as_object().expect("an object").clone();
        match change.1 {
            Value::Null => claims.remove(change.0),
            value => claims.insert(change.0.to_owned(), value),
        };
        claims
    };
    let matched = issuer.matched(usual.as_object().expect("an object")).expect("all are met");
    assert_eq!(matched.keys().collect::<Vec<_>>(), ["groups", "id", "protected", "repository"]);
    for change in [
        ("repository", Value::Null),
        ("repository", json!("acme-two/shop")),
        ("repository", json!({"acme/shop": 1})),
        ("repository", json!([["acme/shop"]])),
        ("protected", json!(false)),
        ("protected", json!("True")),
        ("id", json!(78)),
        ("groups", json!([])),
        ("groups", json!("dev")),
    ] {
        assert_eq!(issuer.matched(&claims(change.clone())), Err(Mismatch(change.0.to_owned())), "{change:?}");
    }
    issuer.matched(&claims(("protected", json!("true")))).expect("as a text too");
}
