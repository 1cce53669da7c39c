//! The scheduler alone, with a manual clock: what it starts, delays and returns.

use super::*;
use crate::ids::EventId;
use crate::store::endpoints::Channel;
use crate::store::events::Event;
use crate::time::ManualClock;

const SENDS: usize = 512;
const NEEDED: Duration = Duration::from_secs(10);

fn scheduler() -> (Scheduler, ManualClock) {
    let clock = ManualClock::starting_at(Timestamp::from_micros(1_000_000_000));
    (Scheduler::new(Arc::new(clock.clone()), NEEDED, SENDS), clock)
}

fn endpoint(scheduler: &Scheduler) -> Arc<Endpoint> {
    let now = scheduler.clock.now();
    let url = "https://hooks.example.com/x".to_owned().into();
    Arc::new(Endpoint::new("x".parse().expect("a name"), Channel::Custom, url, now))
}

/// A delivery whose subject has ten bytes.
fn claimed(scheduler: &Scheduler, endpoint: &Endpoint, lease: Duration) -> ClaimedDelivery {
    let now = scheduler.clock.now();
    let event = Event {
        id: EventId::mint(now),
        kind: "request.approved".to_owned(),
        request_id: None,
        at: now,
        subject: "0123456789".to_owned(),
        detail: crate::approval::Detail::Full,
        fanout: 1,
        trace: None,
    };
    ClaimedDelivery::fresh(DeliveryId::mint(now), endpoint.id, Arc::new(event), now, now + lease)
}

/// Deliveries in memory, and their bytes.
fn held(scheduler: &Scheduler) -> (usize, usize) {
    let state = scheduler.state();
    (state.held, state.bytes)
}

#[test]
fn every_delivery_is_sent_and_leaves_no_place_behind() {
    let (scheduler, _clock) = scheduler();
    let endpoint = endpoint(&scheduler);
    let mut sends = Vec::new();
    for _ in 0..100 {
        assert!(scheduler.reserve(&endpoint, 10));
        sends.extend(scheduler.deliver(&endpoint, claimed(&scheduler, &endpoint, NEEDED * 2)).sends);
    }
    assert_eq!((sends.len(), held(&scheduler)), (4, (100, 1_000)), "the initial concurrency limit is four");
    let mut sent = 0;
    while let Some((endpoint, claimed)) = sends.pop() {
        sends.extend(scheduler.ended(endpoint.id, EndpointSignal::Works).sends);
        scheduler.release(endpoint.id, bytes_of(&claimed));
        sent += 1;
    }
    assert_eq!((sent, scheduler.load(), held(&scheduler)), (100, (0, 0), (0, 0)));
}

#[test]
fn a_delivery_whose_lease_is_lost_is_dropped_with_its_bytes() {
    let (scheduler, clock) = scheduler();
    let endpoint = endpoint(&scheduler);
    let waiting: Vec<ClaimedDelivery> = (0..9).map(|_| claimed(&scheduler, &endpoint, NEEDED * 2)).collect();
    let sends = scheduler.add_claimed(&endpoint, waiting, false).sends;
    assert_eq!((sends.len(), held(&scheduler)), (4, (9, 90)));
    clock.advance(NEEDED / 2);
    let now = scheduler.clock.now();
    let short = scheduler.wrong_leases(now + NEEDED * 2, now + NEEDED * 9);
    assert_eq!(short.len(), 5);
    let still: HashSet<DeliveryId> = short.iter().take(2).map(|(id, _)| *id).collect();
    scheduler.prolong(&short, &still, scheduler.clock.now() + NEEDED * 3);
    assert_eq!(held(&scheduler), (6, 60), "the four under way and the two prolonged ones");
    assert!(scheduler.wrong_leases(now + NEEDED * 2, now + NEEDED * 9).is_empty());
    clock.put_back(NEEDED * 100);
    let now = scheduler.clock.now();
    assert_eq!(scheduler.wrong_leases(now + NEEDED * 2, now + NEEDED * 9).len(), 2, "they end too far ahead");
}

#[test]
fn a_queue_has_at_most_one_timer() {
    let (scheduler, clock) = scheduler();
    let endpoint = Arc::new(Endpoint { channel: Channel::Teams, ..(*endpoint(&scheduler)).clone() });
    let mut under_way = 0;
    for _ in 0..20 {
        under_way +=
            scheduler.add_claimed(&endpoint, vec![claimed(&scheduler, &endpoint, NEEDED * 9)], false).sends.len();
        clock.advance(Duration::from_micros(7));
        let state = scheduler.state();
        assert!(state.timers.len() <= 1 && state.timer_of.len() == state.timers.len());
    }
    assert_eq!(under_way, 1, "four a second");
    let at = scheduler.next_timer().expect("the others wait");
    clock.advance(at.since(scheduler.clock.now()));
    assert_eq!(scheduler.due().0.sends.len(), 1);
}

#[test]
fn a_queue_that_reopens_requests_a_poll_for_what_it_returned() {
    let (scheduler, clock) = scheduler();
    let endpoint = endpoint(&scheduler);
    let waiting: Vec<ClaimedDelivery> = (0..9).map(|_| claimed(&scheduler, &endpoint, NEEDED * 9)).collect();
    let sends = scheduler.add_claimed(&endpoint, waiting, false).sends;
    let given_back = scheduler.ended(endpoint.id, EndpointSignal::Busy(None)).give_back;
    assert_eq!((sends.len(), given_back.len()), (4, 5));
    assert!(!scheduler.due().1, "it is shut");
    let at = scheduler.next_timer().expect("it reopens");
    clock.advance(at.since(scheduler.clock.now()));
    assert!(scheduler.due().1);
}

#[test]
fn rooms_of_many_endpoints_stay_within_the_global_limit() {
    let (scheduler, _clock) = scheduler();
    let endpoints: Vec<Arc<Endpoint>> = (0..20).map(|_| endpoint(&scheduler)).collect();
    let rooms = scheduler.rooms(&endpoints.iter().collect::<Vec<_>>());
    let promised: u32 = rooms.iter().map(|room| room.fresh).sum();
    assert_eq!(promised as usize, HELD + 16 * GUARANTEED);
}

#[test]
fn no_send_starts_that_could_outlast_its_lease() {
    let (scheduler, _clock) = scheduler();
    let endpoint = endpoint(&scheduler);
    let work = scheduler.add_claimed(&endpoint, vec![claimed(&scheduler, &endpoint, NEEDED / 2)], false);
    assert_eq!((work.sends.len(), work.give_back.len(), scheduler.load()), (0, 1, (0, 1)));
}

#[test]
fn dead_endpoints_do_not_block_a_healthy_one() {
    let (scheduler, _clock) = scheduler();
    let mut under_way = 0;
    for _ in 0..300 {
        let dead = endpoint(&scheduler);
        let waiting = (0..20).map(|_| claimed(&scheduler, &dead, NEEDED * 2)).collect();
        under_way += scheduler.add_claimed(&dead, waiting, false).sends.len();
    }
    assert!(under_way >= SENDS, "the global limit is reached");
    let healthy = endpoint(&scheduler);
    assert!(scheduler.reserve(&healthy, 10));
    assert_eq!(scheduler.deliver(&healthy, claimed(&scheduler, &healthy, NEEDED * 2)).sends.len(), 1);
}
