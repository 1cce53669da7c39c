//! One deadline over the whole exchange, and a limit on how much of an answer is read.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use countersign::delivery::{Class, Egress, SendOutcome};
use countersign::store::transport::Transport;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;

use super::peer::{Peer, answer, ok, read_request};
use super::{FixedNames, assert_failed, egress, endpoint, policy, send_event, try_once};

/// Checks that the outcome is available soon after the deadline.
async fn in_time(url: &str) -> SendOutcome {
    let start = Instant::now();
    let outcome = try_once(url, Transport::default()).await;
    assert!(start.elapsed() < Duration::from_millis(4_000), "{:?} {outcome:?}", start.elapsed());
    assert_eq!((outcome.status, &outcome.answer), (None, &None));
    outcome
}

#[tokio::test]
async fn a_silent_name_server_is_not_the_endpoints_fault() {
    let outcome = in_time("http://silent.test:8009/").await;
    assert_failed(&outcome, Class::Resolve, "no answer from the name server in time");
    assert!(outcome.class.is_retried() && !outcome.class.is_charged());
    assert_failed(&in_time("http://nothing.test:8009/").await, Class::Resolve, "the name has no address");
}

#[tokio::test]
async fn a_silent_network_ends() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    // Nobody accepts: once its queue is full, the machine drops new connections.
    let mut waiting = Vec::new();
    while let Ok(Ok(stream)) = tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
        waiting.push(stream);
    }
    assert_failed(&in_time(&format!("http://{address}/")).await, Class::Transient, "cannot connect");
}

#[tokio::test]
async fn a_handshake_that_stalls_ends() {
    let peer = Peer::start(|stream, _| async move {
        let _open = stream;
        std::future::pending().await
    })
    .await;
    let outcome = in_time(&peer.url().replace("http:", "https:")).await;
    assert_failed(&outcome, Class::Transient, "cannot connect");
}

#[tokio::test]
async fn a_dripping_answer_does_not_extend_the_deadline() {
    for before in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n"] {
        let peer = Peer::start(move |mut stream, _| async move {
            read_request(&mut stream).await;
            stream.write_all(before.as_bytes()).await.unwrap();
            for byte in "HTTP/1.1 200 OK\r\nx-long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa".bytes() {
                tokio::time::sleep(Duration::from_millis(100)).await;
                if stream.write_all(&[byte]).await.is_err() {
                    return;
                }
            }
        })
        .await;
        let outcome = in_time(&peer.url()).await;
        assert_failed(&outcome, Class::Transient, "no complete answer within 2 s");
        assert!(outcome.class.is_retried() && outcome.class.is_charged());
    }
}

