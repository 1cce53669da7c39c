//! A task that holds a reader must not wait for another connection: in the builds that tests run, a second one panics.

use std::sync::Arc;

use countersign::store::{Store, people};

use crate::support::{Database, on_both};

on_both! {
    async fn a_second_connection_panics_while_a_reader_is_held(database: Database) {
        let store = Arc::new(Store::open(&database.url).await.unwrap());
        let (reading, writing, fine) = (Arc::clone(&store), Arc::clone(&store), Arc::clone(&store));
        let nested = tokio::spawn(async move {
            let _held = reading.read().await.unwrap();
            reading.read().await.map(drop)
        });
        assert!(nested.await.unwrap_err().is_panic(), "a second reader");
        let nested = tokio::spawn(async move {
            let _held = writing.read().await.unwrap();
            write!(writing, |session| people::delete(session, &"p@example.com".parse().unwrap()).await)
        });
        assert!(nested.await.unwrap_err().is_panic(), "a write");
        let one_after_the_other = tokio::spawn(async move {
            for _ in 0..9 {
                people::page(&mut fine.read().await.unwrap(), "", 1).await.unwrap();
            }
            write!(fine, |session| people::delete(session, &"p@example.com".parse().unwrap()).await).unwrap();
        });
        one_after_the_other.await.unwrap();
    }
}
