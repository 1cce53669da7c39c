//! The meaning of an answer.

use std::time::Duration;

use countersign::delivery::{Class, Control};
use countersign::store::deliveries::DeliveryState;
use countersign::store::endpoints::RetiringSecret;
use countersign::store::transport::{Auth, Transport};

use super::peer::{Peer, answer, header, ok};
use super::{NOW, assert_failed, egress, endpoint, send_event, try_once};

#[tokio::test]
async fn classes_by_status() {
    for (status, class) in [
        (200, Class::Success),
        (204, Class::Success),
        (301, Class::Permanent),
        (400, Class::Permanent),
        (401, Class::Permanent),
        (404, Class::Permanent),
        (407, Class::Transient),
        (408, Class::Transient),
        (410, Class::Gone),
        (429, Class::Throttled),
        (500, Class::Transient),
        (502, Class::Transient),
        (503, Class::Throttled),
        (504, Class::Transient),
    ] {
        let peer = Peer::answering(move |_| answer(&format!("{status} Told"), "", "")).await;
        let outcome = try_once(&peer.url(), Transport::default()).await;
        assert_eq!((outcome.class, outcome.status), (class, Some(status)));
    }
}

#[test]
fn failures_are_charged_to_the_right_party() {
    let all = [
        (Class::Success, false, false),
        (Class::Permanent, false, true),
        (Class::Gone, false, true),
        (Class::Throttled, true, true),
        (Class::Transient, true, true),
        (Class::Tls, true, true),
        (Class::Forbidden, true, true),
        (Class::Resolve, true, false),
        (Class::Proxy, true, false),
        (Class::Credentials, true, false),
        (Class::Setup, false, false),
    ];
    for (class, retried, charged) in all {
        assert_eq!((class.is_retried(), class.is_charged()), (retried, charged), "{class:?}");
    }
}

#[tokio::test]
async fn retry_after_may_be_seconds_or_a_date() {
    for (header, expected) in [
        ("retry-after: 120\r\n", Some(120)),
        ("retry-after: Mon, 01 Jan 2024 00:02:00 GMT\r\n", Some(120)),
        ("retry-after: Sun, 31 Dec 2023 00:00:00 GMT\r\n", Some(0)),
        ("retry-after: later\r\n", None),
        ("", None),
    ] {
        let peer = Peer::answering(move |_| answer("503 Busy", header, "")).await;
        let outcome = try_once(&peer.url(), Transport::default()).await;
        assert_eq!(outcome.retry_after, expected.map(Duration::from_secs), "{header}");
    }
}

#[tokio::test]
async fn a_redirect_is_shown_and_not_followed() {
    let inner = Peer::answering(ok).await;
    let to = inner.url();
    for status in [301, 302, 303, 307, 308] {
        let location = format!("location: {to}?sig=SECRET\r\n");
        let peer = Peer::answering(move |_| answer(&format!("{status} Elsewhere"), &location, "")).await;
        let outcome = try_once(&peer.url(), Transport::default()).await;
        let origin = format!("it points to http://127.0.0.1:{}/…", inner.port);
        assert_failed(&outcome, Class::Permanent, &origin);
        assert!(!outcome.error.unwrap().contains("SECRET"));
    }
    assert_eq!(inner.connections(), 0);
}

#[tokio::test]
async fn the_answer_header_counts_only_where_it_is_enabled() {
    let open = || Transport { answer_control: true, ..Transport::default() };
    for (status, value, class, end, control) in [
        (500, "abort-message", Class::Permanent, Some(DeliveryState::Discarded), Some(Control::AbortMessage)),
        (200, "abort-message", Class::Success, Some(DeliveryState::Discarded), Some(Control::AbortMessage)),
        (500, "disable", Class::Gone, None, Some(Control::Disable)),
        (200, "disable", Class::Success, Some(DeliveryState::Delivered), Some(Control::Disable)),
        (500, "something else", Class::Transient, None, None),
    ] {
        let peer =
            Peer::answering(move |_| answer(&format!("{status} Told"), &format!("webhook-delivery: {value}\r\n"), ""))
                .await;
        let outcome = try_once(&peer.url(), open()).await;
        assert_eq!((outcome.class, outcome.end, outcome.control), (class, end, control), "{status} {value}");
        assert_eq!(outcome.error.is_some_and(|error| error.contains(value)), control.is_some());
        let outcome = try_once(&peer.url(), Transport::default()).await;
        assert_eq!(outcome.control, None, "{status} {value}");
    }
}

