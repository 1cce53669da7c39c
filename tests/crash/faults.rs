//! Receivers and machines that misbehave while the hub is not killed: lost and cut answers, resets, slow, huge and
//! compressed answers, names that do not resolve, full disks, and flushes that fail.

use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::lives::{Fault, Systems};
use super::matrix::{failures, two_receivers, watched};
use super::world::{Ends, Plan, World, seed, strace_works};
use super::{ledger, setting};
use crate::support::{Behaviour, Cluster, Database, Receiver, eventually, on_both};

/// The hub reads an answer for at most one second.
const TOO_LATE: Duration = Duration::from_millis(1_500);
/// The number of requests that the receivers are notified of.
const REQUESTS: usize = 3;
/// The number of messages for a receiver that takes half a second for each, one after the other.
const LINE: usize = 45;
/// The unpacked size of a small compressed answer.
const BOMB: u64 = 64 * 1024 * 1024;
/// The most memory that the hub may use, in KiB.
const MEMORY: u64 = 400 * 1024;

/// A 200 answer whose body is this many zeros, compressed.
fn packed(bytes: u64) -> Vec<u8> {
    let pack = format!("head -c {bytes} /dev/zero | gzip -9");
    let body = std::process::Command::new("sh").args(["-c", &pack]).output().expect("gzip").stdout;
    let head = format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.into_bytes(), body].concat()
}

fn raw(text: &str) -> Behaviour {
    Behaviour::Half(text.as_bytes().to_vec())
}

/// A receiver that misbehaves `times` times with every other message, and then accepts it. With every message, the hub
/// would soon pause the endpoint for long.
async fn first(name: &'static str, times: usize, behaviour: Behaviour) -> Plan {
    let receiver = Receiver::start().await;
    let met: Mutex<Vec<String>> = Mutex::default();
    receiver.choose(move |message, earlier| {
        let (id, mut met) = (message.header("webhook-id").to_owned(), met.lock().unwrap());
        if !met.contains(&id) {
            met.push(id.clone());
        }
        let is_chosen = met.iter().step_by(2).any(|chosen| *chosen == id);
        if is_chosen && earlier < times { behaviour.clone() } else { Behaviour::Status(200) }
    });
    Plan::new(name, receiver)
}

/// A receiver that never accepts a message; each message has one attempt.
async fn never(name: &'static str, behaviour: Behaviour) -> Plan {
    let receiver = Receiver::start().await;
    receiver.choose(move |_, _| behaviour.clone());
    Plan { schedule: Vec::new(), ends: Ends::Fails, ..Plan::new(name, receiver) }
}

async fn misbehaving_receivers() -> Vec<Plan> {
    let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(2_000);
    let heads = format!("HTTP/1.1 200 OK\r\n{}", "x-more: 0123456789\r\n".repeat(50_000));
    let closed = never("nobody listens", Behaviour::Never).await;
    vec![
        first("steady", 0, Behaviour::Reset).await,
        first("lost answer", 2, Behaviour::Reset).await,
        first("half an answer", 2, raw("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")).await,
        first("half a head", 2, raw("HTTP/1.1 200 O")).await,
        first("no HTTP", 2, raw("220 mail.example.com ESMTP\r\n")).await,
        first("late", 1, Behaviour::Late(TOO_LATE)).await,
        first("silent", 1, Behaviour::Never).await,
        first("slow body", 1, Behaviour::Drip(Duration::from_millis(20))).await,
        first("no end of interim answers", 1, raw(&interim)).await,
        first("no end of headers", 1, raw(&heads)).await,
        first("no end of a body", 1, Behaviour::Endless).await,
        first("packed", 1, Behaviour::Whole(packed(100))).await,
        first("packed bomb", 1, Behaviour::Whole(packed(BOMB))).await,
        first("broken", 2, Behaviour::Status(500)).await,
        first("busy", 1, Behaviour::Raw("HTTP/1.1 429 Busy\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n".to_owned()))
            .await,
        never("always broken", Behaviour::Status(502)).await,
        never("refuses", Behaviour::Status(404)).await,
        never("elsewhere", raw("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"))
            .await,
        Plan { url: Some(format!("http://127.0.0.1:{}/hook", super::world::port())), ..closed },
    ]
}