#[tokio::test]
async fn a_refused_connection_is_reported_as_such() {
    let port = Peer::answering(ok).await.port;
    let free = (port + 1..).find(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap();
    let outcome = in_time(&format!("http://127.0.0.1:{free}/")).await;
    assert_failed(&outcome, Class::Transient, "cannot connect: tcp connect error: Connection refused");
}

/// Sends an endless answer; returns how much the peer could send before the connection was closed, and the outcome.
async fn sent_of(head: &'static str, piece: &'static [u8], pieces: usize) -> (usize, SendOutcome) {
    let (count, mut counted) = mpsc::unbounded_channel();
    let peer = Peer::start(move |mut stream, _| {
        let count = count.clone();
        async move {
            read_request(&mut stream).await;
            stream.write_all(head.as_bytes()).await.unwrap();
            let mut sent = 0;
            for _ in 0..pieces {
                match stream.write_all(piece).await {
                    Ok(()) => sent += piece.len(),
                    Err(_) => break,
                }
            }
            count.send(sent).unwrap();
        }
    })
    .await;
    let outcome = try_once(&peer.url(), Transport::default()).await;
    (counted.recv().await.unwrap(), outcome)
}

#[tokio::test]
async fn a_huge_answer_is_cut_off() {
    static PIECE: [u8; 65_536] = [b' '; 65_536];
    let (sent, outcome) = sent_of("HTTP/1.1 200 OK\r\ncontent-length: 268435456\r\n\r\n", &PIECE, 4_096).await;
    assert_eq!((outcome.class, outcome.answer.unwrap().len()), (Class::Success, 1_024));
    assert!(sent < 16 << 20, "{sent} bytes of 256 MiB went out: what the machines' buffers hold, at most");
    let (sent, outcome) = sent_of("HTTP/1.1 200 OK\r\n\r\n", &PIECE, 4_096).await;
    assert_eq!((outcome.class, sent < 16 << 20), (Class::Success, true), "without a length");
}

#[tokio::test]
async fn a_flood_of_headers_is_an_error() {
    let (sent, outcome) =
        sent_of("HTTP/1.1 200 OK\r\n", b"x-header: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n", 1_000_000).await;
    assert_failed(&outcome, Class::Transient, "the connection broke");
    assert!(sent < 16 << 20, "{sent}");
    let (_, outcome) = sent_of("HTTP/1.1 200 OK\r\nx-long: ", &[b'a'; 4_096], 100_000).await;
    assert_failed(&outcome, Class::Transient, "the connection broke");
}

/// The hub requests no encoding, and unpacks none.
#[tokio::test]
async fn a_compressed_answer_is_not_unpacked() {
    let script = "head -c 104857600 /dev/zero | gzip -9";
    let bomb = std::process::Command::new("sh").args(["-c", script]).output().unwrap().stdout;
    assert!(bomb.len() < 1 << 20, "a hundred times and more when it is unpacked");
    let peer = Peer::start(move |mut stream, peer| {
        let bomb = bomb.clone();
        async move {
            let request = read_request(&mut stream).await.unwrap();
            assert!(request.contains("accept-encoding: identity\r\n"), "{request}");
            let head = answer("200 OK", "content-encoding: gzip\r\n", "")
                .replace("length: 0", &format!("length: {}", bomb.len()));
            stream.write_all(head.as_bytes()).await.unwrap();
            stream.write_all(&bomb).await.unwrap_or_default();
            drop(peer);
            stream.read_to_end(&mut Vec::new()).await.unwrap_or_default();
        }
    })
    .await;
    let outcome = try_once(&peer.url(), Transport::default()).await;
    assert_eq!((outcome.class, outcome.answer.as_deref()), (Class::Success, Some("(an encoded answer is not read)")));
}

#[tokio::test]
async fn connections_are_kept_and_shared() {
    let peer = Peer::answering(ok).await;
    let (egress, one, other) =
        (egress(), endpoint(&peer.url(), Transport::default()), endpoint(&peer.url(), Transport::default()));
    for endpoint in [&one, &other, &one, &other] {
        assert_eq!(send_event(&egress, endpoint).await.class, Class::Success);
    }
    assert_eq!((peer.requests().len(), peer.connections()), (4, 1));
}

/// An unreachable name server does not delay other endpoints.
#[tokio::test]
async fn a_silent_name_server_delays_no_other_endpoint() {
    let (peer, egress) = (Peer::answering(ok).await, egress());
    let (silent, healthy) =
        (endpoint("http://silent.test:8009/", Transport::default()), endpoint(&peer.url(), Transport::default()));
    let slow = async { futures_util::future::join_all((0..100).map(|_| send_event(&egress, &silent))).await };
    let quick = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let start = Instant::now();
        assert_eq!(send_event(&egress, &healthy).await.class, Class::Success);
        start.elapsed()
    };
    let (slow, quick) = futures_util::future::join(slow, quick).await;
    assert!(slow.iter().all(|outcome| outcome.class == Class::Resolve));
    assert!(quick < Duration::from_millis(1_500), "{quick:?}");
}

/// A look-up that was aborted is not remembered as one still in progress.
#[tokio::test]
async fn a_name_whose_look_up_was_aborted_is_looked_up_again() {
    fn names(_: &str) -> Option<Vec<IpAddr>> {
        static FIRST: AtomicBool = AtomicBool::new(true);
        assert!(!FIRST.swap(false, Ordering::SeqCst), "a marker: this look-up breaks off");
        Some(vec![[127, 0, 0, 1].into()])
    }
    let peer = Peer::answering(ok).await;
    let egress = Egress::with_lookup(policy(), Duration::from_secs(2), Arc::new(FixedNames(names))).unwrap();
    let endpoint = endpoint(&format!("http://again.test:{}/", peer.port), Transport::default());
    assert_eq!(send_event(&egress, &endpoint).await.class, Class::Resolve);
    assert_eq!(send_event(&egress, &endpoint).await.class, Class::Success);
}
