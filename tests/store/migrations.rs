//! What an older hub has stored is there after a migration.

use std::path::Path;

use countersign::ids::EndpointId;
use countersign::store::Store;
use countersign::store::endpoints::{self, Channel, Endpoint};
use countersign::time::Timestamp;
use sqlx::Connection as _;
use sqlx::migrate::Migrator;

use crate::support::{Database, on_both};

/// Brings a new database to how the first `count` migrations leave it.
async fn migrate(database: &Database, count: usize) {
    let dialect = if database.url.starts_with("sqlite") { "sqlite" } else { "postgres" };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(dialect);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let some = tempfile::tempdir().unwrap();
    for file in files.iter().take(count) {
        std::fs::copy(file, some.path().join(file.file_name().unwrap())).unwrap();
    }
    let migrator = Migrator::new(some.path()).await.unwrap();
    if dialect == "sqlite" {
        let url = format!("{}?mode=rwc", database.url);
        migrator.run(&mut sqlx::SqliteConnection::connect(&url).await.unwrap()).await.unwrap();
    } else {
        migrator.run(&mut sqlx::PgConnection::connect(&database.url).await.unwrap()).await.unwrap();
    }
}

on_both! {
    async fn endpoints_outlive_the_fourth(database: Database) {
        migrate(&database, 3).await;
        let (id, now) = (EndpointId::mint(Timestamp::from_micros(0)), 1);
        Database::run(
            &database.url,
            format!(
                "INSERT INTO endpoints (id, name, channel, url, secret, events, resources, groups, state, disabled_reason,
                    transport, retiring, paused_at, created_at, updated_at)
                VALUES ('{id}', 'ops', 'teams', 'https://x.example', NULL, '[\"ping\"]', '[]', '[\"dba\"]', 'active', NULL,
                    '{{\"concurrency\":2}}', '[]', 7, {now}, {now});
                INSERT INTO events (id, type, at, subject, fanout) VALUES ('evt_1', 'ping', 1, '{{}}', 1);
                INSERT INTO deliveries (id, event_id, endpoint_id, state, attempts, lost, next_attempt_at, fence, created_at)
                VALUES ('dlv_1', 'evt_1', '{id}', 'pending', 0, 0, 1, 0, 1);
                INSERT INTO endpoint_health (endpoint_id, failing_since, warned, updated_at) VALUES ('{id}', 1, 0, 1);"
            ),
        )
        .await;

        let store = Store::open(&database.url).await.unwrap();
        let kept = endpoints::get(&mut store.read().await.unwrap(), id).await.unwrap().unwrap();
        assert_eq!((kept.channel, kept.paused_at), (Channel::Teams, Some(Timestamp::from_micros(7))));
        assert_eq!((kept.transport.concurrency, kept.groups.len(), kept.events.len()), (Some(2), 1, 1));
        for channel in Channel::ALL {
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
        store.close().await;
        // What refers to it still does.
        let orphans = format!("SELECT 'd', COUNT(*) FROM deliveries WHERE endpoint_id = '{id}'");
        assert_eq!(Database::tally(&database.url, orphans).await["d"], 1);
        if database.url.starts_with("sqlite") {
            let broken = "SELECT \"table\", COUNT(*) FROM pragma_foreign_key_check GROUP BY 1".to_owned();
            assert!(Database::tally(&database.url, broken).await.is_empty());
        }
}
}
