//! Requests: rows and votes, lists, and the deadlines of the timer.

use countersign::approval::{Assurance, Choice, Kind, LinkUse, Narrowing, Request, Status, Vote};
use countersign::ids::{DeliveryId, RequestId, VoteId};
use countersign::store::requests::{self, NewRequest, Source};
use countersign::store::timers::{self, Timer};
use countersign::store::{Store, votes};

use super::{at, decision, request};
use crate::support::{Database, on_both};

fn ids(found: Vec<Request>) -> Vec<RequestId> {
    found.iter().map(|request| request.id).collect()
}

/// Five requests, one per second: the first is rejected, the second approved, and the others are pending.
async fn five_requests(store: &Store) -> Vec<Request> {
    let all: Vec<Request> = (1..=5).map(request).collect();
    let stored = all.clone();
    write!(store, |session| {
        for request in &stored {
            requests::add(session, NewRequest::of(request)?);
        }
        requests::end(session, stored[1].id, &decision(Status::Approved), at(50)).await?;
        requests::end(session, stored[0].id, &decision(Status::Rejected), at(51)).await
    })
    .unwrap();
    all
}

fn of_source(source: Source) -> requests::Filter {
    requests::Filter { source: Some(source), ..requests::Filter::default() }
}

on_both! {
    async fn requests_and_votes_are_read_back_as_stored(database: Database) {
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
        assert!(!write!(store, |session| requests::end(session, id, &again, at(4)).await).unwrap(), "a decision is final");
        write!(store, |session| votes::void(session, vote.id).await).unwrap();
        request.votes[0].voided = true;
        (request.status, request.decided_at, request.decision) = (Status::Approved, Some(at(3)), Some(ended));
        assert_eq!(requests::get(&mut store.read().await.unwrap(), id).await.unwrap(), Some(request));
    }

    async fn lists_filter_page_and_keep_their_order(database: Database) {
        let store = Store::open(&database.url).await.unwrap();
        let all = five_requests(&store).await;
        let mut session = store.read().await.unwrap();
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
        let group = of_source(Source::Group("dba".parse().unwrap()));
        let first = requests::page(&mut session, &group, None, 4).await.unwrap();
        assert_eq!(ids(first.requests), [all[4].id, all[3].id, all[2].id, all[1].id]);
        let last = requests::page(&mut session, &group, first.next, 4).await.unwrap();
        assert_eq!((ids(last.requests), last.next), (vec![all[0].id], None));
    }

    async fn lists_find_the_requests_that_wait_for_a_person(database: Database) {
        let store = Store::open(&database.url).await.unwrap();
        let all = five_requests(&store).await;
        let mut session = store.read().await.unwrap();
        let waiting_for = |person: &str| {
            let (person, groups) = (person.parse().unwrap(), vec!["dba".parse().unwrap()]);
            of_source(Source::WaitingFor { person, groups })
        };
        let dana = requests::page(&mut session, &waiting_for("dana@example.com"), None, 9).await.unwrap();
        assert_eq!(ids(dana.requests), [all[4].id, all[3].id, all[2].id], "an ended request waits for no one");
        let nora = requests::page(&mut session, &waiting_for("nora@example.com"), None, 9).await.unwrap();
        assert_eq!(ids(nora.requests), [], "a requester's own request does not wait for them");
    }

    async fn ended_and_waiting_requests_are_listed_by_time(database: Database) {
        let store = Store::open(&database.url).await.unwrap();
        let all = five_requests(&store).await;
        let mut session = store.read().await.unwrap();
        let ended = requests::ended(&mut session, None, (None, None), None, 1).await.unwrap();
        assert_eq!(ids(ended), [all[1].id]);
        let after = Some((at(50), all[1].id));
        let resource = "orders".parse().unwrap();
        let ended = requests::ended(&mut session, Some(&resource), (Some(at(50)), Some(at(52))), after, 9).await.unwrap();
        assert_eq!(ids(ended), [all[0].id]);
        let waiting = requests::waiting(&mut session, None, (None, Some(at(5))), at(60), None, 9).await.unwrap();
        assert_eq!(ids(waiting), [all[2].id, all[3].id]);
        // At second 51 the first one had not ended yet.
        let then = requests::waiting(&mut session, None, (None, None), at(51), None, 1).await.unwrap();
        assert_eq!(ids(then), [all[0].id]);
        let waiting = requests::waiting(&mut session, Some(&resource), (Some(at(1)), None), at(60), Some((at(63), all[2].id)), 9).await;
        assert_eq!(ids(waiting.unwrap()), [all[3].id, all[4].id]);
        assert_eq!(requests::backlog(&mut session, Some(&resource)).await.unwrap(), (3, Some(at(3))));
    }

    async fn timers_find_the_deadlines_in_order(database: Database) {
        let store = Store::open(&database.url).await.unwrap();
        let all = five_requests(&store).await;
        let mut session = store.read().await.unwrap();
        assert_eq!(timers::next(&mut session, at(0)).await.unwrap(), Some(at(33)));
        assert_eq!(timers::next(&mut session, at(33)).await.unwrap(), Some(at(34)), "an earlier deadline is left out");
        let due = timers::due(&mut session, Timer::Deadline, at(64), None, 9).await.unwrap();
        assert_eq!(due.iter().map(|due| due.id).collect::<Vec<_>>(), [all[2].id, all[3].id]);
        let behind = timers::due(&mut session, Timer::Deadline, at(64), due.first(), 9).await.unwrap();
        assert_eq!(behind, due[1..]);
        let due = timers::due(&mut session, Timer::Notice, at(34), None, 9).await.unwrap();
        assert_eq!(due.iter().map(|due| due.id).collect::<Vec<_>>(), [all[2].id, all[3].id]);
    }
}
