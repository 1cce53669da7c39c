//! Notifications between replicas on one PostgreSQL database: LISTEN and NOTIFY carry which requests a committed
//! transaction changed. They are hints: a replica that misses one finds the change by polling.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgListener, PgPool};

use super::arg::args;
use super::{Session, Signal, Signals, StoreError};

const CHANNEL: &str = "countersign";
/// Requests named in one notification: well below PostgreSQL's 8,000 bytes.
const NAMED: usize = 100;
/// Pause before listening again after the connection was lost.
const AGAIN: Duration = Duration::from_secs(1);

/// Notifies the other replicas of what the transaction changed, once it commits. Deliveries, replays and jobs need no
/// notification: the replica that commits them also processes them.
pub(super) async fn send(session: &mut Session, own: &str, signals: &[Signal]) -> Result<(), StoreError> {
    let mut names: Vec<String> = signals
        .iter()
        .filter_map(|signal| match signal {
            Signal::Deliveries | Signal::Replays | Signal::SlackJobs => None,
            // The replica that commits the deadline waits for it. If that replica dies, the others find it by polling.
            Signal::DeadlineAt(_) => None,
            Signal::Deadline => Some("deadline".to_owned()),
            Signal::Configuration => Some("configuration".to_owned()),
            Signal::Request(id) => Some(id.to_string()),
        })
        .collect();
    names.sort_unstable();
    names.dedup();
    for chunk in names.chunks(NAMED) {
        session.execute("SELECT pg_notify($1, $2)", args![CHANNEL, format!("{own} {}", chunk.join(" "))]).await?;
    }
    Ok(())
}

/// Raises the signals of other replicas' notifications, until aborted.
pub(super) async fn listen(pool: PgPool, signals: Arc<Signals>) {
    loop {
        if let Err(error) = listen_once(&pool, &signals).await {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "lost the connection that listens to other replicas"
            );
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn listen_once(pool: &PgPool, signals: &Signals) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    loop {
        let notification = listener.recv().await?;
        // What this process committed has woken its listeners already. Earlier versions do not say whose it is.
        if notification.payload().split(' ').next() == Some(signals.name()) {
            continue;
        }
        for name in notification.payload().split(' ') {
            match (name, name.parse()) {
                ("deadline", _) => signals.raise(Signal::Deadline),
                // The listener reads the version itself.
                ("configuration", _) => signals.raise(Signal::Configuration),
                (_, Ok(id)) => signals.raise(Signal::Request(id)),
                _ => {}
            }
        }
    }
}
