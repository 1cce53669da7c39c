//! The delivery log, reopened deliveries, and replays.

use std::collections::BTreeSet;
use std::time::Duration;

use countersign::ids::{DeliveryId, EndpointId, EventId, ReplayId};
use countersign::store::attempts;
use countersign::store::deliveries::{self, Attempt, DeliveryState, NewDelivery};
use countersign::store::delivery_log::{self, Filter};
use countersign::store::events::{self, Event};
use countersign::store::queue::{self, ClaimQuota, Next, Room, Settlement};
use countersign::store::replays::{self, Replay, ReplayState};
use countersign::store::requests::NewRequest;
use countersign::store::{Store, endpoints, requests};

use super::{at, endpoint, request};
use crate::support::{Database, on_both};

/// One delivery a second, from second 1 on, for one request and one endpoint.
async fn some_deliveries(store: &Store, count: i64) -> (EndpointId, Vec<DeliveryId>) {
    let (request, endpoint) = (request(1), endpoint("x"));
    let id = endpoint.id;
    let made: Vec<(Event, NewDelivery)> = (1..=count)
        .map(|second| {
            let event = Event {
                id: EventId::mint(at(second)),
                kind: if second % 2 == 0 { "request.approved" } else { "request.created" }.to_owned(),
                request_id: Some(request.id),
                at: at(second),
                subject: "{}".to_owned(),
                detail: countersign::approval::Detail::Full,
                fanout: 1,
                trace: None,
            };
            let new = NewDelivery {
                id: DeliveryId::mint(at(second)),
                event_id: event.id,
                endpoint_id: id,
                request_id: Some(request.id),
                created_at: at(second),
                lease_until: None,
                address: String::new(),
            };
            (event, new)
        })
        .collect();
    let ids = made.iter().map(|(_, new)| new.id).collect();
    write!(store, |session| {
        requests::add(session, NewRequest::of(&request)?);
        endpoints::put(session, &endpoint, at(0)).await?;
        for (event, new) in &made {
            events::insert(session, event);
            deliveries::insert(session, new);
        }
        Ok(())
    })
    .unwrap();
    (id, ids)
}

/// Ends the deliveries that are due at this second, each with one attempt.
async fn end(store: &Store, endpoint: EndpointId, second: i64, state: DeliveryState) {
    let wish = ClaimQuota { endpoint, room: Room { fresh: 9, later: 9 }, due: [true; 3] };
    let lease = Duration::from_secs(10);
    let claimed = write!(store, |session| queue::claim(session, &[wish], at(second), lease).await).unwrap();
    let settle = |claimed: &queue::ClaimedDelivery| {
        let (class, status) = if state == DeliveryState::Failed { ("permanent", 404) } else { ("success", 200) };
        let attempt = Attempt {
            number: claimed.attempts + 1,
            started_at: at(second),
            duration_us: 5,
            class: class.to_owned(),
            status: Some(status),
            error: None,
            answer: None,
        };
        let reason = (state == DeliveryState::Failed).then(|| "why".to_owned());
        let untried = Settlement::untried(claimed, Next::End { state, reason });
        Settlement { attempt: Some(attempt), charged: true, ..untried }
    };
    let settlements: Vec<Settlement> = claimed.iter().map(settle).collect();
    write!(store, |session| queue::settle(session, &settlements, at(second)).await).unwrap();
}

async fn reopen(store: &Store, ids: Vec<DeliveryId>, second: i64) -> u64 {
    write!(store, |session| deliveries::reopen(session, &ids, at(second)).await).unwrap()
}