#[tokio::test]
async fn all_live_secrets_sign_the_message() {
    let (new, old, gone) = (
        "whsec_bmV3bmV3bmV3bmV3bmV3bmV3bmV3",
        "whsec_b2xkb2xkb2xkb2xkb2xkb2xkb2xk",
        "whsec_Z29uZWdvbmVnb25lZ29uZWdvbmU=",
    );
    let peer = Peer::answering(ok).await;
    let mut endpoint = endpoint(&peer.url(), Transport::default());
    endpoint.secret = Some(new.to_owned().into());
    let retiring = |secret: &str, until| RetiringSecret { secret: secret.to_owned().into(), until };
    endpoint.retiring = vec![retiring(old, NOW + Duration::from_micros(1)), retiring(gone, NOW)];
    send_event(&egress(), &endpoint).await;
    let request = peer.requests().remove(0);
    let expected: Vec<String> = [new, old]
        .map(|secret| {
            standardwebhooks::Webhook::new(secret).unwrap().sign("evt_1", NOW.as_seconds(), b"{\"a\":1}").unwrap()
        })
        .into();
    assert_eq!(header(&request, "webhook-signature"), Some(expected.join(" ").as_str()));
    assert_eq!(
        (header(&request, "webhook-id"), header(&request, "webhook-timestamp")),
        (Some("evt_1"), Some("1704067200"))
    );
}

#[tokio::test]
async fn headers_and_credentials_are_sent() {
    let peer = Peer::answering(ok).await;
    let headers =
        [("x-api-key".to_owned(), "k".to_owned().into()), ("user-agent".to_owned(), "ours/1".to_owned().into())];
    let basic = Auth::Basic { username: "user".to_owned(), password: "pass:ä".to_owned().into() };
    let bearer = Auth::Bearer { token: "t0ken".to_owned().into() };
    try_once(&peer.url(), Transport { headers: headers.into(), auth: Some(basic), ..Transport::default() }).await;
    try_once(&peer.url(), Transport { auth: Some(bearer), ..Transport::default() }).await;
    let requests = peer.requests();
    let sent = |index: usize, name: &str| header(&requests[index], name).unwrap_or_default().to_owned();
    assert_eq!((sent(0, "x-api-key"), sent(0, "user-agent")), ("k".to_owned(), "ours/1".to_owned()));
    assert_eq!(
        (sent(0, "authorization"), sent(1, "authorization")),
        ("Basic dXNlcjpwYXNzOsOk".to_owned(), "Bearer t0ken".to_owned())
    );
    assert_eq!(
        (sent(1, "content-type"), sent(1, "user-agent")),
        ("application/json".to_owned(), concat!("countersign/", env!("CARGO_PKG_VERSION")).to_owned())
    );
}

/// A change of an endpoint applies from the next send on.
#[tokio::test]
async fn a_changed_endpoint_is_prepared_again() {
    let (first, second, egress) = (Peer::answering(ok).await, Peer::answering(ok).await, egress());
    let mut endpoint = endpoint(&first.url(), Transport::default());
    send_event(&egress, &endpoint).await;
    endpoint.url = second.url().into();
    endpoint.transport.headers.insert("x-new".to_owned(), "yes".to_owned().into());
    send_event(&egress, &endpoint).await;
    assert_eq!((first.requests().len(), second.requests().len()), (1, 1));
    assert_eq!(header(&second.requests()[0], "x-new"), Some("yes"));
    endpoint.url = "http://10.0.0.1/".to_owned().into();
    assert_failed(&send_event(&egress, &endpoint).await, Class::Forbidden, "10.0.0.1");
}
