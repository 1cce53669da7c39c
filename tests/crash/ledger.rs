//! The checks at the end of a run: the database compared with what clients and receivers saw.

use std::collections::{BTreeMap, BTreeSet};

use countersign::time::Timestamp;

use super::world::{Ends, World};
use crate::support::{Database, Received};

/// The time after a death in which the next hub takes over, in microseconds: much less than a lease.
const TAKEN_OVER: i64 = 10_000_000;

/// A recorded attempt.
struct Attempt {
    number: i64,
    class: String,
    began: i64,
    ended: i64,
}

/// A delivery, by event and endpoint.
struct Delivery {
    state: String,
    reason: String,
    attempts: Vec<Attempt>,
}

impl Delivery {
    fn count(&self, class: &str) -> usize {
        self.attempts.iter().filter(|attempt| attempt.class == class).count()
    }
}

/// Checks everything. No hub may be running.
pub(super) async fn check(world: &World) {
    let url = &world.database.url;
    let tally = |sql: &str| Database::tally(url, sql.to_owned());
    let lost = tally("SELECT why, COUNT(*) FROM lost_deliveries GROUP BY why").await;
    assert!(lost.is_empty(), "{lost:?}");
    let kept: BTreeSet<String> =
        world.kept.lock().unwrap().iter().map(|(id, status)| format!("{id} {status}")).collect();
    let found = tally("SELECT id || ' ' || status, COUNT(*) FROM requests GROUP BY id, status").await;
    assert_eq!(found.into_keys().collect::<BTreeSet<_>>(), kept, "what was acknowledged is what is there");
    let events = events(world).await;
    let mut deliveries = deliveries(url).await;
    let (mut repeats, mut lost) = (0, 0);
    for (endpoint, plan) in &world.targets {
        let received = plan.receiver.received();
        for (event, name) in &events {
            let delivery = deliveries.remove(&(event.clone(), endpoint.clone()));
            let delivery = delivery.unwrap_or_else(|| panic!("{}: no delivery of {name}", plan.name));
            let exchanges: Vec<_> = received.iter().filter(|message| message.header("webhook-id") == event).collect();
            let what = format!("{}: {name}, {}, {:?}", plan.name, delivery.state, delivery.reason);
            judge(&what, &delivery, &exchanges, plan.ends);
            lost_results_match_deaths(world, &what, &delivery);
            repeats += exchanges.len().saturating_sub(1);
            lost += delivery.count("lost");
        }
        let ids = received.iter().map(|message| message.header("webhook-id"));
        let strange: Vec<&str> = ids.filter(|id| !events.contains_key(*id)).collect();
        assert!(strange.is_empty(), "{} received what is not on record: {strange:?}", plan.name);
    }
    assert!(deliveries.is_empty(), "deliveries of nothing");
    let store = countersign::store::Store::open(url).await.expect("the database opens");
    let broken = countersign::store::audit::first_break(&mut store.read().await.unwrap()).await.unwrap();
    assert_eq!(broken, None, "the audit chain holds");
    store.close().await;
    eprintln!("{} requests, {repeats} messages sent again, {lost} attempts lost", kept.len());
}

/// Checks that each request has every expected event exactly once; returns the events by id.
async fn events(world: &World) -> BTreeMap<String, String> {
    let sql = "SELECT id || ' ' || request_id || ' ' || type, COUNT(*) FROM events WHERE request_id IS NOT NULL
        GROUP BY id, request_id, type";
    let found = Database::tally(&world.database.url, sql.to_owned()).await;
    let events: BTreeMap<String, String> = found
        .keys()
        .map(|row| row.split_once(' ').map(|(id, name)| (id.to_owned(), name.to_owned())).unwrap())
        .collect();
    let mut expected = Vec::new();
    for (id, status) in world.kept.lock().unwrap().iter() {
        expected.push(format!("{id} request.created"));
        expected.extend((*status != "pending").then(|| format!("{id} request.{status}")));
    }
    let mut names: Vec<String> = events.values().cloned().collect();
    names.sort();
    expected.sort();
    assert_eq!(names, expected, "each request's events, once each");
    events
}

