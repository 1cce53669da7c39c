//! The group-committing writer, and the audit chain that it seals.

use std::sync::Arc;

use countersign::audit::{Actor, Entry};
use countersign::ids::{DeliveryId, EventId, RequestId};
use countersign::store::deliveries::{self, NewDelivery};
use countersign::store::people::{self, Person};
use countersign::store::requests::NewRequest;
use countersign::store::{Store, StoreError, audit, requests};

use super::{at, one_delivery, request};
use crate::support::{Database, on_both};

on_both! {
    async fn a_failed_operation_is_undone_alone(database: Database) {
        let store = Arc::new(Store::open(&database.url).await.unwrap());
        let mut calls = Vec::new();
        for number in 0..60 {
            let store = Arc::clone(&store);
            calls.push(tokio::spawn(async move {
                store.write::<_, (), StoreError>(move |tx| Box::pin(async move {
                    let person = Person { email: format!("p{number:02}@example.com").parse().unwrap(), name: "x".to_owned(), absence: None, roles: Default::default() };
                    people::put(tx.session(), &person, at(1)).await?;
                    tx.record(&Entry::new(at(1), "person.put", Actor::Hub))?;
                    if number % 3 == 0 { Err(StoreError::Busy) } else { Ok(()) }
                })).await
            }));
        }
        for (number, call) in calls.into_iter().enumerate() {
            assert_eq!(call.await.unwrap().is_err(), number % 3 == 0);
        }
        let mut session = store.read().await.unwrap();
        assert_eq!(people::page(&mut session, "", 100).await.unwrap().len(), 40);
        assert_eq!(audit::page(&mut session, 0, 100).await.unwrap().len(), 40, "its audit entry is undone with it");
        assert_eq!(audit::first_break(&mut session).await.unwrap(), None);
    }

    async fn a_failed_statement_affects_no_other_operation(database: Database) {
        let store = Arc::new(Store::open(&database.url).await.unwrap());
        let twice = request(1);
        let stored = twice.clone();
        write!(store, |session| NewRequest::of(&stored).map(|new| requests::add(session, new))).unwrap();
        let (other, fresh) = (Arc::clone(&store), request(2));
        let neighbour = tokio::spawn(async move { write!(other, |session| NewRequest::of(&fresh).map(|new| requests::add(session, new))) });
        let refused = write!(store, |session| {
            requests::add(session, NewRequest::of(&twice)?);
            // The row is written and refused before any statement that could depend on it.
            requests::get(session, twice.id).await
        });
        assert!(matches!(refused, Err(StoreError::Statement(_))));
        neighbour.await.unwrap().unwrap();
        assert_eq!(requests::backlog(&mut store.read().await.unwrap(), None).await.unwrap().0, 2);
    }

    async fn a_refused_row_fails_only_its_own_operation(database: Database) {
        let store = Arc::new(Store::open(&database.url).await.unwrap());
        let (_, new) = one_delivery(&store).await;
        // A row for a missing event: only the database detects this, when it writes all rows of the batch.
        let odd = |number: i64| NewDelivery {
            id: DeliveryId::mint(at(number)), event_id: EventId::mint(at(9)), address: format!("C{number}"), ..new.clone()
        };
        let followed = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let mut calls = Vec::new();
        for number in 0..60 {
            let (store, followed, fine, odd) = (Arc::clone(&store), Arc::clone(&followed), request(100 + number), odd(number));
            calls.push(tokio::spawn(async move {
                store.write::<_, (), StoreError>(move |tx| Box::pin(async move {
                    // Some operations also run a statement of their own, before or after.
                    if number % 4 == 1 {
                        let person = Person { email: format!("p{number:02}@example.com").parse().unwrap(), name: "x".to_owned(), absence: None, roles: Default::default() };
                        people::put(tx.session(), &person, at(1)).await?;
                    }
                    requests::add(tx.session(), NewRequest::of(&fine)?);
                    if number % 3 == 0 {
                        deliveries::insert(tx.session(), &odd);
                    }
                    tx.after_commit(move || {
                        followed.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    });
                    tx.record(&Entry::new(at(1), "asked", Actor::Hub))
                })).await
            }));
        }
        for (number, call) in calls.into_iter().enumerate() {
            let result = call.await.unwrap();
            match number % 3 {
                0 => assert!(matches!(result, Err(StoreError::Statement(_))), "{number}: {result:?}"),
                _ => result.unwrap_or_else(|error| panic!("{number} fails for another's fault: {error}")),
            }
        }
        let mut session = store.read().await.unwrap();
        assert_eq!(requests::backlog(&mut session, None).await.unwrap().0, 41, "40 and the delivery's own");
        assert_eq!(people::page(&mut session, "", 100).await.unwrap().len(), 10, "15 less those of the refused operations");
        assert_eq!(audit::page(&mut session, 0, 100).await.unwrap().len(), 40);
        assert_eq!(audit::first_break(&mut session).await.unwrap(), None);
        assert_eq!(followed.load(std::sync::atomic::Ordering::Relaxed), 40);
    }

    async fn a_character_that_postgres_refuses_is_replaced(database: Database) {
        let store = Store::open(&database.url).await.unwrap();
        let person = Person { email: "p@example.com".parse().unwrap(), name: "x\0y".to_owned(), absence: None, roles: Default::default() };
        write!(store, |session| people::put(session, &person, at(1)).await).unwrap();
        assert_eq!(people::page(&mut store.read().await.unwrap(), "", 9).await.unwrap()[0].name, "x\u{fffd}y");
    }

    async fn an_operation_that_panics_is_undone_and_the_writer_continues(database: Database) {
        let store = Store::open(&database.url).await.unwrap();
        let broken = store.write::<_, (), StoreError>(|tx| Box::pin(async move {
            let person = Person { email: "p@example.com".parse().unwrap(), name: "x".to_owned(), absence: None, roles: Default::default() };
            people::put(tx.session(), &person, at(1)).await?;
            panic!("on purpose");
        })).await;
        assert!(matches!(broken, Err(StoreError::Panicked)));
        assert_eq!(people::page(&mut store.read().await.unwrap(), "", 9).await.unwrap(), []);
        let person = Person { email: "q@example.com".parse().unwrap(), name: "x".to_owned(), absence: None, roles: Default::default() };
        write!(store, |session| people::put(session, &person, at(1)).await).unwrap();
    }

    async fn a_changed_entry_breaks_the_chain(database: Database) {
        let store = Store::open(&database.url).await.unwrap();
        for action in ["one", "two", "three"] {
            store.write::<_, (), StoreError>(move |tx| Box::pin(async move {
                tx.record(&Entry { request: Some(RequestId::mint(at(1))), ..Entry::new(at(1), action, Actor::Hub) })
            })).await.unwrap();
        }
        let mut session = store.read().await.unwrap();
        assert_eq!(audit::first_break(&mut session).await.unwrap(), None);
        let second = audit::page(&mut session, 1, 1).await.unwrap().remove(0);
        assert_eq!(audit::of_request(&mut session, second.entry.request.unwrap()).await.unwrap(), [second]);
        drop(session);
        store.close().await;
        let sql = "UPDATE audit_entries SET entry = replace(entry, 'two', 'owt') WHERE seq = 2";
        Database::run(&database.url, sql.to_owned()).await;
        let store = Store::open(&database.url).await.unwrap();
        assert_eq!(audit::first_break(&mut store.read().await.unwrap()).await.unwrap(), Some(2));
    }

    async fn a_closed_store_has_written_every_accepted_operation(database: Database) {
        let store = Arc::new(Store::open(&database.url).await.unwrap());
        let calls: Vec<_> = (0..200).map(|number| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let person = Person { email: format!("p{number}@example.com").parse().unwrap(), name: "x".to_owned(), absence: None, roles: Default::default() };
                write!(store, |session| people::put(session, &person, at(1)).await).is_ok()
            })
        }).collect();
        tokio::task::yield_now().await;
        store.close().await;
        let mut kept = 0;
        for call in calls {
            kept += usize::from(call.await.unwrap());
        }
        let store = Store::open(&database.url).await.unwrap();
        assert_eq!(people::page(&mut store.read().await.unwrap(), "", 500).await.unwrap().len(), kept);
    }
}
