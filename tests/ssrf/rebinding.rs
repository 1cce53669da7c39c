//! A name server whose answers differ between the check and the connection, or that gives both kinds at once.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign::delivery::{Class, Egress, Lookup, send};
use countersign::time::Timestamp;
use futures_util::future::BoxFuture;
use tokio::net::UdpSocket;

use super::{Trap, endpoint};
use crate::support::{Database, Options, TestHub, eventually};

/// A public address. In the test's namespace it is this machine; elsewhere nothing dials it.
const PUBLIC: Ipv4Addr = Ipv4Addr::new(93, 184, 216, 34);
const INSIDE: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// Returns each answer in turn.
struct Turns(Vec<Vec<IpAddr>>, AtomicUsize);

impl Lookup for Turns {
    fn lookup(&self, _name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let turn = self.1.fetch_add(1, Ordering::SeqCst);
        let found = self.0[turn % self.0.len()].clone();
        Box::pin(async move { Ok(found) })
    }
}

/// Runs even where no namespace can be created: the dialled address is the one that was judged.
#[tokio::test]
async fn each_look_up_is_judged_by_its_own_answer() {
    let trap = Trap::set(&["127.0.0.1"], 0).await;
    let allowed = Arc::new(countersign::delivery::TargetPolicy::new(vec!["127.0.0.2".parse().unwrap()]));
    // 127.0.0.2 stands for a public address: nothing listens there.
    let outside: IpAddr = [127, 0, 0, 2].into();
    let turns = vec![vec![outside], vec![INSIDE.into()], vec![outside, INSIDE.into()], vec![INSIDE.into(), outside]];
    let lookup = Arc::new(Turns(turns, AtomicUsize::new(0)));
    let egress = Egress::with_lookup(allowed, Duration::from_secs(2), lookup.clone()).unwrap();
    let target = endpoint(&format!("http://rebind.test:{}/", trap.port));
    for expected in [Class::Transient, Class::Forbidden, Class::Forbidden, Class::Forbidden].repeat(3) {
        let outcome = send(&egress, &target, "evt_1", String::new(), Timestamp::default()).await;
        assert_eq!(outcome.class, expected, "{outcome:?}");
    }
    assert_eq!(lookup.1.load(Ordering::SeqCst), 12, "a look-up for each connection");
    trap.is_untouched().await;
}

