//! A provider's document and keys: fetched when they are needed, by one caller for all, and again when keys change.

use std::sync::Arc;
use std::time::Duration;

use countersign::oidc::{OidcError, Provider, ProviderError, TokenError};
use countersign::time::Timestamp;
use serde_json::json;

use crate::support::{Issuer, SigningKey};

const DISCOVERY: &str = "/.well-known/openid-configuration";

fn start() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

async fn issuer() -> (Issuer, Provider) {
    let issuer = Issuer::start(start()).await;
    let provider = Provider::new(&issuer.url).unwrap();
    (issuer, provider)
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_of_all_usual_algorithms_are_verified() {
    let (issuer, provider) = issuer().await;
    issuer.conduct().keys = vec![SigningKey::rs256("r"), SigningKey::es256("e"), SigningKey::ed25519("d")];
    for algorithm in ["RS256", "ES256", "EdDSA"] {
        let token = issuer.sign(&json!({"aud": "hub", "sub": algorithm, "address": "a text"}));
        let claims = provider.verify(&token, "hub", start()).await.unwrap();
        assert_eq!(claims["sub"], algorithm);
        assert_eq!(claims["address"], "a text");
        let refused = provider.verify(&token, "other", start()).await.unwrap_err();
        assert!(matches!(refused, OidcError::Token(TokenError::Audience { .. })), "{refused}");
        // The signature covers the header: neither it nor the claims can be exchanged.
        let parts: Vec<&str> = token.split('.').collect();
        let other = issuer.sign(&json!({"aud": "hub", "sub": "other"}));
        let mixed = format!("{}.{}.{}", parts[0], other.split('.').nth(1).unwrap(), parts[2]);
        assert!(provider.verify(&mixed, "hub", start()).await.is_err());
        issuer.conduct().keys.rotate_left(1);
    }
    issuer.conduct().header = json!({"alg": "Ed25519"});
    issuer.conduct().keys.rotate_left(2);
    let token = issuer.sign(&json!({"aud": "hub", "sub": "d"}));
    assert_eq!(provider.verify(&token, "hub", start()).await.unwrap()["sub"], "d");
    assert_eq!((issuer.calls(DISCOVERY), issuer.calls("/keys")), (1, 1), "one fetch for all");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_the_discovery_document_allows_is_accepted() {
    let (issuer, provider) = issuer().await;
    issuer.conduct().discovery = json!({"id_token_signing_alg_values_supported": ["RS256", "none", "HS256"]});
    let token = issuer.sign(&json!({"aud": "hub"}));
    let error = provider.verify(&token, "hub", start()).await.unwrap_err();
    assert_eq!(error, OidcError::Token(TokenError::Algorithm { alg: "ES256".to_owned(), allowed: "RS256".to_owned() }));
    for (alg, expected) in [("none", TokenError::Unsigned), ("HS256", TokenError::Unsupported("HS256".to_owned()))] {
        issuer.conduct().header = json!({"alg": alg});
        let token = issuer.sign(&json!({"aud": "hub"}));
        assert_eq!(provider.verify(&token, "hub", start()).await.unwrap_err(), OidcError::Token(expected));
    }
    issuer.conduct().header = json!({"typ": "at+jwt"});
    let token = issuer.sign(&json!({"aud": "hub"}));
    let error = provider.verify(&token, "hub", start()).await.unwrap_err();
    assert_eq!(error, OidcError::Token(TokenError::Type("at+jwt".to_owned())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_key_leads_to_one_fetch_in_half_a_minute() {
    let (issuer, provider) = issuer().await;
    let claims = json!({"aud": "hub"});
    let old = issuer.sign(&claims);
    provider.verify(&old, "hub", start()).await.unwrap();
    issuer.conduct().keys = vec![SigningKey::es256("second")];
    let new = issuer.sign(&claims);
    let unknown = OidcError::Token(TokenError::UnknownKey("second".to_owned()));
    assert_eq!(provider.verify(&new, "hub", start() + seconds(29)).await.unwrap_err(), unknown);
    assert_eq!(issuer.calls("/keys"), 1);
    provider.verify(&new, "hub", start() + seconds(30)).await.unwrap();
    assert_eq!(issuer.calls("/keys"), 2);
    // The old key is gone, and asking for it costs the provider nothing.
    for _ in 0..10 {
        let error = provider.verify(&old, "hub", start() + seconds(31)).await.unwrap_err();
        assert_eq!(error, OidcError::Token(TokenError::UnknownKey("first".to_owned())));
    }
    assert_eq!(issuer.calls("/keys"), 2);
    // A key that takes another's id is found too.
    issuer.conduct().keys = vec![SigningKey::es256("second")];
    let newer = issuer.sign(&claims);
    assert!(provider.verify(&newer, "hub", start() + seconds(31)).await.is_err());
    provider.verify(&newer, "hub", start() + seconds(61)).await.unwrap();
    assert_eq!(issuer.calls("/keys"), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_of_another_issuer_causes_no_call() {
    let (issuer, provider) = issuer().await;
    let token = issuer.sign(&json!({"aud": "hub", "iss": "https://elsewhere.example"}));
    let error = provider.verify(&token, "hub", start()).await.unwrap_err();
    assert!(matches!(error, OidcError::Token(TokenError::Issuer { .. })), "{error}");
    assert_eq!(issuer.calls(DISCOVERY), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_callers_share_one_fetch_and_one_failure() {
    let (issuer, provider) = issuer().await;
    let provider = Arc::new(provider);
    let token = issuer.sign(&json!({"aud": "hub"}));
    let all = |now: Timestamp| {
        let calls = (0..50).map(|_| {
            let (provider, token) = (Arc::clone(&provider), token.clone());
            tokio::spawn(async move { provider.verify(&token, "hub", now).await })
        });
        futures_util::future::join_all(calls)
    };
    issuer.conduct().down = vec!["*"];
    for result in all(start()).await {
        let error = result.unwrap().unwrap_err();
        assert!(matches!(error, OidcError::Provider(ProviderError::Status { status: 503, .. })), "{error}");
    }
    let failed = issuer.calls(DISCOVERY);
    assert_eq!(failed, 1);
    // The failure is remembered for seconds, not for good.
    issuer.conduct().down.clear();
    assert!(provider.verify(&token, "hub", start() + seconds(4)).await.is_err());
    assert_eq!(issuer.calls(DISCOVERY), failed);
    for result in all(start() + seconds(5)).await {
        result.unwrap().unwrap();
    }
    assert_eq!((issuer.calls(DISCOVERY), issuer.calls("/keys")), (failed + 1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_fetched_again_after_hours_and_kept_a_day_without_their_provider() {
    let (issuer, provider) = issuer().await;
    let hours = |hours: u64| start() + seconds(hours * 3_600);
    let verified = async |now: Timestamp| {
        issuer.conduct().now = now;
        provider.verify(&issuer.sign(&json!({"aud": "hub"})), "hub", now).await.is_ok()
    };
    assert!(verified(hours(0)).await && verified(hours(3)).await);
    assert_eq!(issuer.calls("/keys"), 1);
    assert!(verified(hours(4)).await);
    assert_eq!(issuer.calls("/keys"), 2);
    issuer.conduct().down = vec!["*"];
    assert!(verified(hours(9)).await && verified(hours(27)).await);
    assert!(!verified(hours(28)).await, "a day after the last fetch");
    issuer.conduct().down.clear();
    assert!(verified(hours(29)).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_discovery_document_must_be_of_this_very_issuer() {
    for (change, says) in [
        (json!({"issuer": "https://login.example.com"}), "character by character"),
        (json!({"issuer": null}), "character by character"),
        (json!({"jwks_uri": null}), "no jwks_uri"),
        (json!({"jwks_uri": "http://10.0.0.1/keys"}), "https://"),
        (json!({"token_endpoint": 7}), "token_endpoint"),
        (json!({"id_token_signing_alg_values_supported": ["HS256"]}), "none that the hub can verify"),
    ] {
        let (issuer, provider) = issuer().await;
        issuer.conduct().discovery = change.clone();
        let token = issuer.sign(&json!({"aud": "hub"}));
        let error = provider.verify(&token, "hub", start()).await.unwrap_err().to_string();
        assert!(error.contains(says), "{change}: {error}");
    }
    let slashed = Issuer::start(start()).await;
    let provider = Provider::new(&format!("{}/", slashed.url)).unwrap();
    let token = slashed.sign(&json!({"aud": "hub", "iss": format!("{}/", slashed.url)}));
    let error = provider.verify(&token, "hub", start()).await.unwrap_err();
    assert!(matches!(error, OidcError::Provider(ProviderError::Issuer { .. })), "{error}");
}