/// The peak memory of a process, in KiB, or the current memory where the system does not record the peak.
fn memory(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("a process");
    let line = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
    let line = line("VmHWM:").or_else(|| line("VmRSS:")).expect("a size");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Failing database calls: which call, with which error, and from which call on. Each thread counts its own.
fn on_disks(rounds: usize) -> Vec<Fault> {
    let mut faults = Vec::new();
    for round in 0..rounds {
        let first = 6 + 7 * (round % 5);
        faults.push(Fault::Fails("pwrite64,pwritev,ftruncate,fallocate", "ENOSPC", first * 3, first * 3 + 40));
        faults.push(Fault::Fails("fsync,fdatasync", "EIO", first, first + 6));
        faults.push(Fault::Fails("fsync,fdatasync", "EIO", first, 60_000));
        faults.push(Fault::Fails("pwrite64,pwritev", "EIO", first * 5, 60_000));
    }
    faults
}

on_both! {
    async fn receivers_misbehave(database: Database) {
        let world = World::make(database, misbehaving_receivers().await, 1).await;
        world.run(0).await;
        for _ in 0..REQUESTS {
            world.ask().await;
        }
        world.quiet().await;
        let peak = memory(world.inspect(0, |hub| hub.child.id().expect("it runs")).await);
        assert!(peak < MEMORY, "the hub used {peak} KiB");
        world.kill(0).await;
        ledger::check(&world).await;
        let lost = Database::tally(&world.database.url, "SELECT class, COUNT(*) FROM attempts WHERE class = 'lost' GROUP BY class".to_owned()).await;
        assert!(lost.is_empty(), "no hub died");
    }

    async fn a_name_does_not_resolve_for_a_while(database: Database) {
        strace_works().await;
        let receiver = Receiver::start().await;
        let named = receiver.url.replace("127.0.0.1", "localhost");
        let plan = Plan { url: Some(named), ..Plan::new("named", receiver.clone()) };
        let world = World::make(database, vec![plan], 1).await;
        // Neither the local names nor a name server work: the first look-up of each thread fails.
        world.run_traced(&["-P", "/etc/hosts", "-e", "trace=openat", "-e", "inject=openat:error=EIO:when=1"]).await;
        for _ in 0..REQUESTS {
            world.ask().await;
        }
        world.quiet().await;
        world.kill(0).await;
        let url = world.database.url.clone();
        ledger::check(&world).await;
        let failed = "SELECT error, COUNT(*) FROM attempts WHERE class = 'resolve' GROUP BY error".to_owned();
        let failed = Database::tally(&url, failed).await;
        assert!(!failed.is_empty(), "no look-up failed");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_queue_keeps_its_leases() {
    let receiver = Receiver::start().await;
    receiver.choose(|_, _| Behaviour::Late(Duration::from_millis(500)));
    let plan = Plan { concurrency: Some(1), ..Plan::new("slow", receiver) };
    let world = World::make(Database::postgres().await, vec![plan], 1).await;
    world.run(0).await;
    // The queue takes longer than a lease; all of it is leased while there is room.
    for _ in 0..LINE {
        world.ask_only().await;
    }
    world.quiet().await;
    world.kill(0).await;
    // Nobody died before, so no attempt may have been lost.
    ledger::check(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_disk_is_full_or_broken() {
    strace_works().await;
    let plans = two_receivers().await;
    let world = World::make(Database::sqlite(), plans.clone(), 1).await;
    let (steady, moody) = (&plans[0].receiver, &plans[1].receiver);
    watched(steady, &world.trigger, |_, _| None);
    watched(moody, &world.trigger, failures(seed()));
    let faults = on_disks(setting("CRASH_DISKS", 1));
    let met = world.run_through(&faults).await;
    world.kill(0).await;
    ledger::check(&world).await;
    assert_eq!(met, faults.len(), "every fault occurred");
}

/// Faults of a server's disk: the system calls, and their errors.
const SERVER_FAULTS: [(&str, &str); 3] = [
    ("fsync,fdatasync", "error=EIO:when=3+"),
    ("pwrite64,pwritev,fallocate", "error=ENOSPC:when=20+"),
    ("fsync,fdatasync", "signal=KILL:when=4"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_servers_disk_is_full_or_broken() {
    strace_works().await;
    let mut cluster = Cluster::make().await;
    let mut plans = two_receivers().await;
    // A low rate limit, so that some deliveries always wait for their time.
    plans[0].rate = Some(5.0);
    let database = eventually("the server answers", || Database::on(cluster.url())).await;
    let world = World::make(database, plans.clone(), 1).await;
    watched(&plans[0].receiver, &world.trigger, |_, _| None);
    watched(&plans[1].receiver, &world.trigger, failures(seed()));
    world.run(0).await;
    let systems = Systems::start(&world);
    for (calls, fault) in SERVER_FAULTS {
        let refused = world.client.refused.load(Ordering::Relaxed);
        cluster.crash().await;
        world.died();
        cluster.start(&["-e", &format!("trace={calls}"), "-e", &format!("inject={calls}:{fault}")]).await;
        for _ in 0..30 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            world.died();
        }
        cluster.crash().await;
        world.died();
        cluster.start(&[]).await;
        let asked = world.kept.lock().unwrap().len();
        eventually("calls are answered again", || async {
            (world.kept.lock().unwrap().len() > asked + 8).then_some(())
        })
        .await;
        assert!(world.client.refused.load(Ordering::Relaxed) > refused, "{calls}: no call was refused");
    }
    systems.stop().await;
    world.quiet().await;
    let polls = world.inspect(0, |hub| {
        let log = hub.log.lock().unwrap();
        log.iter().filter(|line| line.contains("cannot poll for deliveries")).count()
    });
    // A few polls each second while the server is away, and not a busy loop.
    assert!(polls.await < 200, "the dispatcher spins while the server is away");
    world.kill(0).await;
    ledger::check(&world).await;
}