on_both! {
    async fn deliveries_are_listed_walked_and_counted(database: Database) {
        let store = Store::open(&database.url).await.unwrap();
        let (endpoint, ids) = some_deliveries(&store, 6).await;
        end(&store, endpoint, 4, DeliveryState::Failed).await;
        end(&store, endpoint, 5, DeliveryState::Delivered).await;
        let session = &mut store.read().await.unwrap();
        let all = Filter::default();
        let page = delivery_log::page(session, endpoint, &all, None, 4).await.unwrap();
        let found = |page: &delivery_log::Page| page.deliveries.iter().map(|delivery| delivery.id).collect::<Vec<_>>();
        assert_eq!((found(&page), page.next), (vec![ids[5], ids[4], ids[3], ids[2]], Some(ids[2])));
        let page = delivery_log::page(session, endpoint, &all, page.next, 4).await.unwrap();
        assert_eq!((found(&page), page.next), (vec![ids[1], ids[0]], None));
        let failed = Filter { states: BTreeSet::from([DeliveryState::Failed]), ..Filter::default() };
        let page = delivery_log::page(session, endpoint, &failed, None, 9).await.unwrap();
        assert_eq!((found(&page), page.next), (vec![ids[3], ids[2], ids[1], ids[0]], None));
        let some = Filter {
            states: BTreeSet::from([DeliveryState::Failed, DeliveryState::Delivered]),
            events: BTreeSet::from(["request.created".to_owned()]),
            from: Some(at(3)),
            to: Some(at(6)),
        };
        let page = delivery_log::page(session, endpoint, &some, None, 9).await.unwrap();
        assert_eq!(found(&page), [ids[4], ids[2]]);
        let end = DeliveryId::mint(at(9));
        let walked = delivery_log::walk(session, endpoint, &failed, &failed.begin(), end, 3).await.unwrap();
        assert_eq!(walked.iter().map(|delivery| delivery.id).collect::<Vec<_>>(), ids[..3]);
        let walked = delivery_log::walk(session, endpoint, &some, &some.begin(), ids[4], 9).await.unwrap();
        assert_eq!(walked.iter().map(|delivery| delivery.id).collect::<Vec<_>>(), ids[2..4], "what matches is among them");
        for (filter, until, count) in [(&failed, end, 4), (&failed, ids[2], 2), (&some, end, 2), (&all, end, 6)] {
            assert_eq!(delivery_log::count(session, endpoint, filter, until).await.unwrap(), count);
        }
    }

    async fn only_ended_deliveries_are_reopened(database: Database) {
        let store = Store::open(&database.url).await.unwrap();
        let (endpoint, ids) = some_deliveries(&store, 3).await;
        end(&store, endpoint, 1, DeliveryState::Failed).await;
        end(&store, endpoint, 2, DeliveryState::Delivered).await;
        assert_eq!(reopen(&store, ids.clone(), 7).await, 2);
        assert_eq!(reopen(&store, ids.clone(), 8).await, 0);
        let shown = deliveries::get(&mut store.read().await.unwrap(), ids[0]).await.unwrap().unwrap();
        assert_eq!((shown.state, shown.attempts, shown.replays), (DeliveryState::Pending, 1, 1));
        assert_eq!((shown.next_attempt_at, shown.ended_at, shown.end_reason), (Some(at(7)), None, None));
        let sql = "SELECT id, tier * 10 + attempts_before FROM deliveries WHERE replays = 1".to_owned();
        assert_eq!(Database::tally(&database.url, sql).await.into_values().collect::<Vec<_>>(), [21, 21]);
        end(&store, endpoint, 7, DeliveryState::Failed).await;
        let log = deliveries::attempts(&mut store.read().await.unwrap(), ids[0]).await.unwrap();
        assert_eq!(log.len(), 2);
    }

    async fn attempts_are_listed_by_their_time(database: Database) {
        let store = Store::open(&database.url).await.unwrap();
        let (endpoint, ids) = some_deliveries(&store, 4).await;
        end(&store, endpoint, 3, DeliveryState::Failed).await;
        end(&store, endpoint, 4, DeliveryState::Delivered).await;
        reopen(&store, vec![ids[0]], 5).await;
        end(&store, endpoint, 5, DeliveryState::Delivered).await;
        let session = &mut store.read().await.unwrap();
        let all = attempts::Filter::default();
        let (mut found, mut before) = (Vec::new(), None);
        loop {
            let page = attempts::page(session, endpoint, &all, before, 2).await.unwrap();
            found.extend(page.attempts.into_iter().map(|logged| (logged.delivery_id, logged.attempt.number)));
            let Some(next) = page.next else { break };
            // A cursor is passed as text.
            before = Some(next.to_string().parse().unwrap());
        }
        assert_eq!(found, [(ids[0], 2), (ids[3], 1), (ids[2], 1), (ids[1], 1), (ids[0], 1)]);
        for (filter, count) in [
            (attempts::Filter { class: Some("success".to_owned()), ..all.clone() }, 2),
            (attempts::Filter { status: Some(404), ..all.clone() }, 3),
            (attempts::Filter { from: Some(at(4)), to: Some(at(5)), ..all.clone() }, 1),
        ] {
            assert_eq!(attempts::page(session, endpoint, &filter, None, 9).await.unwrap().attempts.len(), count, "{filter:?}");
        }
    }

    async fn replays_are_read_back_as_stored(database: Database) {
        let store = Store::open(&database.url).await.unwrap();
        let (endpoint, ids) = some_deliveries(&store, 1).await;
        let mut replay = Replay {
            id: ReplayId::mint(at(2)),
            endpoint_id: endpoint,
            filter: Filter {
                states: BTreeSet::from([DeliveryState::Failed]),
                events: BTreeSet::from(["request.created".to_owned()]),
                from: Some(at(1)),
                to: None,
            },
            until: DeliveryId::mint(at(2)),
            state: ReplayState::Running,
            rate_per_second: 5,
            after: "dlv_".to_owned(),
            matched: 1,
            replayed: 0,
            created_at: at(2),
            created_by: "operator".to_owned(),
            step_at: Some(at(2)),
            ended_at: None,
        };
        let advance = async |replay: &Replay| {
            let replay = replay.clone();
            write!(store, |session| replays::advance(session, &replay).await).unwrap()
        };
        let stored = replay.clone();
        write!(store, |session| replays::insert(session, &stored).await).unwrap();
        let mut session = store.read().await.unwrap();
        assert_eq!(replays::get(&mut session, replay.id).await.unwrap().as_ref(), Some(&replay));
        assert_eq!(replays::running(&mut session, endpoint).await.unwrap().as_ref(), Some(&replay));
        assert_eq!(replays::next(&mut session).await.unwrap(), Some(at(2)));
        assert_eq!(replays::due(&mut session, at(1), at(99), 9).await.unwrap(), []);
        assert_eq!(replays::due(&mut session, at(2), at(99), 9).await.unwrap(), [replay.id]);
        (replay.after, replay.replayed, replay.step_at) = (ids[0].to_string(), 1, Some(at(3)));
        assert!(advance(&replay).await);
        assert_eq!(replays::get(&mut session, replay.id).await.unwrap().as_ref(), Some(&replay));
        (replay.state, replay.step_at, replay.ended_at) = (ReplayState::Finished, None, Some(at(4)));
        assert!(advance(&replay).await);
        assert!(!advance(&replay).await, "an ended replay does not change");
        assert_eq!(replays::running(&mut session, endpoint).await.unwrap(), None);
        assert_eq!(replays::next(&mut session).await.unwrap(), None);
        let page = replays::of_endpoint(&mut session, endpoint, None, 9).await.unwrap();
        assert_eq!(page, std::slice::from_ref(&replay));
        assert_eq!(replays::of_endpoint(&mut session, endpoint, Some(replay.id), 9).await.unwrap(), []);
    }
}
