//! Tells open pages which requests have changed.
//!
//! One task reads what changed, once for all pages: the store's signals name the requests, also those that another replica
//! changed. Each page's stream then decides in memory whether the change concerns its person: one of their groups is or was
//! asked, they stand in for a member of it, or the request is their own. A page is told the id, the status and the revision,
//! and reads the rest as it reads everything, with the rights that the person has then.
//!
//! Nothing here is needed for a decision, and everything may be lost: a page that was cut off reads its list again. A stream that
//! is too far behind ends, and the browser comes back. A stream also ends with its session.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::live_channel::{Held, Item};
use super::{Hub, HubError};
use crate::approval::{GroupName, Status};
use crate::identity::{Principal, Session};
use crate::ids::RequestId;
use crate::store::requests::audience::{self, Changed};
use crate::store::seats;

/// Most requests that are read at once.
const AT_ONCE: usize = 200;
/// Time between two signs of life, which also find connections that are gone.
const BEAT: Duration = Duration::from_secs(20);
/// Shortest time between two looks at the session and its groups.
const RECHECK: Duration = Duration::from_secs(2);
/// Milliseconds over which the looks of all streams are spread.
const SPREAD: u64 = 1_000;
/// How often the version of the configuration is read from memory.
const LOOK: Duration = Duration::from_millis(250);
/// Longest time between them: a session that is not used ends without a change.
const RECHECK_IDLE: Duration = Duration::from_secs(300);

/// What a stream tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    Changed {
        id: RequestId,
        status: Status,
        revision: u32,
    },
    /// Nothing has happened.
    Beat,
    /// The session has ended.
    SignedOut,
}

/// Whom a stream is for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Audience {
    /// The person's groups, and those of the members for whom they stand in.
    groups: BTreeSet<GroupName>,
}

/// What one page is told.
pub struct LiveStream {
    hub: Arc<Hub>,
    session: Arc<Session>,
    /// The person's key as one who asks.
    key: String,
    news: broadcast::Receiver<Item>,
    audience: Audience,
    /// The version of the configuration that the audience is as new as.
    version: i64,
    checked: Instant,
    /// How much later than others it reads.
    spread: Duration,
    beat: Instant,
    _held: Held,
}

impl Hub {
    /// A stream of what concerns the session's person. None if the person has too many.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn live(self: &Arc<Self>, session: Arc<Session>) -> Result<Option<LiveStream>, HubError> {
        let Some(held) = self.live.enter(&session.person) else { return Ok(None) };
        // Before the read: what changes meanwhile is not missed.
        let (news, version) = (self.live.news.subscribe(), self.store.lookup().version());
        let now = Instant::now();
        Ok(Some(LiveStream {
            audience: self.audience(&session).await?,
            hub: Arc::clone(self),
            key: Principal::Session(Arc::clone(&session)).key(),
            session,
            news,
            version,
            checked: now,
            spread: Duration::from_millis(self.live.begun() % SPREAD),
            beat: now + BEAT,
            _held: held,
        }))
    }

    async fn audience(&self, session: &Session) -> Result<Audience, HubError> {
        let seats = seats::of_person(&mut self.store.read().await?, &session.person, self.clock.now()).await?;
        Ok(Audience { groups: seats.into_iter().flat_map(|seat| seat.groups.into_keys()).collect() })
    }

    /// Tells the streams of these requests.
    async fn tell(&self, ids: &BTreeSet<RequestId>) {
        if self.live.news.receiver_count() == 0 {
            return;
        }
        let read = match self.store.read().await {
            Ok(mut reader) => audience::of_requests(&mut reader, ids).await,
            Err(error) => Err(error),
        };
        match read {
            Ok(changed) => {
                for one in changed {
                    let _nobody = self.live.news.send(Item::Changed(Arc::new(one)));
                }
            }
            Err(error) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "open pages are not told of a change");
                let _nobody = self.live.news.send(Item::Missed);
            }
        }
    }
}

/// Tells the streams what changes, until told to stop.
pub async fn run_live(hub: Arc<Hub>, stop: CancellationToken) {
    let mut changes = hub.store.signals().changes();
    let mut version = hub.store.lookup().version();
    loop {
        let first = tokio::select! {
            () = stop.cancelled() => return,
            first = changes.recv() => first,
            () = tokio::time::sleep(LOOK) => {
                let newest = hub.store.lookup().version();
                if std::mem::replace(&mut version, newest) != newest {
                    let _nobody = hub.live.news.send(Item::Configuration);
                }
                continue;
            }
        };
        let mut ids = BTreeSet::new();
        match first {
            Ok(id) => drop(ids.insert(id)),
            Err(RecvError::Closed) => return,
            Err(RecvError::Lagged(_)) => {
                let _nobody = hub.live.news.send(Item::Missed);
            }
        }
        while ids.len() < AT_ONCE
            && let Ok(id) = changes.try_recv()
        {
            ids.insert(id);
        }
        hub.tell(&ids).await;
    }
}

impl LiveStream {
    /// What is to be told next; none when the stream ends, because the hub stops, or because it missed something.
    pub async fn next(&mut self, stop: &CancellationToken) -> Option<News> {
        loop {
            let recheck = self.recheck_at();
            let happened = tokio::select! {
                () = stop.cancelled() => return None,
                happened = self.news.recv() => Some(happened),
                () = tokio::time::sleep_until(self.beat.min(recheck)) => None,
            };
            match happened {
                Some(Ok(Item::Changed(changed))) if self.concerns(&changed) => {
                    let Changed { id, status, revision, .. } = *changed;
                    return Some(News::Changed { id, status, revision });
                }
                Some(Ok(Item::Changed(_) | Item::Configuration)) => {}
                Some(Ok(Item::Missed) | Err(_)) => return None,
                None if Instant::now() >= recheck => {
                    // Boxed: it is seldom under way, and the stream stays small.
                    if !Box::pin(self.recheck()).await? {
                        return Some(News::SignedOut);
                    }
                }
                None => {
                    self.beat = Instant::now() + BEAT;
                    return Some(News::Beat);
                }
            }
        }
    }

    /// Soon after a change of configuration, which may be one of groups or sessions; otherwise seldom. Spread, so that not all
    /// streams read at once.
    fn recheck_at(&self) -> Instant {
        let is_current = self.hub.store.lookup().version() == self.version;
        self.checked + if is_current { RECHECK_IDLE } else { RECHECK } + self.spread
    }

    /// Reads session and groups again; returns whether the session is live. None if they cannot be read.
    async fn recheck(&mut self) -> Option<bool> {
        self.version = self.hub.store.lookup().version();
        self.checked = Instant::now();
        let is_live = self.hub.is_live(self.session.id).await.ok()?;
        self.audience = self.hub.audience(&self.session).await.ok()?;
        Some(is_live)
    }

    fn concerns(&self, changed: &Changed) -> bool {
        let is_own = || changed.people.contains(&self.session.person) || changed.asked_by == self.key;
        let is_asked = || self.audience.groups.iter().any(|group| changed.groups.contains(group));
        self.session.covers(&changed.resource) && (is_asked() || is_own())
    }
}