/// Runs the next test where the machine's name server is the test's own, and nothing leaves the machine.
#[test]
fn answers_of_the_machines_resolver_are_judged() {
    let may = std::process::Command::new("unshare").args(["--net", "--mount", "true"]).status();
    if !may.is_ok_and(|status| status.success()) {
        println!("no right to make namespaces here: only `each_look_up_is_judged_by_its_own_answer` tests this");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let resolv = file("resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n");
    let switch = file("nsswitch.conf", "hosts: files dns\n");
    let script = format!(
        "ip link set lo up && ip addr add {PUBLIC}/32 dev lo && mount --bind {resolv} /etc/resolv.conf \
         && mount --bind {switch} /etc/nsswitch.conf && exec \"$0\" --exact ssrf::rebinding::in_a_namespace --ignored --nocapture"
    );
    let mut command = std::process::Command::new("unshare");
    command.args(["--net", "--mount", "sh", "-c", &script]).arg(std::env::current_exe().unwrap());
    let output = command.output().expect("unshare runs");
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "runs inside the namespace that `answers_of_the_machines_resolver_are_judged` makes"]
async fn in_a_namespace() {
    let server = NameServer::start().await;
    let options = Options { allow_targets: Vec::new(), delivery_timeout_sec: 3, ..Options::default() };
    let hub = TestHub::start_with(Database::sqlite(), options).await.with_policy().await;
    // The same port on the public and on the internal address.
    let outside = Outside::start().await;
    let trap = Trap::set(&["127.0.0.1", "::1"], outside.port).await;
    let (both, mixed) = (vec![INSIDE.into(), PUBLIC.into()], vec![PUBLIC.into(), INSIDE.into()]);
    let v6 = |text: &str| vec![IpAddr::V6(text.parse::<Ipv6Addr>().unwrap())];
    let names = [
        ("inside.test", vec![INSIDE.into()]),
        ("both.test", both),
        ("mixed.test", mixed),
        ("half.test", vec![PUBLIC.into(), IpAddr::V6(Ipv6Addr::LOCALHOST)]),
        ("v6.test", v6("::1")),
        ("mapped.test", v6("::ffff:127.0.0.1")),
        ("nat64.test", v6("64:ff9b::7f00:1")),
        ("sixtofour.test", v6("2002:7f00:1::")),
        ("metadata.test", vec![[169, 254, 169, 254].into()]),
        ("any.test", vec![Ipv4Addr::UNSPECIFIED.into()]),
        ("private.test", vec![[10, 0, 0, 1].into()]),
        ("127.0.0.1.nip.test", vec![INSIDE.into()]),
    ];
    let mut endpoints = Vec::new();
    for (name, answer) in names {
        server.says(name, [answer]);
        let (id, _) = hub.endpoint(name, "custom", &format!("http://{name}:{}/", trap.port), &["dba"]).await;
        endpoints.push((name, id));
    }
    // Public when it is first dialled, internal afterwards.
    server.says("rebind.test", [vec![PUBLIC.into()], vec![INSIDE.into()]]);
    let (rebind, _) = hub.endpoint("rebind", "custom", &format!("http://rebind.test:{}/", trap.port), &["dba"]).await;
    hub.ask("orders", "first").await;
    hub.delivery(&rebind, "request.created", "delivered").await;
    assert_eq!(outside.messages(), 1, "the public answer was dialled, and nothing else was");
    let second = hub.ask("orders", "second").await;
    endpoints.push(("rebind.test", rebind));
    for (name, id) in &endpoints {
        let attempt = eventually(&format!("{name} is tried"), || newest_attempt(&hub, id, &second)).await;
        assert_eq!(attempt["class"], "forbidden", "{name}: {attempt}");
    }
    assert!(server.asked("rebind.test") >= 2, "the name was looked up for each connection");
    assert_eq!(outside.messages(), 1);
    trap.is_untouched().await;
}

/// The first attempt of the delivery about this request.
async fn newest_attempt(hub: &TestHub, endpoint: &str, request: &serde_json::Value) -> Option<serde_json::Value> {
    let page = hub.get(&format!("/v1/endpoints/{endpoint}/deliveries")).await.expect(200);
    let newest = page["items"].as_array()?.iter().find(|item| item["request_id"] == request["id"])?.clone();
    let detail = hub.get(&format!("/v1/deliveries/{}", newest["id"].as_str()?)).await.expect(200);
    detail["attempt_log"].get(0).cloned()
}

/// Answers at the public address, and closes each connection, so that the next message needs a new one.
struct Outside {
    port: u16,
    messages: Arc<AtomicUsize>,
}

impl Outside {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind((PUBLIC, 0)).await.unwrap();
        let (port, messages) = (listener.local_addr().unwrap().port(), Arc::<AtomicUsize>::default());
        let counted = Arc::clone(&messages);
        tokio::spawn(async move {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            while let Ok((mut stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let mut chunk = vec![0; 65_536];
                stream.read(&mut chunk).await.unwrap_or_default();
                let answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
                stream.write_all(answer).await.unwrap_or_default();
            }
        });
        Self { port, messages }
    }

    fn messages(&self) -> usize {
        self.messages.load(Ordering::SeqCst)
    }
}

/// A DNS server (RFC 1035), as far as `getaddrinfo` needs it.
#[derive(Clone, Default)]
struct NameServer {
    names: Arc<Mutex<HashMap<String, Known>>>,
}

/// The answers for a name in turn, the last of them permanently, and how often the name was requested.
type Known = (Vec<Vec<IpAddr>>, usize);

impl NameServer {
    async fn start() -> Self {
        let server = Self::default();
        let socket = UdpSocket::bind("127.0.0.1:53").await.unwrap();
        let shared = server.clone();
        tokio::spawn(async move {
            let mut query = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut query).await {
                let answer = shared.answer(&query[..length]);
                socket.send_to(&answer, from).await.unwrap();
            }
        });
        server
    }

    fn says<const N: usize>(&self, name: &str, turns: [Vec<IpAddr>; N]) {
        self.names.lock().unwrap().insert(name.to_owned(), (turns.into(), 0));
    }

    fn asked(&self, name: &str) -> usize {
        self.names.lock().unwrap()[name].1
    }

    fn answer(&self, query: &[u8]) -> Vec<u8> {
        let (mut at, mut labels) = (12, Vec::new());
        while query[at] > 0 {
            let end = at + 1 + usize::from(query[at]);
            labels.push(String::from_utf8_lossy(&query[at + 1..end]).into_owned());
            at = end;
        }
        let (question, kind) = (&query[12..at + 5], query[at + 2]);
        let found = self.found(&labels.join("."), kind);
        // The same id; an answer without errors; one question, and the number of answers.
        let mut answer =
            [&query[..2], &[0x81, 0x80, 0, 1, 0, u8::try_from(found.len()).unwrap(), 0, 0, 0, 0], question].concat();
        for address in found {
            let bytes = match address {
                IpAddr::V4(address) => address.octets().to_vec(),
                IpAddr::V6(address) => address.octets().to_vec(),
            };
            // The question's name, its type, class IN, a time to live of zero.
            answer.extend([0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 0, 0, u8::try_from(bytes.len()).unwrap()]);
            answer.extend(bytes);
        }
        answer
    }

    /// A look-up asks for both address types at once; the first type uses up the answer.
    fn found(&self, name: &str, kind: u8) -> Vec<IpAddr> {
        let mut names = self.names.lock().unwrap();
        let Some((turns, asked)) = names.get_mut(name) else { return Vec::new() };
        let turn = if kind == 1 { *asked } else { asked.saturating_sub(1) };
        *asked += usize::from(kind == 1);
        let found = turns[turn.min(turns.len() - 1)].iter().copied();
        found.filter(|address| address.is_ipv4() == (kind == 1)).collect()
    }
}
