//! The queue's contract: leases and fencing tokens, tiers, and results in batches.

use std::time::Duration;

use countersign::ids::{DeliveryId, EndpointId, EventId};
use countersign::store::Store;
use countersign::store::deliveries::{self, Attempt, DeliveryState, FIRST_FENCE, NewDelivery};
use countersign::store::endpoints::{self, Endpoint, EndpointState};
use countersign::store::events::{self, Event};
use countersign::store::queue::{self, ClaimQuota, ClaimedDelivery, DueTimes, Next, Room, Settlement, Tier};
use countersign::time::Timestamp;

use super::{at, one_delivery};
use crate::support::{Database, on_both};

const LEASE: Duration = Duration::from_secs(10);

async fn claim(store: &Store, id: EndpointId, now: Timestamp) -> Vec<ClaimedDelivery> {
    claim_some(store, id, now, Room { fresh: 9, later: 9 }).await
}

async fn claim_some(store: &Store, id: EndpointId, now: Timestamp, room: Room) -> Vec<ClaimedDelivery> {
    let wish = ClaimQuota { endpoint: id, room, due: [true; 3] };
    write!(store, |session| queue::claim(session, &[wish], now, LEASE).await).unwrap()
}

fn attempt(number: u32, class: &str) -> Attempt {
    let answer = Some("ok".to_owned());
    Attempt {
        number,
        started_at: at(11),
        duration_us: 5,
        class: class.to_owned(),
        status: Some(200),
        error: None,
        answer,
    }
}

fn tried(claimed: &ClaimedDelivery, class: &str, next: Next) -> Settlement {
    let attempt = Some(attempt(claimed.attempts + 1, class));
    Settlement { attempt, charged: true, ..Settlement::untried(claimed, next) }
}

async fn settle(store: &Store, settlements: Vec<Settlement>, now: Timestamp) -> Vec<DeliveryId> {
    let held = write!(store, |session| queue::settle(session, &settlements, now).await).unwrap();
    let mut held: Vec<DeliveryId> = held.into_iter().collect();
    held.sort();
    held
}

/// More deliveries for the endpoint, with one event each.
async fn more(store: &Store, like: &NewDelivery, count: i64) -> Vec<DeliveryId> {
    let made: Vec<(Event, NewDelivery)> = (0..count)
        .map(|number| {
            let (id, subject) = (EventId::mint(at(2)), "{}".to_owned());
            let event = Event {
                id,
                kind: "request.voted".to_owned(),
                request_id: like.request_id,
                at: at(2),
                subject,
                detail: countersign::approval::Detail::Full,
                fanout: 1,
                trace: None,
            };
            let created_at = at(2) + Duration::from_micros(number.unsigned_abs());
            (event, NewDelivery { id: DeliveryId::mint(at(2)), event_id: id, created_at, ..like.clone() })
        })
        .collect();
    let ids = made.iter().map(|(_, new)| new.id).collect();
    write!(store, |session| {
        for (event, new) in &made {
            events::insert(session, event);
            deliveries::insert(session, new);
        }
        Ok(())
    })
    .unwrap();
    ids
}

