//! An endpoint's own proxy: what it receives, and whose fault its failures are.

use std::sync::{Arc, Mutex};

use countersign::delivery::{Class, SendOutcome};
use countersign::store::transport::Transport;
use tokio::io::{AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;

use super::peer::{Peer, answer, header, ok, read_request};
use super::tls::{secure, trusting};
use super::{assert_failed, egress, endpoint, send_event, try_once};

/// A proxy that opens tunnels to one local port, for any target, and records the requested targets.
async fn tunnels(port: u16) -> (Peer, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::<Mutex<Vec<String>>>::default();
    let kept = asked.clone();
    let proxy = Peer::start(move |mut stream, _| {
        let kept = kept.clone();
        async move {
            let request = read_request(&mut stream).await.unwrap();
            kept.lock().unwrap().push(request);
            stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
            let mut target = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            copy_bidirectional(&mut stream, &mut target).await.unwrap_or_default();
        }
    })
    .await;
    (proxy, asked)
}

fn through(proxy: &str) -> Transport {
    Transport { proxy: Some(proxy.to_owned().into()), ..trusting() }
}

async fn by(proxy: &Peer, url: &str) -> SendOutcome {
    try_once(url, through(&format!("http://user:p%40ss@127.0.0.1:{}", proxy.port))).await
}

#[tokio::test]
async fn a_plain_target_is_forwarded() {
    let proxy = Peer::answering(ok).await;
    assert_eq!(by(&proxy, "http://target.test:8009/hook?x=1").await.class, Class::Success);
    let request = proxy.requests().remove(0);
    assert!(request.starts_with("POST http://target.test:8009/hook?x=1 HTTP/1.1\r\n"), "{request}");
    assert_eq!(header(&request, "proxy-authorization"), Some("Basic dXNlcjpwQHNz"));
}

#[tokio::test]
async fn a_secure_target_is_reached_through_a_tunnel() {
    let target = secure(false).await;
    let (proxy, asked) = tunnels(target.port).await;
    let outcome = by(&proxy, &format!("https://target.test:{}/hook", target.port)).await;
    assert_eq!(outcome.class, Class::Success, "{outcome:?}");
    let asked = asked.lock().unwrap().remove(0);
    assert!(asked.starts_with(&format!("CONNECT target.test:{} HTTP/1.1\r\n", target.port)), "{asked}");
    assert_eq!(header(&asked, "proxy-authorization"), Some("Basic dXNlcjpwQHNz"));
    assert_eq!(header(&target.requests()[0], "proxy-authorization"), None, "that is the proxy's alone");
    let outcome = by(&proxy, &format!("https://other.test:{}/hook", target.port)).await;
    assert_failed(&outcome, Class::Tls, "the server's certificate is not for the host in the URL");
}

#[tokio::test]
async fn the_proxys_faults_are_not_the_endpoints() {
    for (status, target, words) in [
        ("407 Who are you", "http://target.test:8009/", "the proxy: it answered 407"),
        ("502 Bad Gateway", "http://target.test:8009/", "the proxy: it answered 502"),
        ("504 Too late", "http://target.test:8009/", "the proxy: it answered 504"),
        ("407 Who are you", "https://target.test/", "proxy authorization required"),
        ("403 No", "https://target.test/", "the proxy: tunnel error: unsuccessful"),
        ("503 No", "https://target.test/", "the proxy: tunnel error: unsuccessful"),
    ] {
        let proxy = Peer::answering(move |_| answer(status, "", "")).await;
        let outcome = by(&proxy, target).await;
        assert_failed(&outcome, Class::Proxy, words);
        assert!(outcome.class.is_retried() && !outcome.class.is_charged());
    }
    let port = Peer::answering(ok).await.port;
    let free = (port + 1..).find(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap();
    let mute = Peer::start(|stream, _| async move {
        let _open = stream;
        std::future::pending().await
    })
    .await;
    for target in ["http://target.test:8009/", "https://target.test/"] {
        let away = through(&format!("http://127.0.0.1:{free}"));
        assert_failed(&try_once(target, away).await, Class::Proxy, "Connection refused");
        assert_failed(&try_once(target, through("http://silent.test:3128")).await, Class::Proxy, "");
    }
    assert_failed(&by(&mute, "https://target.test/").await, Class::Proxy, "");
}

#[tokio::test]
async fn the_targets_answer_counts_as_the_targets() {
    let proxy = Peer::answering(|_| answer("500 Broken", "", "")).await;
    let outcome = by(&proxy, "http://target.test:8009/").await;
    assert_eq!((outcome.class, outcome.status), (Class::Transient, Some(500)));
}

/// The proxy would resolve the name itself, and reach targets that are forbidden to the hub.
#[tokio::test]
async fn no_internal_target_is_passed_to_a_proxy() {
    let proxy = Peer::answering(ok).await;
    for url in [
        "http://inside.test:8009/",
        "https://inside.test/",
        "http://mixed.test:8009/",
        "http://10.0.0.1/",
        "https://169.254.169.254/",
    ] {
        assert_failed(&by(&proxy, url).await, Class::Forbidden, "COUNTERSIGN_ALLOW_TARGETS");
    }
    assert_failed(
        &by(&proxy, "http://nothing.test:8009/").await,
        Class::Resolve,
        "only if COUNTERSIGN_ALLOW_TARGETS lists it",
    );
    assert_failed(&by(&proxy, "http://silent.test:8009/").await, Class::Resolve, "no answer from the name server");
    assert_eq!(proxy.connections(), 0);
    let inside = through("http://inside.test:3128");
    assert_failed(&try_once("http://target.test:8009/", inside).await, Class::Proxy, "COUNTERSIGN_ALLOW_TARGETS");
    let inside = through("http://10.0.0.1:3128");
    assert_failed(&try_once("http://target.test:8009/", inside).await, Class::Forbidden, "10.0.0.1");
}

#[tokio::test]
async fn a_changed_proxy_is_used_at_once() {
    let (first, second, egress) = (Peer::answering(ok).await, Peer::answering(ok).await, egress());
    let mut endpoint = endpoint("http://target.test:8009/", through(&format!("http://127.0.0.1:{}", first.port)));
    send_event(&egress, &endpoint).await;
    endpoint.transport = through(&format!("http://127.0.0.1:{}", second.port));
    send_event(&egress, &endpoint).await;
    assert_eq!((first.requests().len(), second.requests().len()), (1, 1));
}
