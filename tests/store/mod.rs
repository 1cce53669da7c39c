//! The store's contract, held on both databases.

use std::collections::{BTreeMap, BTreeSet};

use countersign::analytics::Bucket;
use countersign::approval::{
    Absence, Assurance, Choice, Decision, Digest, Kind, LinkUse, Method, Narrowing, Payload, Policy, Procedure,
    Progress, Request, Requester, Slot, Status, Terms, TermsSlot, Vote,
};
use countersign::identity::{Scope, Token};
use countersign::ids::{DeliveryId, EndpointId, EventId, RequestId, TokenId, VoteId};
use countersign::store::deliveries::{self, DeliveryState, NewDelivery};
use countersign::store::endpoints::{self, Channel, Endpoint, EndpointState};
use countersign::store::events::{self, Event};
use countersign::store::groups::{self, Group};
use countersign::store::idempotency::{self, Key, Used};
use countersign::store::people::{self, Person};
use countersign::store::requests::{NewRequest, Source};
use countersign::store::resources::{self, Resource};
use countersign::store::rollups::{self, Ended, Period};
use countersign::store::timers::{self, Timer};
use countersign::store::{Store, StoreError, Tx, requests, tokens, votes};
use countersign::time::Timestamp;
use serde_json::json;

use crate::support::{Database, on_both};

/// Runs statements in a write transaction of their own.
macro_rules! write {
    ($store:expr, |$session:ident| $body:expr) => {
        $store
            .write::<_, _, StoreError>(move |tx: &mut Tx| {
                Box::pin(async move {
                    let $session = tx.session();
                    $body
                })
            })
            .await
    };
}

mod crowd;
mod delivery_log;
mod migrations;
mod opening;
mod plans;
mod pooler;
mod queue;
mod readers;
mod statements;
mod writer;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000 + 1)
}

fn request(second: i64) -> Request {
    let payload = Payload {
        command: "select 'é🙂' -- \"quoted\"\n".to_owned(),
        language: Some("sql".to_owned()),
        context: Some(json!({"rows": 3, "nested": {"nul": "\u{0}"}})),
        duration_seconds: None,
    };
    Request {
        id: RequestId::mint(at(second)),
        revision: 1,
        kind: Kind::Action,
        resource: "orders".parse().unwrap(),
        digest: payload.digest().unwrap(),
        payload,
        requester: Requester {
            email: Some("nora@example.com".parse().unwrap()),
            name: Some("Nora".to_owned()),
            groups: vec!["dev".parse().unwrap()],
            acting_for: Some("boss@example.com".parse().unwrap()),
        },
        beneficiary: Some("new@example.com".parse().unwrap()),
        asked_by: "operator".to_owned(),
        reason: Some("because".to_owned()),
        labels: BTreeMap::from([("team".to_owned(), "shop".to_owned())]),
        status: Status::Pending,
        created_at: at(second),
        expires_at: at(second + 60),
        decided_at: None,
        decision: None,
        terms: Terms {
            slots: vec![TermsSlot {
                slot: Slot { group: "dba".parse().unwrap(), needed: 1, shared: false },
                eligible: 2,
                also: Vec::new(),
            }],
            askers: BTreeSet::from(["nora@example.com".parse().unwrap()]),
            procedure: Procedure { reject_reason_required: true, reminders: vec![30], ..Procedure::default() }.into(),
            ..Terms::default()
        },
        votes: Vec::new(),
        change: None,
        supersedes: None,
        superseded_by: None,
        undecidable: false,
        progress: Progress::default(),
        execution: None,
        grant: None,
        review: None,
    }
}

fn decision(outcome: Status) -> Decision {
    Decision { by: vec!["dana@example.com".parse().unwrap()], ..Decision::new(outcome, Method::Votes) }
}

fn endpoint(name: &str) -> Endpoint {
    let url = "https://hooks.example.com/x".to_owned().into();
    Endpoint {
        secret: Some("whsec_x".to_owned().into()),
        events: BTreeSet::from(["request.created".to_owned()]),
        groups: BTreeSet::from(["dba".parse().unwrap()]),
        ..Endpoint::new(name.parse().unwrap(), Channel::Custom, url, at(0))
    }
}

