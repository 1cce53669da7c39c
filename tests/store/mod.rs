//! The store's contract, the same on both databases.

use std::collections::{BTreeMap, BTreeSet};

use countersign::approval::{
    Decision, Kind, Method, Payload, Procedure, Progress, Request, Requester, Slot, Status, Terms, TermsSlot,
};
use countersign::ids::{DeliveryId, EventId, RequestId};
use countersign::store::Store;
use countersign::store::deliveries::{self, NewDelivery};
use countersign::store::endpoints::{self, Channel, Endpoint};
use countersign::store::events::{self, Event};
use countersign::store::requests::NewRequest;
use countersign::time::Timestamp;
use serde_json::json;

/// Runs statements in a write transaction.
macro_rules! write {
    ($store:expr, |$session:ident| $body:expr) => {
        $store
            .write::<_, _, countersign::store::StoreError>(move |tx: &mut countersign::store::Tx| {
                Box::pin(async move {
                    let $session = tx.session();
                    $body
                })
            })
            .await
    };
}

mod claims;
mod configuration;
mod crowd;
mod delivery_log;
mod migrations;
mod opening;
mod plans;
mod pooler;
mod queue;
mod readers;
mod requests;
mod rollups;
pub(crate) mod statements;
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
        countersign::store::requests::add(session, NewRequest::of(&request)?);
        endpoints::put(session, &target, at(0)).await?;
        events::insert(session, &event);
        deliveries::insert(session, &stored);
        Ok(())
    })
    .unwrap();
    (endpoint, new)
}
