//! Receivers and machines that misbehave while nobody kills the hub: lost and cut answers, resets, slow, huge and compressed ones,
//! names that do not resolve, full disks, and flushes that fail.

use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::lives::{Fault, Systems};
use super::matrix::{moods, two, watched};
use super::world::{Ends, Plan, World, seed, strace_works};
use super::{ledger, setting};
use crate::support::{Behaviour, Cluster, Database, Receiver, eventually, on_both};

/// The answer is read within a second.
const TOO_LATE: Duration = Duration::from_millis(1_500);
/// How many requests the receivers hear of.
const REQUESTS: usize = 3;
/// Messages that wait for a receiver that takes half a second for each, one after the other.
const LINE: usize = 45;
/// Bytes that a small answer unpacks to.
const BOMB: u64 = 64 * 1024 * 1024;
/// Most memory that the hub may take, in KiB.
const MEMORY: u64 = 400 * 1024;

/// An answer of 200 whose body is so many zeros, packed.
fn packed(bytes: u64) -> Vec<u8> {
    let pack = format!("head -c {bytes} /dev/zero | gzip -9");
    let body = std::process::Command::new("sh").args(["-c", &pack]).output().expect("gzip").stdout;
    let head = format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.into_bytes(), body].concat()
}

fn raw(text: &str) -> Behaviour {
    Behaviour::Half(text.as_bytes().to_vec())
}

/// A receiver that does this `times` times with every other message, and then takes it. Were it every message, the hub would soon
/// leave it alone for long.
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

/// A receiver that never takes anything, and is not tried again.
async fn never(name: &'static str, behaviour: Behaviour) -> Plan {
    let receiver = Receiver::start().await;
    receiver.choose(move |_, _| behaviour.clone());
    Plan { schedule: Vec::new(), ends: Ends::Fails, ..Plan::new(name, receiver) }
}

async fn misbehaving() -> Vec<Plan> {
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

/// The most memory that a process took so far, in KiB; what it takes now where the system does not keep the most.
fn memory(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("a process");
    let line = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
    let line = line("VmHWM:").or_else(|| line("VmRSS:")).expect("a size");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Database calls that fail: which, how, and from the how-manieth on. A thread counts its own.
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
        let world = World::make(database, misbehaving().await, 1).await;
        world.run(0).await;
        for _ in 0..REQUESTS {
            world.ask().await;
        }
        world.quiet().await;
        let taken = memory(world.look(0, |hub| hub.child.id().expect("it runs")).await);
        assert!(taken < MEMORY, "the hub took {taken} KiB");
        world.kill(0).await;
        ledger::check(&world).await;
        let lost = Database::tally(&world.database.url, "SELECT class, COUNT(*) FROM attempts WHERE class = 'lost' GROUP BY class".to_owned()).await;
        assert!(lost.is_empty(), "nobody died");
    }

    async fn a_name_does_not_resolve_for_a_while(database: Database) {
        strace_works().await;
        let receiver = Receiver::start().await;
        let named = receiver.url.replace("127.0.0.1", "localhost");
        let plan = Plan { url: Some(named), ..Plan::new("named", receiver.clone()) };
        let world = World::make(database, vec![plan], 1).await;
        // Neither the machine's own names nor a name server: the first look-up of each thread fails.
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
async fn a_long_line_keeps_its_leases() {
    let receiver = Receiver::start().await;
    receiver.choose(|_, _| Behaviour::Late(Duration::from_millis(500)));
    let plan = Plan { concurrency: Some(1), ..Plan::new("slow", receiver) };
    let world = World::make(Database::postgres().await, vec![plan], 1).await;
    world.run(0).await;
    // Longer than a lease lasts, taken in while there is room.
    for _ in 0..LINE {
        world.ask_only().await;
    }
    world.quiet().await;
    world.kill(0).await;
    // Nobody died before, so none may have been lost.
    ledger::check(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_disk_is_full_or_broken() {
    strace_works().await;
    let plans = two().await;
    let world = World::make(Database::sqlite(), plans.clone(), 1).await;
    let (steady, moody) = (&plans[0].receiver, &plans[1].receiver);
    watched(steady, &world.trigger, |_, _| None);
    watched(moody, &world.trigger, moods(seed()));
    let faults = on_disks(setting("CRASH_DISKS", 1));
    let met = world.suffer(&faults).await;
    world.kill(0).await;
    ledger::check(&world).await;
    assert_eq!(met, faults.len(), "each was met");
}

/// What befalls a server's disk: the system calls, and how they fail.
const SERVER_FAULTS: [(&str, &str); 3] = [
    ("fsync,fdatasync", "error=EIO:when=3+"),
    ("pwrite64,pwritev,fallocate", "error=ENOSPC:when=20+"),
    ("fsync,fdatasync", "signal=KILL:when=4"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_servers_disk_is_full_or_broken() {
    strace_works().await;
    let mut cluster = Cluster::make().await;
    let mut plans = two().await;
    // So that something always waits for a moment.
    plans[0].rate = Some(5.0);
    let database = eventually("the server answers", || Database::on(cluster.url())).await;
    let world = World::make(database, plans.clone(), 1).await;
    watched(&plans[0].receiver, &world.trigger, |_, _| None);
    watched(&plans[1].receiver, &world.trigger, moods(seed()));
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
        eventually("systems are answered again", || async {
            (world.kept.lock().unwrap().len() > asked + 8).then_some(())
        })
        .await;
        assert!(world.client.refused.load(Ordering::Relaxed) > refused, "{calls}: nobody was refused");
    }
    systems.stop().await;
    world.quiet().await;
    let looks = world.look(0, |hub| {
        let said = hub.said.lock().unwrap();
        said.iter().filter(|line| line.contains("cannot look for deliveries")).count()
    });
    // A few each second that the server is away, and not as many as it can.
    assert!(looks.await < 200, "the dispatcher spins while the server is away");
    world.kill(0).await;
    ledger::check(&world).await;
}
