//! Rows of an older version are still there after a migration.

use std::collections::BTreeSet;

use countersign::identity::Scope;
use countersign::ids::{EndpointId, TokenId};
use countersign::store::Store;
use countersign::store::endpoints::{self, Channel, Endpoint};
use countersign::store::tokens;
use countersign::time::Timestamp;
use sqlx::Connection as _;

use crate::support::{Database, on_both};

/// An endpoint with a delivery and a health record, as the third migration stores them.
async fn add_old_endpoint(database: &Database, id: EndpointId) {
    Database::run(
        &database.url,
        format!(
            "INSERT INTO endpoints (id, name, channel, url, secret, events, resources, groups, state, disabled_reason,
                transport, retiring, paused_at, created_at, updated_at)
            VALUES ('{id}', 'ops', 'teams', 'https://x.example', NULL, '[\"ping\"]', '[]', '[\"dba\"]', 'active', NULL,
                '{{\"concurrency\":2}}', '[]', 7, 1, 1);
            INSERT INTO events (id, type, at, subject, fanout) VALUES ('evt_1', 'ping', 1, '{{}}', 1);
            INSERT INTO deliveries (id, event_id, endpoint_id, state, attempts, lost, next_attempt_at, fence, created_at)
            VALUES ('dlv_1', 'evt_1', '{id}', 'pending', 0, 0, 1, 0, 1);
            INSERT INTO endpoint_health (endpoint_id, failing_since, warned, updated_at) VALUES ('{id}', 1, 0, 1);"
        ),
    )
    .await;
}

async fn add_endpoint(store: &Store, channel: Channel) {
    let now = Timestamp::from_micros(1);
    let url = "https://x.example".to_owned().into();
    let new = Endpoint {
        secret: (channel == Channel::Custom).then(|| "whsec_x".to_owned().into()),
        ..Endpoint::new(channel.as_str().replace('_', "-").parse().unwrap(), channel, url, now)
    };
    store
        .write::<_, (), countersign::store::StoreError>(move |tx| {
            Box::pin(async move { endpoints::put(tx.session(), &new, now).await })
        })
        .await
        .unwrap();
}

on_both! {
    async fn endpoints_survive_the_migration_for_new_channels(database: Database) {
        database.migrate(3).await;
        let id = EndpointId::mint(Timestamp::from_micros(0));
        add_old_endpoint(&database, id).await;

        let store = Store::open(&database.url).await.unwrap();
        let kept = endpoints::get(&mut store.read().await.unwrap(), id).await.unwrap().unwrap();
        assert_eq!((kept.channel, kept.paused_at), (Channel::Teams, Some(Timestamp::from_micros(7))));
        assert_eq!((kept.transport.concurrency, kept.groups.len(), kept.events.len()), (Some(2), 1, 1));
        for channel in Channel::ALL {
            add_endpoint(&store, channel).await;
        }
        store.close().await;
        // Rows that refer to the endpoint still do.
        let orphans = format!("SELECT 'd', COUNT(*) FROM deliveries WHERE endpoint_id = '{id}'");
        assert_eq!(Database::tally(&database.url, orphans).await["d"], 1);
        if database.url.starts_with("sqlite") {
            let broken = "SELECT \"table\", COUNT(*) FROM pragma_foreign_key_check GROUP BY 1".to_owned();
            assert!(Database::tally(&database.url, broken).await.is_empty());
        }
    }
}

on_both! {
    async fn tokens_and_their_retired_secrets_survive_the_migration_for_directories(database: Database) {
        database.migrate(15).await;
        let id = TokenId::mint(Timestamp::from_micros(0));
        Database::run(
            &database.url,
            format!(
                "INSERT INTO tokens (id, name, secret_digest, scope, person, resources, agent, created_at, expires_at, last_used_at)
                VALUES ('{id}', 'ci', 'd1', 'requester', 'dana@example.com', '[\"orders\"]', 1, 5, 6, 7);
                INSERT INTO retired_token_secrets (digest, token_id, valid_until) VALUES ('d0', '{id}', 9);"
            ),
        )
        .await;
        let store = Store::open(&database.url).await.unwrap();
        let kept = tokens::get(&mut store.read().await.unwrap(), id).await.unwrap().unwrap();
        store.close().await;
        assert_eq!((kept.token.scope, kept.token.agent, kept.token.resources.len()), (Scope::Requester, true, 1));
        assert_eq!((kept.token.created_at.as_micros(), kept.last_used_at.map(|at| at.as_micros())), (5, Some(7)));
        let retired = format!("SELECT digest, valid_until FROM retired_token_secrets WHERE token_id = '{id}'");
        assert_eq!(Database::tally(&database.url, retired).await["d0"], 9);
        Database::run(&database.url, "DELETE FROM tokens".to_owned()).await;
        let left = "SELECT digest, valid_until FROM retired_token_secrets".to_owned();
        assert!(Database::tally(&database.url, left).await.is_empty(), "they still go with their token");
    }
}

/// Another replica's long migration is waited for, longer than any ordinary statement may wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_waits_for_another_ones_migration() {
    let database = Database::postgres().await;
    let mut other = sqlx::PgConnection::connect(&database.url).await.unwrap();
    sqlx::raw_sql("BEGIN; SELECT pg_advisory_xact_lock(4852177305616)").execute(&mut other).await.unwrap();
    let url = database.url.clone();
    let opening = tokio::spawn(async move { Store::open(&url).await.map(drop) });
    let waits = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()
        AND wait_event = 'advisory' AND clock_timestamp() - query_start > interval '5.3 s')";
    // Outside of a transaction, in which PostgreSQL would show the activity as of its beginning.
    let mut watcher = sqlx::PgConnection::connect(&database.url).await.unwrap();
    for _ in 0..1_200 {
        let waited: bool = sqlx::query_scalar(waits).fetch_one(&mut watcher).await.unwrap();
        assert!(!opening.is_finished(), "it gave up");
        if waited {
            sqlx::raw_sql("COMMIT").execute(&mut other).await.unwrap();
            return opening.await.unwrap().unwrap();
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("it did not get as far as the lock in a minute");
}

/// Every migration exists for both dialects.
#[test]
fn both_dialects_have_the_same_migrations() {
    let names = |dialect: &str| {
        let folder = std::fs::read_dir(format!("{}/migrations/{dialect}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        folder.map(|entry| entry.unwrap().file_name()).collect::<BTreeSet<_>>()
    };
    assert_eq!(names("sqlite"), names("postgres"));
}