/// A stored request, endpoint and event with one delivery due at second 1.
async fn one_delivery(store: &Store) -> (Endpoint, NewDelivery) {
    let (request, endpoint) = (request(1), endpoint("x"));
    let event = Event {
        id: EventId::mint(at(1)),
        kind: "request.created".to_owned(),
        request_id: Some(request.id),
        at: at(1),
        subject: "{}".to_owned(),
        detail: countersign::approval::Detail::Full,
        fanout: 1,
        trace: None,
    };
    let new = NewDelivery {
        id: DeliveryId::mint(at(1)),
        event_id: event.id,
        endpoint_id: endpoint.id,
        request_id: Some(request.id),
        created_at: at(1),
        lease_until: None,
        address: String::new(),
    };
    let (stored, target) = (new.clone(), endpoint.clone());
    write!(store, |session| {
        requests::add(session, NewRequest::of(&request)?);
        endpoints::put(session, &target, at(0)).await?;
        events::insert(session, &event);
        deliveries::insert(session, &stored);
        Ok(())
    })
    .unwrap();
    (endpoint, new)
}

on_both! {
    async fn requests_and_votes_come_back_as_they_went_in(database: Database) {
        let store = Store::open(&database.url).await.unwrap();
        let mut request = request(1);
        let vote = Vote {
            id: VoteId::mint(at(2)),
            voter: "dana@example.com".parse().unwrap(),
            choice: Choice::Approve,
            groups: vec!["dba".parse().unwrap()],
            reason: Some("fine".to_owned()),
            assurance: Assurance::Link,
            channel: "teams".to_owned(),
            link: Some(LinkUse { delivery: DeliveryId::mint(at(1)), group: "dba".parse().unwrap() }),
            at: at(2),
            revision: 1,
            digest: request.digest,
            on_behalf_of: Some("absent@example.com".parse().unwrap()),
            narrowing: Some(Narrowing { duration_seconds: Some(5), starts_at: Some(at(9)) }),
            voided: false,
        };
        let (stored, cast) = (request.clone(), vote.clone());
        write!(store, |session| {
            requests::add(session, NewRequest::of(&stored)?);
            votes::insert(session, stored.id, &cast).await
        }).unwrap();
        request.votes.push(vote.clone());
        let id = request.id;
        assert_eq!(requests::get(&mut store.read().await.unwrap(), id).await.unwrap(), Some(request.clone()));

        let ended = decision(Status::Approved);
        let first = ended.clone();
        assert!(write!(store, |session| requests::end(session, id, &first, at(3)).await).unwrap());
        let again = decision(Status::Rejected);
        assert!(!write!(store, |session| requests::end(session, id, &again, at(4)).await).unwrap(), "no flips");
        write!(store, |session| votes::void(session, vote.id).await).unwrap();
        request.votes[0].voided = true;
        (request.status, request.decided_at, request.decision) = (Status::Approved, Some(at(3)), Some(ended));
        assert_eq!(requests::get(&mut store.read().await.unwrap(), id).await.unwrap(), Some(request));
    }

    async fn lists_filter_page_and_keep_their_order(database: Database) {
        let store = Store::open(&database.url).await.unwrap();
        let all: Vec<Request> = (1..=5).map(request).collect();
        let stored = all.clone();
        write!(store, |session| {
            for request in &stored {
                requests::add(session, NewRequest::of(request)?);
            }
            requests::end(session, stored[1].id, &decision(Status::Approved), at(50)).await?;
            requests::end(session, stored[0].id, &decision(Status::Rejected), at(51)).await
        }).unwrap();
        let mut session = store.read().await.unwrap();
        let ids = |found: Vec<Request>| found.iter().map(|request| request.id).collect::<Vec<_>>();
        let everything = requests::Filter::default();
        let page = requests::page(&mut session, &everything, None, 2).await.unwrap();
        assert_eq!(page.next, Some(all[3].id));
        assert_eq!(ids(page.requests), [all[4].id, all[3].id]);
        let page = requests::page(&mut session, &everything, Some(all[3].id), 9).await.unwrap();
        assert_eq!(page.next, None);
        assert_eq!(ids(page.requests), [all[2].id, all[1].id, all[0].id]);
        let filter = requests::Filter {
            status: Some(Status::Rejected),
            resource: Some("orders".parse().unwrap()),
            requester: Some("nora@example.com".parse().unwrap()),
            asked_by: Some("operator".to_owned()),
            from: Some(at(1)),
            to: Some(at(2)),
            kind: Some(Kind::Action),
            source: None,
        };
        assert_eq!(ids(requests::page(&mut session, &filter, None, 9).await.unwrap().requests), [all[0].id]);
        let of_group = |source| requests::Filter { source: Some(source), ..requests::Filter::default() };
        let group = of_group(Source::Group("dba".parse().unwrap()));
        let first = requests::page(&mut session, &group, None, 4).await.unwrap();
        assert_eq!(ids(first.requests), [all[4].id, all[3].id, all[2].id, all[1].id]);
        let last = requests::page(&mut session, &group, first.next, 4).await.unwrap();
        assert_eq!((ids(last.requests), last.next), (vec![all[0].id], None));
        let waiting_for = |person: &str| {
            let (person, groups) = (person.parse().unwrap(), vec!["dba".parse().unwrap()]);
            of_group(Source::WaitingFor { person, groups })
        };
        let dana = requests::page(&mut session, &waiting_for("dana@example.com"), None, 9).await.unwrap();
        assert_eq!(ids(dana.requests), [all[4].id, all[3].id, all[2].id], "what has ended waits for nobody");
        let nora = requests::page(&mut session, &waiting_for("nora@example.com"), None, 9).await.unwrap();
        assert_eq!(ids(nora.requests), [], "nobody's own request waits for them");

        let ended = requests::ended(&mut session, None, (None, None), None, 1).await.unwrap();
        assert_eq!(ids(ended), [all[1].id]);
        let after = Some((at(50), all[1].id));
        let resource = "orders".parse().unwrap();
        let ended = requests::ended(&mut session, Some(&resource), (Some(at(50)), Some(at(52))), after, 9).await.unwrap();
        assert_eq!(ids(ended), [all[0].id]);
        let waiting = requests::waiting(&mut session, None, (None, Some(at(5))), at(60), None, 9).await.unwrap();
        assert_eq!(ids(waiting), [all[2].id, all[3].id]);
        // At second 51 the first had not ended yet.
        let then = requests::waiting(&mut session, None, (None, None), at(51), None, 1).await.unwrap();
        assert_eq!(ids(then), [all[0].id]);
        let waiting = requests::waiting(&mut session, Some(&resource), (Some(at(1)), None), at(60), Some((at(63), all[2].id)), 9).await;
        assert_eq!(ids(waiting.unwrap()), [all[3].id, all[4].id]);

        assert_eq!(timers::next(&mut session, at(0)).await.unwrap(), Some(at(33)));
        assert_eq!(timers::next(&mut session, at(33)).await.unwrap(), Some(at(34)), "what was due then is left out");
        let due = timers::due(&mut session, Timer::Deadline, at(64), None, 9).await.unwrap();
        assert_eq!(due.iter().map(|due| due.id).collect::<Vec<_>>(), [all[2].id, all[3].id]);
        let behind = timers::due(&mut session, Timer::Deadline, at(64), due.first(), 9).await.unwrap();
        assert_eq!(behind, due[1..]);
        let due = timers::due(&mut session, Timer::Notice, at(34), None, 9).await.unwrap();
        assert_eq!(due.iter().map(|due| due.id).collect::<Vec<_>>(), [all[2].id, all[3].id]);
        assert_eq!(requests::backlog(&mut session, Some(&resource)).await.unwrap(), (3, Some(at(3))));
    }

    async fn configuration_comes_back_as_it_went_in(database: Database) {
        let store = Store::open(&database.url).await.unwrap();
        let group = Group {
            name: "dba".parse().unwrap(),
            members: BTreeSet::from(["dana@example.com".parse().unwrap(), "erik@example.com".parse().unwrap()]),
        };
        let absence = Absence { from: Some(at(1)), until: Some(at(9)), delegate: Some("erik@example.com".parse().unwrap()) };
        let person =
            Person { email: "dana@example.com".parse().unwrap(), name: "Dana".to_owned(), absence: Some(absence) };
        let slot = Slot { group: group.name.clone(), needed: 2, shared: true };
        let policy = Policy {
            slots: vec![slot],
            timeout_seconds: Some(9),
            reason_required: true,
            exempt_groups: BTreeSet::from(["sre".parse().unwrap()]),
            procedure: Procedure { reject_reason_required: true, high_risk: true, ..Procedure::default() }.into(),
            ..Policy::default()
        };
        let resource = Resource {
            name: "orders".parse().unwrap(),
            description: Some("text".to_owned()),
            policy,
            context_schema: Some(json!({"type": "object"})),
        };
        let (g, p, r) = (group.clone(), person.clone(), resource.clone());
        write!(store, |session| {
            for _ in 0..2 {
                groups::put(session, &g, at(1)).await?;
                people::put(session, &p, at(1)).await?;
                resources::put(session, &r, at(1)).await?;
            }
            Ok(())
        }).unwrap();
        let mut session = store.read().await.unwrap();
        assert_eq!(groups::get(&mut session, &group.name).await.unwrap(), Some(group.clone()));
        assert_eq!(groups::page(&mut session, "", 9).await.unwrap(), std::slice::from_ref(&group));
        assert_eq!(groups::page(&mut session, "dba", 9).await.unwrap(), []);
        let named = groups::named_members(&mut session, [&group.name]).await.unwrap();
        assert_eq!(named.iter().map(|member| member.name.as_str()).collect::<Vec<_>>(), ["Dana", "erik@example.com"]);
        let roster = groups::roster_of(&mut session, [&group.name], &BTreeSet::from([&person.email])).await.unwrap();
        assert_eq!(roster.members(&group.name).collect::<Vec<_>>(), [&person.email]);
        assert_eq!(people::get(&mut session, &person.email).await.unwrap(), Some(person.clone()));
        assert_eq!(people::page(&mut session, "", 9).await.unwrap(), std::slice::from_ref(&person));
        let erik = "erik@example.com".parse().unwrap();
        assert_eq!(people::delegators(&mut session, &erik, at(8)).await.unwrap(), std::slice::from_ref(&person.email));
        assert_eq!(people::delegators(&mut session, &erik, at(9)).await.unwrap(), [], "at the end it is over");
        assert_eq!(groups::of_person(&mut session, &erik).await.unwrap(), BTreeSet::from([group.name.clone()]));
        assert_eq!(resources::get(&mut session, &resource.name).await.unwrap(), Some(resource.clone()));
        assert_eq!(resources::page(&mut session, "", 9).await.unwrap(), std::slice::from_ref(&resource));
        assert_eq!(resources::naming(&mut session, &group.name).await.unwrap(), Some(resource.name.clone()));
        drop(session);
        let gone = write!(store, |session| {
            Ok((
                resources::delete(session, &resource.name).await?,
                people::delete(session, &person.email).await?,
                groups::delete(session, &group.name).await?,
                groups::delete(session, &group.name).await?,
            ))
        });
        assert_eq!(gone.unwrap(), (true, true, true, false));
    }

    async fn endpoints_tokens_and_keys_come_back_as_they_went_in(database: Database) {
        let store = Store::open(&database.url).await.unwrap();
        let (one, key) = (endpoint("one"), Key { principal: "p".to_owned(), operation: "request", key: "k".to_owned() });
        let used = Used { body: Digest::of(b"b"), subject: "req_1".to_owned() };
        let token = Token {
            id: TokenId::mint(at(1)),
            name: "t".to_owned(),
            scope: Scope::Approver,
            person: Some("dana@example.com".parse().unwrap()),
            created_at: at(1),
            expires_at: Some(at(9)),
        };
        let (e, k, u, t) = (one.clone(), key.clone(), used.clone(), token.clone());
        write!(store, |session| {
            endpoints::put(session, &e, at(1)).await?;
            idempotency::remember(session, &k, &u, at(1));
            tokens::insert(session, &t, &Digest::of(b"secret")).await
        }).unwrap();
        let mut session = store.read().await.unwrap();
        for found in [
            endpoints::get(&mut session, one.id).await.unwrap(),
            endpoints::by_name(&mut session, &one.name).await.unwrap(),
            endpoints::any_state(&mut session, one.id).await.unwrap(),
            endpoints::page(&mut session, None, 9).await.unwrap().pop(),
            endpoints::all(&mut session).await.unwrap().pop(),
        ] {
            assert_eq!(format!("{:?}", found.unwrap()), format!("{one:?}"));
        }
        assert_eq!(idempotency::find(&mut session, &key).await.unwrap(), Some(used));
        assert_eq!(tokens::by_secret(&mut session, &Digest::of(b"secret")).await.unwrap(), Some(token.clone()));
        assert_eq!(tokens::page(&mut session, None, 9).await.unwrap(), std::slice::from_ref(&token));
        drop(session);
        assert!(write!(store, |session| tokens::delete(session, token.id).await).unwrap());
        let gone = Endpoint { state: EndpointState::Deleted, ..one.clone() };
        let another = Endpoint { id: EndpointId::mint(at(5)), ..one.clone() };
        write!(store, |session| {
            endpoints::put(session, &gone, at(2)).await?;
            // A name is free again once its endpoint is gone.
            endpoints::put(session, &another, at(2)).await
        }).unwrap();
        assert!(endpoints::get(&mut store.read().await.unwrap(), one.id).await.unwrap().is_none());
    }

    async fn what_waits_for_an_endpoint_is_discarded_by_parts_once_it_is_off(database: Database) {
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
        assert_eq!(still_on.unwrap(), 0, "it is switched on");
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

    async fn a_large_group_is_changed_by_its_difference(database: Database) {
        let store = Store::open(&database.url).await.unwrap();
        let of = |numbers: std::ops::Range<u32>| Group {
            name: "large".parse().unwrap(),
            members: numbers.map(|number| format!("p{number}@example.com").parse().unwrap()).collect(),
        };
        for group in [of(0..2_000), of(1..2_001), of(1_990..2_010), of(0..0), of(5..6)] {
            let put = group.clone();
            write!(store, |session| groups::put(session, &put, at(1)).await).unwrap();
            assert_eq!(groups::get(&mut store.read().await.unwrap(), &group.name).await.unwrap(), Some(group));
        }
    }

    async fn counts_add_up_by_hour_and_resource(database: Database) {
        let store = Store::open(&database.url).await.unwrap();
        write!(store, |session| {
            for (second, resource, latency) in [(10, "a", 5), (20, "a", 7), (3_700, "a", 9), (10, "b", 11)] {
                let ended = Ended {
                    at: at(second), resource: resource.parse().unwrap(), outcome: Status::Approved, method: Method::Votes,
                    latency_us: latency, working_us: Some(latency - 1),
                };
                rollups::add(session, &ended).await?;
            }
            Ok(())
        }).unwrap();
        let mut session = store.read().await.unwrap();
        let of = |from, to, resource: Option<&str>| Period {
            from_hour: from, to_hour: to, resource: resource.map(|name| name.parse().unwrap()),
        };
        for (period, count, total) in [
            (of(None, None, None), 4, 32), (of(None, None, Some("a")), 3, 21), (of(Some(0), Some(1), Some("a")), 2, 12),
            (of(Some(1), None, None), 1, 9),
        ] {
            let counts = rollups::counts(&mut session, &period).await.unwrap();
            assert_eq!((counts[0].count, counts[0].total_us), (count, total), "{period:?}");
            let buckets = rollups::buckets(&mut session, &period).await.unwrap();
            assert_eq!(buckets.iter().map(|bucket| bucket.count).sum::<u64>(), count);
        }
        let buckets = rollups::buckets(&mut session, &of(Some(1), None, None)).await.unwrap();
        assert_eq!(buckets[0].bucket, Bucket::of_micros(9));
    }
}

/// Whatever can be written in the one dialect has its twin in the other.
#[test]
fn both_dialects_have_the_same_migrations() {
    let names = |dialect: &str| {
        let folder = std::fs::read_dir(format!("{}/migrations/{dialect}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        folder.map(|entry| entry.unwrap().file_name()).collect::<BTreeSet<_>>()
    };
    assert_eq!(names("sqlite"), names("postgres"));
}
