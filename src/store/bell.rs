//! How replicas on one PostgreSQL database wake each other: LISTEN and NOTIFY carry, as a hint, which requests a committed
//! transaction changed. Whoever misses a hint looks by itself a moment later.

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

/// Rings for what the transaction changed, when it commits. Deliveries, replays and jobs need no bell: who committed them sees to them.
pub(super) async fn ring(session: &mut Session, signals: &[Signal]) -> Result<(), StoreError> {
    let mut words: Vec<String> = signals
        .iter()
        .filter_map(|signal| match signal {
            Signal::Deliveries | Signal::Replays | Signal::SlackJobs => None,
            // Whoever commits it waits for it; should that one die, the others look every few seconds.
            Signal::DeadlineAt(_) => None,
            Signal::Deadline => Some("deadline".to_owned()),
            Signal::Configuration => Some("configuration".to_owned()),
            Signal::Request(id) => Some(id.to_string()),
        })
        .collect();
    words.sort_unstable();
    words.dedup();
    for chunk in words.chunks(NAMED) {
        session.execute("SELECT pg_notify($1, $2)", args![CHANNEL, chunk.join(" ")]).await?;
    }
    Ok(())
}

/// Passes on what other replicas ring for, until aborted.
pub(super) async fn listen(pool: PgPool, signals: Arc<Signals>) {
    loop {
        if let Err(error) = listen_once(&pool, &signals).await {
            tracing::debug!(error = &error as &dyn std::error::Error, "not listening to other replicas for a moment");
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn listen_once(pool: &PgPool, signals: &Signals) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    loop {
        let notification = listener.recv().await?;
        for word in notification.payload().split(' ') {
            match (word, word.parse()) {
                ("deadline", _) => signals.raise(Signal::Deadline),
                // Who is woken by it reads the version.
                ("configuration", _) => signals.raise(Signal::Configuration),
                (_, Ok(id)) => signals.raise(Signal::Request(id)),
                _ => {}
            }
        }
    }
}
