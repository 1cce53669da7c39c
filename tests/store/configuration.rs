//! Groups, people, resources, endpoints, tokens and idempotency keys.

use std::collections::BTreeSet;

use countersign::approval::{Absence, Digest, Policy, Procedure, Slot};
use countersign::identity::{Scope, Token};
use countersign::ids::{EndpointId, TokenId};
use countersign::store::endpoints::{self, Endpoint, EndpointState};
use countersign::store::groups::{self, Group};
use countersign::store::idempotency::{self, Key, Used};
use countersign::store::people::{self, Person};
use countersign::store::resources::{self, Resource};
use countersign::store::{Store, tokens};
use serde_json::json;

use super::{at, endpoint};
use crate::support::{Database, on_both};

fn dba() -> Group {
    Group {
        name: "dba".parse().unwrap(),
        members: BTreeSet::from(["dana@example.com".parse().unwrap(), "erik@example.com".parse().unwrap()]),
        from_claim: BTreeSet::new(),
        managed_by: None,
    }
}

/// Dana, for whom Erik stands in.
fn absent_person() -> Person {
    let absence =
        Absence { from: Some(at(1)), until: Some(at(9)), delegate: Some("erik@example.com".parse().unwrap()) };
    Person {
        email: "dana@example.com".parse().unwrap(),
        name: "Dana".to_owned(),
        absence: Some(absence),
        roles: Default::default(),
    }
}

fn orders(group: &Group) -> Resource {
    let policy = Policy {
        slots: vec![Slot { group: group.name.clone(), needed: 2, shared: true }],
        timeout_seconds: Some(9),
        reason_required: true,
        exempt_groups: BTreeSet::from(["sre".parse().unwrap()]),
        procedure: Procedure { reject_reason_required: true, high_risk: true, ..Procedure::default() }.into(),
        ..Policy::default()
    };
    Resource {
        name: "orders".parse().unwrap(),
        description: Some("text".to_owned()),
        policy,
        context_schema: Some(json!({"type": "object"})),
    }
}

on_both! {
    async fn cached_endpoints_are_those_that_the_present_keys_open(database: Database) {
        let store = Store::open(&database.url).await.unwrap();
        let key = |byte| countersign::sealing::SealingKey::new(&[byte; 32]).unwrap();
        let keys = store.secrets();
        keys.replace(vec![key(1)]);
        keys.seal_with(Some(key(1).id()));
        let one = endpoint("one");
        write!(store, |session| endpoints::put(session, &one, at(1)).await).unwrap();
        for (own, readable) in [(1, 1), (2, 0), (1, 1)] {
            keys.replace(vec![key(own)]);
            for _ in 0..2 {
                assert_eq!(store.lookup().endpoints().await.unwrap().len(), readable, "with key {own}");
            }
            let seen = store
                .write::<_, _, countersign::store::StoreError>(|tx| Box::pin(async move { Ok(tx.endpoints().await?.len()) }))
                .await;
            assert_eq!(seen.unwrap(), readable, "in a transaction with key {own}");
        }
    }

    async fn configuration_is_read_back_as_stored(database: Database) {
        let store = Store::open(&database.url).await.unwrap();
        let (group, person) = (dba(), absent_person());
        let resource = orders(&group);
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
        assert_eq!(people::delegators(&mut session, &erik, at(9)).await.unwrap(), [], "the absence ends at its end");
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

    async fn endpoints_tokens_and_keys_are_read_back_as_stored(database: Database) {
        let store = Store::open(&database.url).await.unwrap();
        let (one, key) = (endpoint("one"), Key { principal: "p".to_owned(), operation: "request", key: "k".to_owned() });
        let used = Used { body: Digest::of(b"b"), subject: "req_1".to_owned() };
        let token = Token {
            id: TokenId::mint(at(1)),
            name: "t".to_owned(),
            scope: Scope::Approver,
            person: Some("dana@example.com".parse().unwrap()),
            resources: ["orders".parse().unwrap()].into(),
            agent: true,
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
        let found = tokens::by_secret(&mut session, &Digest::of(b"secret")).await.unwrap().unwrap();
        assert_eq!((&*found.token, found.retires_at), (&token, None));
        let page = tokens::page(&mut session, None, 9).await.unwrap();
        assert_eq!((page.len(), &page[0].token, page[0].last_used_at), (1, &token, None));
        drop(session);
        assert!(write!(store, |session| tokens::delete(session, token.id).await).unwrap());
        let gone = Endpoint { state: EndpointState::Deleted, ..one.clone() };
        let another = Endpoint { id: EndpointId::mint(at(5)), ..one.clone() };
        write!(store, |session| {
            endpoints::put(session, &gone, at(2)).await?;
            // The name of a deleted endpoint is free again.
            endpoints::put(session, &another, at(2)).await
        }).unwrap();
        assert!(endpoints::get(&mut store.read().await.unwrap(), one.id).await.unwrap().is_none());
    }

    async fn a_large_group_is_changed_by_its_difference(database: Database) {
        let store = Store::open(&database.url).await.unwrap();
        let of = |numbers: std::ops::Range<u32>| Group {
            name: "large".parse().unwrap(),
            members: numbers.map(|number| format!("p{number}@example.com").parse().unwrap()).collect(),
            from_claim: BTreeSet::new(),
            managed_by: None,
        };
        for group in [of(0..2_000), of(1..2_001), of(1_990..2_010), of(0..0), of(5..6)] {
            let put = group.clone();
            write!(store, |session| groups::put(session, &put, at(1)).await).unwrap();
            assert_eq!(groups::get(&mut store.read().await.unwrap(), &group.name).await.unwrap(), Some(group));
        }
    }
}
