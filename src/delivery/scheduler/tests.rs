//! The scheduler by itself: what it starts, holds back, and returns, with a clock that the tests set.

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

/// One whose subject has ten bytes.
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

/// Deliveries held, and their bytes.
fn held(scheduler: &Scheduler) -> (usize, usize) {
    let queues = scheduler.queues();
    (queues.held, queues.bytes)
}

#[test]
fn what_comes_in_goes_out_and_leaves_nothing_behind() {
    let (scheduler, _clock) = scheduler();
    let endpoint = endpoint(&scheduler);
    let mut sends = Vec::new();
    for _ in 0..100 {
        assert!(scheduler.reserve(&endpoint, 10));
        sends.extend(scheduler.deliver(&endpoint, claimed(&scheduler, &endpoint, NEEDED * 2)).sends);
    }
    assert_eq!((sends.len(), held(&scheduler)), (4, (100, 1_000)), "a new endpoint begins with four");
    let mut sent = 0;
    while let Some((endpoint, claimed)) = sends.pop() {
        sends.extend(scheduler.ended(endpoint.id, EndpointSignal::Works).sends);
        scheduler.release(endpoint.id, bytes_of(&claimed));
        sent += 1;
    }
    assert_eq!((sent, scheduler.load(), held(&scheduler)), (100, (0, 0), (0, 0)));
}

#[test]
fn what_another_owner_has_by_now_is_let_go_with_its_bytes() {
    let (scheduler, clock) = scheduler();
    let endpoint = endpoint(&scheduler);
    let waiting: Vec<ClaimedDelivery> = (0..9).map(|_| claimed(&scheduler, &endpoint, NEEDED * 2)).collect();
    let sends = scheduler.take(&endpoint, waiting, false).sends;
    assert_eq!((sends.len(), held(&scheduler)), (4, (9, 90)));
    clock.advance(NEEDED / 2);
    let now = scheduler.clock.now();
    let short = scheduler.wrong_leases(now + NEEDED * 2, now + NEEDED * 9);
    assert_eq!(short.len(), 5);
    let still: HashSet<DeliveryId> = short.iter().take(2).map(|(id, _)| *id).collect();
    scheduler.prolong(&short, &still, scheduler.clock.now() + NEEDED * 3);
    assert_eq!(held(&scheduler), (6, 60), "the four under way and the two that are still ours");
    assert!(scheduler.wrong_leases(now + NEEDED * 2, now + NEEDED * 9).is_empty());
    clock.put_back(NEEDED * 100);
    let now = scheduler.clock.now();
    assert_eq!(scheduler.wrong_leases(now + NEEDED * 2, now + NEEDED * 9).len(), 2, "they would last for long");
}

#[test]
fn a_queue_waits_for_one_moment_however_much_waits_in_it() {
    let (scheduler, clock) = scheduler();
    let endpoint = Arc::new(Endpoint { channel: Channel::Teams, ..(*endpoint(&scheduler)).clone() });
    let mut under_way = 0;
    for _ in 0..20 {
        under_way += scheduler.take(&endpoint, vec![claimed(&scheduler, &endpoint, NEEDED * 9)], false).sends.len();
        clock.advance(Duration::from_micros(7));
        let queues = scheduler.queues();
        assert!(queues.timers.len() <= 1 && queues.timer_of.len() == queues.timers.len());
    }
    assert_eq!(under_way, 1, "four a second");
    let moment = scheduler.next_timer().expect("the others wait");
    clock.advance(moment.since(scheduler.clock.now()));
    assert_eq!(scheduler.due().0.sends.len(), 1);
}

#[test]
fn a_queue_that_opens_again_asks_for_what_it_gave_back() {
    let (scheduler, clock) = scheduler();
    let endpoint = endpoint(&scheduler);
    let waiting: Vec<ClaimedDelivery> = (0..9).map(|_| claimed(&scheduler, &endpoint, NEEDED * 9)).collect();
    let sends = scheduler.take(&endpoint, waiting, false).sends;
    let given_back = scheduler.ended(endpoint.id, EndpointSignal::Busy(None)).give_back;
    assert_eq!((sends.len(), given_back.len()), (4, 5));
    assert!(!scheduler.due().1, "it is shut");
    let moment = scheduler.next_timer().expect("it opens again");
    clock.advance(moment.since(scheduler.clock.now()));
    assert!(scheduler.due().1);
}

#[test]
fn many_endpoints_are_promised_no_more_than_there_is() {
    let (scheduler, _clock) = scheduler();
    let endpoints: Vec<Arc<Endpoint>> = (0..20).map(|_| endpoint(&scheduler)).collect();
    let rooms = scheduler.rooms(&endpoints.iter().collect::<Vec<_>>());
    let promised: u32 = rooms.iter().map(|room| room.fresh).sum();
    assert_eq!(promised as usize, HELD + 16 * GUARANTEED);
}

#[test]
fn nothing_sets_out_that_could_outlive_its_lease() {
    let (scheduler, _clock) = scheduler();
    let endpoint = endpoint(&scheduler);
    let work = scheduler.take(&endpoint, vec![claimed(&scheduler, &endpoint, NEEDED / 2)], false);
    assert_eq!((work.sends.len(), work.give_back.len(), scheduler.load()), (0, 1, (0, 1)));
}

#[test]
fn a_crowd_of_dead_endpoints_takes_nothing_from_a_healthy_one() {
    let (scheduler, _clock) = scheduler();
    let mut under_way = 0;
    for _ in 0..300 {
        let dead = endpoint(&scheduler);
        let waiting = (0..20).map(|_| claimed(&scheduler, &dead, NEEDED * 2)).collect();
        under_way += scheduler.take(&dead, waiting, false).sends.len();
    }
    assert!(under_way >= SENDS, "all that is shared is taken");
    let healthy = endpoint(&scheduler);
    assert!(scheduler.reserve(&healthy, 10));
    assert_eq!(scheduler.deliver(&healthy, claimed(&scheduler, &healthy, NEEDED * 2)).sends.len(), 1);
}
