//! `OAuth2` client credentials: one token for all sends, kept while valid, and renewed when the target refuses it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign::delivery::{Class, SendOutcome, send};
use countersign::store::transport::{Auth, Transport};
use futures_util::future::join_all;

use super::peer::{Peer, answer, header, ok};
use super::{NOW, assert_failed, egress, endpoint, send_event, try_once};

fn credentials(token_url: &str) -> Transport {
    let auth = Auth::Oauth2 {
        token_url: token_url.to_owned(),
        client_id: "hub:1".to_owned(),
        client_secret: "se cret&é".to_owned().into(),
        scope: Some("hooks write".to_owned()),
    };
    Transport { auth: Some(auth), ..Transport::default() }
}

/// Tokens `token-1`, `token-2` and so on.
async fn issuer(expires_in: &'static str) -> Peer {
    let count = Arc::new(AtomicUsize::new(0));
    Peer::answering(move |_| {
        let number = count.fetch_add(1, Ordering::SeqCst) + 1;
        let body =
            format!(r#"{{"access_token": "token-{number}", "token_type": "Bearer", "expires_in": {expires_in}}}"#);
        answer("200 OK", "content-type: application/json\r\n", &body)
    })
    .await
}

fn bearers(peer: &Peer) -> Vec<String> {
    peer.requests().iter().map(|request| header(request, "authorization").unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn a_hundred_sends_fetch_one_token() {
    let (issuer, target, egress) = (issuer("3600").await, Peer::answering(ok).await, egress());
    let endpoint = endpoint(&target.url(), credentials(&issuer.url()));
    let outcomes = join_all((0..100).map(|_| send_event(&egress, &endpoint))).await;
    assert!(outcomes.iter().all(|outcome| outcome.class == Class::Success), "{outcomes:?}");
    assert!(bearers(&target).iter().all(|bearer| bearer == "Bearer token-1"));
    let requests = issuer.requests();
    assert_eq!((requests.len(), target.requests().len()), (1, 100));
    // RFC 6749 §2.3.1: both are form-encoded before they are joined.
    use base64::Engine as _;
    let expected = base64::engine::general_purpose::STANDARD.encode("hub%3A1:se+cret%26%C3%A9");
    assert_eq!(header(&requests[0], "authorization"), Some(&*format!("Basic {expected}")));
    assert!(requests[0].ends_with("\r\n\r\ngrant_type=client_credentials&scope=hooks+write"), "{}", requests[0]);
    assert_eq!(header(&requests[0], "content-type"), Some("application/x-www-form-urlencoded"));
}

#[tokio::test]
async fn a_token_is_used_until_shortly_before_its_end() {
    for (expires_in, lasts) in [("600", 570), ("\"600\"", 570), ("40", 20), ("null", 270), ("99999999999", 86_370)] {
        let (issuer, target, egress) = (issuer(expires_in).await, Peer::answering(ok).await, egress());
        let endpoint = endpoint(&target.url(), credentials(&issuer.url()));
        for (after, token) in [(0, 1), (lasts - 1, 1), (lasts, 2)] {
            let now = NOW + Duration::from_secs(after);
            assert_eq!(send(&egress, &endpoint, "evt_1", String::new(), now).await.class, Class::Success);
            assert_eq!(bearers(&target).pop(), Some(format!("Bearer token-{token}")), "{expires_in} after {after} s");
        }
    }
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    let good = Arc::new(Mutex::new("Bearer token-1".to_owned()));
    let expected = Arc::clone(&good);
    let target = Peer::answering(move |request| {
        let known = header(request, "authorization") == Some(&**expected.lock().unwrap());
        answer(if known { "200 OK" } else { "401 Unknown" }, "", "")
    })
    .await;
    let (issuer, egress) = (issuer("3600").await, egress());
    let endpoint = endpoint(&target.url(), credentials(&issuer.url()));
    assert_eq!(send_event(&egress, &endpoint).await.class, Class::Success);
    "Bearer token-2".clone_into(&mut good.lock().unwrap());
    assert_failed(&send_event(&egress, &endpoint).await, Class::Credentials, "the target refuses the token (401)");
    assert_eq!(send_event(&egress, &endpoint).await.class, Class::Success);
    // Later the same again; a new token no longer helps.
    "nothing".clone_into(&mut good.lock().unwrap());
    assert_failed(&send_event(&egress, &endpoint).await, Class::Credentials, "the target refuses the token (401)");
    let outcome = send_event(&egress, &endpoint).await;
    assert_eq!((outcome.class, outcome.status), (Class::Permanent, Some(401)));
    assert_eq!(issuer.requests().len(), 3);
}

async fn refused(status: &'static str, headers: &'static str, body: &'static str) -> (SendOutcome, usize) {
    let issuer = Peer::answering(move |_| answer(status, headers, body)).await;
    let target = Peer::answering(ok).await;
    let outcome = try_once(&target.url(), credentials(&issuer.url())).await;
    assert!(outcome.class.is_retried() && !outcome.class.is_charged());
    let error = outcome.error.clone().unwrap();
    assert!(error.starts_with(&format!("no token from http://127.0.0.1:{}/…: ", issuer.port)), "{error}");
    assert!(!error.contains("cret") && !error.contains("hook"), "{error}");
    (outcome, target.connections())
}

#[tokio::test]
async fn without_a_token_nothing_is_sent() {
    for (status, headers, body, words) in [
        (
            "401 No",
            "",
            r#"{"error": "invalid_client", "error_description": "wrong secret"}"#,
            "it answered 401 invalid_client",
        ),
        ("400 No", "", r#"{"error": "a secret <b>"}"#, "it answered 400"),
        ("500 No", "", "", "it answered 500"),
        ("302 Elsewhere", "location: http://127.0.0.1:1/\r\n", "", "it answered 302"),
        ("200 OK", "", "<html>", "its answer contains no token"),
        ("200 OK", "", r#"{"access_token": "a\nb"}"#, "its token is not a valid header value"),
        ("200 OK", "", r#"{"access_token": "x", "token_type": "mac"}"#, "its token is not a bearer token"),
    ] {
        let (outcome, connections) = refused(status, headers, body).await;
        assert_failed(&outcome, Class::Credentials, words);
        assert_eq!(connections, 0);
    }
}

#[tokio::test]
async fn an_issuer_is_judged_by_the_same_target_rules() {
    let target = Peer::answering(ok).await;
    let mute = Peer::start(|stream, _| async move {
        let _open = stream;
        std::future::pending().await
    })
    .await;
    let (egress, start) = (egress(), std::time::Instant::now());
    let endpoint = endpoint(&target.url(), credentials(&mute.url()));
    let outcomes = join_all((0..10).map(|_| send_event(&egress, &endpoint))).await;
    assert!(
        start.elapsed() < Duration::from_millis(4_000),
        "one deadline, also for callers that wait for the same token"
    );
    outcomes.iter().for_each(|outcome| assert_failed(outcome, Class::Credentials, "no complete answer within 2 s"));
    assert_failed(
        &try_once(&target.url(), credentials("http://inside.test:8009/")).await,
        Class::Credentials,
        "10.0.0.1",
    );
    assert_failed(
        &try_once(&target.url(), credentials("http://silent.test:8009/")).await,
        Class::Credentials,
        "name server",
    );
    assert_failed(&try_once(&target.url(), credentials("http://10.0.0.1/")).await, Class::Forbidden, "10.0.0.1");
    assert_eq!(target.connections(), 0);
}

/// All who wait for a fetch get its result; a later caller tries again.
#[tokio::test]
async fn a_failed_fetch_is_shared_and_not_kept() {
    let count = Arc::new(AtomicUsize::new(0));
    let issuer = Peer::answering(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => answer("503 Busy", "", ""),
        _ => answer("200 OK", "", r#"{"access_token": "t"}"#),
    })
    .await;
    let (target, egress) = (Peer::answering(ok).await, egress());
    let endpoint = endpoint(&target.url(), credentials(&issuer.url()));
    let outcomes = join_all((0..10).map(|_| send_event(&egress, &endpoint))).await;
    outcomes.iter().for_each(|outcome| assert_failed(outcome, Class::Credentials, "it answered 503"));
    assert_eq!(issuer.requests().len(), 1);
    assert_eq!(send_event(&egress, &endpoint).await.class, Class::Success);
}
