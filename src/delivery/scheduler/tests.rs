use super::*;
use crate::ids::EventId;
use crate::store::endpoints::Channel;
use crate::store::events::Event;
use crate::time::ManualClock;

const SENDS: usize = 512;
const NEEDED: Duration = Duration::from_secs(10);

fn board() -> (Board, ManualClock) {
    let clock = ManualClock::starting_at(Timestamp::from_micros(1_000_000_000));
    (Board::new(Arc::new(clock.clone()), NEEDED, SENDS), clock)
}

fn endpoint(board: &Board) -> Arc<Endpoint> {
    let now = board.clock.now();
    let url = "https://hooks.example.com/x".to_owned().into();
    Arc::new(Endpoint::new("x".parse().expect("a name"), Channel::Custom, url, now))
}

/// One whose subject has ten bytes.
fn claimed(board: &Board, endpoint: &Endpoint, lease: Duration) -> Claimed {
    let now = board.clock.now();
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
    Claimed::fresh(DeliveryId::mint(now), endpoint.id, Arc::new(event), now, now + lease)
}

/// Deliveries held, and their bytes.
fn held(board: &Board) -> (usize, usize) {
    let lanes = board.lanes();
    (lanes.held, lanes.bytes)
}

#[test]
fn what_comes_in_goes_out_and_leaves_nothing_behind() {
    let (board, _clock) = board();
    let endpoint = endpoint(&board);
    let mut sends = Vec::new();
    for _ in 0..100 {
        assert!(board.reserve(&endpoint, 10));
        sends.extend(board.deliver(&endpoint, claimed(&board, &endpoint, NEEDED * 2)).sends);
    }
    assert_eq!((sends.len(), held(&board)), (4, (100, 1_000)), "a new endpoint begins with four");
    let mut sent = 0;
    while let Some((endpoint, claimed)) = sends.pop() {
        sends.extend(board.ended(endpoint.id, Verdict::Works).sends);
        board.release(endpoint.id, bytes_of(&claimed));
        sent += 1;
    }
    assert_eq!((sent, board.load(), held(&board)), (100, (0, 0), (0, 0)));
}

#[test]
fn what_another_owner_has_by_now_is_let_go_with_its_bytes() {
    let (board, clock) = board();
    let endpoint = endpoint(&board);
    let waiting: Vec<Claimed> = (0..9).map(|_| claimed(&board, &endpoint, NEEDED * 2)).collect();
    let sends = board.take(&endpoint, waiting, false).sends;
    assert_eq!((sends.len(), held(&board)), (4, (9, 90)));
    clock.advance(NEEDED / 2);
    let now = board.clock.now();
    let short = board.wrong_leases(now + NEEDED * 2, now + NEEDED * 9);
    assert_eq!(short.len(), 5);
    let still: HashSet<DeliveryId> = short.iter().take(2).map(|(id, _)| *id).collect();
    board.prolong(&short, &still, board.clock.now() + NEEDED * 3);
    assert_eq!(held(&board), (6, 60), "the four under way and the two that are still ours");
    assert!(board.wrong_leases(now + NEEDED * 2, now + NEEDED * 9).is_empty());
    clock.put_back(NEEDED * 100);
    let now = board.clock.now();
    assert_eq!(board.wrong_leases(now + NEEDED * 2, now + NEEDED * 9).len(), 2, "they would last for long");
}

#[test]
fn a_lane_waits_for_one_moment_however_much_waits_in_it() {
    let (board, clock) = board();
    let endpoint = Arc::new(Endpoint { channel: Channel::Teams, ..(*endpoint(&board)).clone() });
    let mut under_way = 0;
    for _ in 0..20 {
        under_way += board.take(&endpoint, vec![claimed(&board, &endpoint, NEEDED * 9)], false).sends.len();
        clock.advance(Duration::from_micros(7));
        let lanes = board.lanes();
        assert!(lanes.timers.len() <= 1 && lanes.timer_of.len() == lanes.timers.len());
    }
    assert_eq!(under_way, 1, "four a second");
    let moment = board.next_timer().expect("the others wait");
    clock.advance(moment.since(board.clock.now()));
    assert_eq!(board.due().0.sends.len(), 1);
}

#[test]
fn a_lane_that_opens_again_asks_for_what_it_gave_back() {
    let (board, clock) = board();
    let endpoint = endpoint(&board);
    let waiting: Vec<Claimed> = (0..9).map(|_| claimed(&board, &endpoint, NEEDED * 9)).collect();
    let sends = board.take(&endpoint, waiting, false).sends;
    let given_back = board.ended(endpoint.id, Verdict::Busy(None)).give_back;
    assert_eq!((sends.len(), given_back.len()), (4, 5));
    assert!(!board.due().1, "it is shut");
    let moment = board.next_timer().expect("it opens again");
    clock.advance(moment.since(board.clock.now()));
    assert!(board.due().1);
}

#[test]
fn many_endpoints_are_promised_no_more_than_there_is() {
    let (board, _clock) = board();
    let endpoints: Vec<Arc<Endpoint>> = (0..20).map(|_| endpoint(&board)).collect();
    let rooms = board.rooms(&endpoints.iter().collect::<Vec<_>>());
    let promised: u32 = rooms.iter().map(|room| room.fresh).sum();
    assert_eq!(promised as usize, HELD + 16 * GUARANTEED);
}

#[test]
fn nothing_sets_out_that_could_outlive_its_lease() {
    let (board, _clock) = board();
    let endpoint = endpoint(&board);
    let work = board.take(&endpoint, vec![claimed(&board, &endpoint, NEEDED / 2)], false);
    assert_eq!((work.sends.len(), work.give_back.len(), board.load()), (0, 1, (0, 1)));
}

#[test]
fn a_crowd_of_dead_endpoints_takes_nothing_from_a_healthy_one() {
    let (board, _clock) = board();
    let mut under_way = 0;
    for _ in 0..300 {
        let dead = endpoint(&board);
        let waiting = (0..20).map(|_| claimed(&board, &dead, NEEDED * 2)).collect();
        under_way += board.take(&dead, waiting, false).sends.len();
    }
    assert!(under_way >= SENDS, "all that is shared is taken");
    let healthy = endpoint(&board);
    assert!(board.reserve(&healthy, 10));
    assert_eq!(board.deliver(&healthy, claimed(&board, &healthy, NEEDED * 2)).sends.len(), 1);
}