on_both! {
    async fn a_lease_guards_every_later_write(database: Database) {
        let store = Store::open(&database.url).await.unwrap();
        let (endpoint, new) = one_delivery(&store).await;
        let id = endpoint.id;
        assert_eq!(queue::due_times(&mut store.read().await.unwrap()).await.unwrap(), [(id, DueTimes([Some(at(1)), None, None]))]);
        let first = claim(&store, id, at(1)).await;
        assert_eq!((first.len(), first[0].fence, first[0].attempts, first[0].tier), (1, 1, 0, Tier::Fresh));
        assert!(claim(&store, id, at(1)).await.is_empty(), "a leased delivery is not leased again");
        assert_eq!(queue::due_times(&mut store.read().await.unwrap()).await.unwrap(), []);
        assert_eq!(queue::next_overrun(&mut store.read().await.unwrap()).await.unwrap(), Some(at(11)));
        assert_eq!(write!(store, |session| queue::release_overrun(session, at(10)).await).unwrap(), 0);
        assert_eq!(write!(store, |session| queue::release_overrun(session, at(11)).await).unwrap(), 1);
        let second = claim(&store, id, at(11)).await;
        assert_eq!((second[0].fence, second[0].attempts, second[0].lost, second[0].tier), (2, 1, 1, Tier::Retry));
        let log = deliveries::attempts(&mut store.read().await.unwrap(), new.id).await.unwrap();
        assert_eq!((log.len(), log[0].class.as_str(), log[0].duration_us), (1, "lost", 10_000_000));

        let end = Next::End { state: DeliveryState::Delivered, reason: None };
        let stale = tried(&first[0], "success", end.clone());
        assert_eq!(settle(&store, vec![stale], at(12)).await, [], "the old owner writes nothing");
        let leases = vec![(new.id, first[0].fence)];
        let held = write!(store, |session| queue::extend(session, &leases, at(99)).await).unwrap();
        assert!(held.is_empty(), "and extends no lease");
        assert_eq!(deliveries::attempts(&mut store.read().await.unwrap(), new.id).await.unwrap(), log);

        let leases = vec![(new.id, second[0].fence)];
        let held = write!(store, |session| queue::extend(session, &leases, at(30)).await).unwrap();
        assert!(held.contains(&new.id));
        assert_eq!(write!(store, |session| queue::release_overrun(session, at(29)).await).unwrap(), 0);
        assert_eq!(settle(&store, vec![tried(&second[0], "transient", Next::Retry(at(20)))], at(12)).await, [new.id]);
        assert!(claim(&store, id, at(19)).await.is_empty());
        assert_eq!(claim(&store, id, at(20)).await[0].fence, 3);
        assert_eq!(write!(store, |session| queue::release_all(session, at(20)).await).unwrap(), 1);
        let third = claim(&store, id, at(20)).await[0].clone();
        assert_eq!((third.fence, third.attempts, third.lost), (4, 3, 2));
        let unsent = Next::End { state: DeliveryState::Superseded, reason: Some("why".to_owned()) };
        assert_eq!(settle(&store, vec![Settlement::untried(&third, unsent)], at(21)).await, [new.id]);
        let mut session = store.read().await.unwrap();
        let shown = deliveries::get(&mut session, new.id).await.unwrap().unwrap();
        assert_eq!((shown.state, shown.attempts, shown.ended_at), (DeliveryState::Superseded, 3, Some(at(21))));
        let classes: Vec<String> =
            deliveries::attempts(&mut session, new.id).await.unwrap().into_iter().map(|attempt| attempt.class).collect();
        assert_eq!(classes, ["lost", "transient", "lost"]);
    }

    async fn attempts_before_a_replay_do_not_count_after_it(database: Database) {
        let store = Store::open(&database.url).await.unwrap();
        let (endpoint, new) = one_delivery(&store).await;
        claim(&store, endpoint.id, at(1)).await;
        write!(store, |session| queue::release_all(session, at(2)).await).unwrap();
        let lost = claim(&store, endpoint.id, at(3)).await[0].clone();
        let fault = Settlement { charged: false, ..tried(&lost, "resolve", Next::Retry(at(4))) };
        settle(&store, vec![fault], at(3)).await;
        let faulty = claim(&store, endpoint.id, at(5)).await[0].clone();
        assert_eq!((faulty.attempts, faulty.attempts_before, faulty.uncharged, faulty.lost), (2, 0, 1, 1));
        let end = Next::End { state: DeliveryState::Failed, reason: Some("why".to_owned()) };
        settle(&store, vec![tried(&faulty, "permanent", end)], at(5)).await;
        assert_eq!(write!(store, |session| deliveries::reopen(session, &[new.id], at(6)).await).unwrap(), 1);
        let again = claim(&store, endpoint.id, at(7)).await[0].clone();
        assert_eq!((again.attempts, again.attempts_before, again.uncharged, again.lost), (3, 3, 0, 0));
    }

    async fn one_claim_serves_many_endpoints_each_within_its_room(database: Database) {
        let store = Store::open(&database.url).await.unwrap();
        let (first, new) = one_delivery(&store).await;
        more(&store, &new, 5).await;
        let mut wishes = vec![ClaimQuota { endpoint: first.id, room: Room { fresh: 4, later: 4 }, due: [true; 3] }];
        for number in 0..70_u32 {
            let id = EndpointId::mint(at(0));
            let other = Endpoint { name: format!("other-{number}").parse().unwrap(), id, ..first.clone() };
            write!(store, |session| endpoints::put(session, &other, at(0)).await).unwrap();
            more(&store, &NewDelivery { endpoint_id: id, ..new.clone() }, 3).await;
            wishes.push(ClaimQuota { endpoint: id, room: Room { fresh: number % 5, later: 0 }, due: [number % 7 != 0, true, true] });
        }
        let asked = wishes.clone();
        let claimed = write!(store, |session| queue::claim(session, &asked, at(3), LEASE).await).unwrap();
        for (wish, number) in wishes.iter().zip(0_u32..) {
            let got = claimed.iter().filter(|one| one.endpoint_id == wish.endpoint).count();
            let wanted = match number {
                0 => 4,
                _ if (number - 1).is_multiple_of(7) => 0,
                _ => ((number - 1) % 5).min(3),
            };
            assert_eq!(got, wanted as usize, "{number}");
        }
        let tiers: Vec<Tier> = claimed.iter().map(|one| one.tier).collect();
        assert!(tiers.is_sorted());
    }

    async fn results_are_written_in_one_batch_each_under_its_own_fence(database: Database) {
        let store = Store::open(&database.url).await.unwrap();
        let (endpoint, new) = one_delivery(&store).await;
        more(&store, &new, 149).await;
        let claimed = claim_some(&store, endpoint.id, at(3), Room { fresh: 500, later: 500 }).await;
        assert_eq!(claimed.len(), 150);
        let settlements: Vec<Settlement> = claimed
            .iter()
            .enumerate()
            .map(|(number, claimed)| {
                let next = match number % 3 {
                    0 => Next::End { state: DeliveryState::Delivered, reason: None },
                    1 => Next::Retry(at(50)),
                    _ => Next::GiveBack(at(4)),
                };
                let made = tried(claimed, if number % 3 == 0 { "success" } else { "transient" }, next.clone());
                let settlement = if number % 3 == 2 { Settlement::untried(claimed, next) } else { made };
                // Every tenth has another owner by now.
                if number % 10 == 0 { Settlement { fence: 7, ..settlement } } else { settlement }
            })
            .collect();
        assert_eq!(settle(&store, settlements, at(4)).await.len(), 135);
        let counted = Database::tally(&database.url, "SELECT state, COUNT(*) FROM deliveries GROUP BY state".to_owned()).await;
        assert_eq!(counted.into_iter().collect::<Vec<_>>(), [
            ("delivered".to_owned(), 45), ("leased".to_owned(), 15), ("pending".to_owned(), 90),
        ]);
        let given_back = claim_some(&store, endpoint.id, at(4), Room { fresh: 500, later: 500 }).await;
        assert_eq!(given_back.len(), 45);
        assert!(given_back.iter().all(|claimed| (claimed.attempts, claimed.tier) == (0, Tier::Fresh)), "as if never claimed");
    }

    async fn untried_deliveries_come_first(database: Database) {
        let store = Store::open(&database.url).await.unwrap();
        let (endpoint, new) = one_delivery(&store).await;
        let old = claim(&store, endpoint.id, at(1)).await;
        settle(&store, vec![tried(&old[0], "transient", Next::Retry(at(2)))], at(2)).await;
        let fresh = more(&store, &new, 3).await;
        let claimed = claim_some(&store, endpoint.id, at(9), Room { fresh: 2, later: 2 }).await;
        assert_eq!(claimed.iter().map(|claimed| claimed.id).collect::<Vec<_>>(), fresh[..2]);
        let claimed = claim_some(&store, endpoint.id, at(9), Room { fresh: 9, later: 0 }).await;
        assert_eq!(claimed.iter().map(|claimed| claimed.id).collect::<Vec<_>>(), fresh[2..]);
        let claimed = claim_some(&store, endpoint.id, at(9), Room { fresh: 9, later: 9 }).await;
        assert_eq!(claimed.iter().map(|claimed| (claimed.id, claimed.tier)).collect::<Vec<_>>(), [(new.id, Tier::Retry)]);
    }

    async fn a_delivery_can_be_created_with_a_lease(database: Database) {
        let store = Store::open(&database.url).await.unwrap();
        let (endpoint, like) = one_delivery(&store).await;
        let held = NewDelivery { lease_until: Some(at(20)), ..like.clone() };
        let ids = more(&store, &held, 1).await;
        assert_eq!(claim(&store, endpoint.id, at(9)).await.len(), 1, "the other one");
        let shown = deliveries::get(&mut store.read().await.unwrap(), ids[0]).await.unwrap().unwrap();
        assert_eq!((shown.state, shown.next_attempt_at), (DeliveryState::Leased, None));
        let leases = vec![(ids[0], FIRST_FENCE)];
        assert!(write!(store, |session| queue::extend(session, &leases, at(30)).await).unwrap().contains(&ids[0]));
        assert_eq!(write!(store, |session| queue::release_overrun(session, at(30)).await).unwrap(), 2);
    }

    async fn no_delivery_is_ever_lost(database: Database) {
        let store = Store::open(&database.url).await.unwrap();
        let (endpoint, like) = one_delivery(&store).await;
        let ids = more(&store, &like, 5).await;
        let lost = async || {
            let sql = "SELECT why, COUNT(*) FROM lost_deliveries GROUP BY why".to_owned();
            Database::tally(&database.url, sql).await.into_keys().collect::<Vec<_>>()
        };
        let claimed = claim(&store, endpoint.id, at(9)).await;
        let ended = Next::End { state: DeliveryState::Delivered, reason: None };
        settle(&store, vec![tried(&claimed[0], "success", ended.clone())], at(9)).await;
        assert_eq!(lost().await, Vec::<String>::new());
        store.close().await;
        for (spoil, found) in [
            (format!("DELETE FROM deliveries WHERE id = '{}'", ids[4]), "fewer deliveries than the event was fanned out to"),
            (
                format!("UPDATE deliveries SET state = 'failed', lease_until = NULL, leased_at = NULL, ended_at = 1 WHERE id = '{}'", ids[0]),
                "ended without arriving, and without a reason",
            ),
            (
                format!("UPDATE deliveries SET state = 'accepted', lease_until = NULL, leased_at = NULL, ended_at = 1 WHERE id = '{}'", ids[1]),
                "said to have arrived without an attempt that succeeded",
            ),
            (format!("UPDATE deliveries SET attempts = 3 WHERE id = '{}'", ids[2]), "attempts that are not on record"),
        ] {
            Database::run(&database.url, spoil).await;
            assert!(lost().await.iter().any(|why| why == found), "{found}");
        }
    }

    async fn deliveries_of_a_disabled_endpoint_are_discarded_in_steps(database: Database) {
        let store = Store::open(&database.url).await.unwrap();
        let (endpoint, new) = one_delivery(&store).await;
        let off = Endpoint { state: EndpointState::Disabled, disabled_reason: Some("gone".to_owned()), ..endpoint.clone() };
        let more: Vec<NewDelivery> = (0..5)
            .map(|number| NewDelivery { id: DeliveryId::mint(at(2)), address: format!("C{number}"), ..new.clone() })
            .collect();
        write!(store, |session| {
            more.iter().for_each(|new| deliveries::insert(session, new));
            Ok(())
        }).unwrap();
        let id = endpoint.id;
        assert_eq!(deliveries::unwanted(&mut store.read().await.unwrap()).await.unwrap(), None);
        let still_on = write!(store, |session| deliveries::discard_some(session, id, "x", at(3), 4).await);
        assert_eq!(still_on.unwrap(), 0, "it is enabled");
        write!(store, |session| endpoints::put(session, &off, at(2)).await).unwrap();
        let unwanted = deliveries::unwanted(&mut store.read().await.unwrap()).await.unwrap();
        assert_eq!(unwanted, Some((id, "the endpoint was switched off: gone".to_owned())));
        for count in [4, 2, 0] {
            let discarded = write!(store, |session| deliveries::discard_some(session, id, "gone", at(3), 4).await);
            assert_eq!(discarded.unwrap(), count);
        }
        let mut session = store.read().await.unwrap();
        let shown = deliveries::get(&mut session, new.id).await.unwrap().unwrap();
        assert_eq!((shown.state, shown.end_reason.as_deref()), (DeliveryState::Discarded, Some("gone")));
        assert_eq!(deliveries::unwanted(&mut session).await.unwrap(), None);
    }
}