async fn deliveries(url: &str) -> BTreeMap<(String, String), Delivery> {
    let sql = "SELECT event_id || ' ' || endpoint_id || ' ' || state || ' ' || COALESCE(end_reason, ''), attempts FROM deliveries";
    let mut deliveries = BTreeMap::new();
    for (row, _) in Database::tally(url, sql.to_owned()).await {
        let parts: Vec<&str> = row.splitn(4, ' ').collect();
        let delivery = Delivery { state: parts[2].to_owned(), reason: parts[3].to_owned(), attempts: Vec::new() };
        let earlier = deliveries.insert((parts[0].to_owned(), parts[1].to_owned()), delivery);
        assert!(earlier.is_none(), "two deliveries of {row}");
    }
    let sql = "SELECT d.event_id || ' ' || d.endpoint_id || ' ' || a.number || ' ' || a.class || ' ' || a.duration_us,
        a.started_at FROM attempts a JOIN deliveries d ON d.id = a.delivery_id";
    for (row, began) in Database::tally(url, sql.to_owned()).await {
        let parts: Vec<&str> = row.split(' ').collect();
        let delivery = deliveries.get_mut(&(parts[0].to_owned(), parts[1].to_owned())).expect("its delivery");
        let (number, class) = (parts[2].parse().unwrap(), parts[3].to_owned());
        delivery.attempts.push(Attempt { number, class, began, ended: began + parts[4].parse::<i64>().unwrap() });
    }
    for delivery in deliveries.values_mut() {
        delivery.attempts.sort_by_key(|attempt| attempt.number);
    }
    deliveries
}

/// Checks one delivery: its end, its recorded attempts, and what its receiver saw.
fn judge(what: &str, delivery: &Delivery, exchanges: &[&Received], ends: Ends) {
    let succeeded = delivery.count("success");
    match (delivery.state.as_str(), ends) {
        ("delivered", Ends::Arrives) => assert_eq!(succeeded, 1, "{what}: it arrived once"),
        // Its request was decided before it could arrive.
        ("superseded", Ends::Arrives) if what.contains("request.created") => assert_eq!(succeeded, 0, "{what}"),
        ("superseded", Ends::Fails) if what.contains("request.created") => {}
        ("failed", Ends::Fails) => assert_eq!(succeeded, 0, "{what}"),
        _ => panic!("{what}: an unexpected end"),
    }
    assert!(delivery.state == "delivered" || !delivery.reason.is_empty(), "{what}: it has no named end");
    let numbers: Vec<i64> = delivery.attempts.iter().map(|attempt| attempt.number).collect();
    assert_eq!(numbers, (1..=i64::try_from(numbers.len()).unwrap()).collect::<Vec<_>>(), "{what}: attempts in a row");
    assert!(exchanges.len() <= numbers.len(), "{what}: sent {} times, on record {numbers:?}", exchanges.len());
    assert!(succeeded <= exchanges.len(), "{what}: recorded as delivered, but never sent");
    // A receiver that answered completely gets the message again only if the result could not be recorded.
    let acknowledged = exchanges.iter().filter(|exchange| exchange.is_acknowledged).count();
    assert!(
        acknowledged <= succeeded + delivery.count("lost"),
        "{what}: acknowledged {acknowledged} times without need"
    );
    let bodies: BTreeSet<&str> = exchanges.iter().map(|exchange| exchange.body.as_str()).collect();
    assert!(bodies.len() <= 1, "{what}: every attempt sends the same body");
}

/// Checks that results are lost only when their hub died or was cut off. Where no other owner is possible,
/// the next start records the loss.
fn lost_results_match_deaths(world: &World, what: &str, delivery: &Delivery) {
    let deaths: Vec<i64> = {
        let (died, struck) = (world.deaths.lock().unwrap(), world.trigger.struck.lock().unwrap());
        died.iter().chain(struck.iter()).copied().map(Timestamp::as_micros).collect()
    };
    for attempt in delivery.attempts.iter().filter(|attempt| attempt.class == "lost") {
        let last = deaths.iter().filter(|death| (attempt.began..=attempt.ended).contains(*death)).max();
        let span = attempt.began..=attempt.ended;
        let last =
            last.unwrap_or_else(|| panic!("{what}: a result was lost though no hub died in {span:?}: {deaths:?}"));
        let is_exclusive = world.database.url.starts_with("sqlite");
        assert!(!is_exclusive || attempt.ended - last < TAKEN_OVER, "{what}: its lease had to run out");
    }
}
