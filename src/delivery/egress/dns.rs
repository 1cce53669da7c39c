//! Name resolution, and the check of the resulting addresses.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::oneshot;

use super::exhaustion::is_exhaustion;
use crate::delivery::{TargetError, TargetPolicy};

/// Resolves names. The caller checks the addresses against the target policy.
pub trait Lookup: Send + Sync + 'static {
    /// Returns all addresses of the name.
    fn lookup(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// The name resolution of the machine.
#[derive(Debug, Clone, Copy)]
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.map(|found| found.ip()).collect()) })
    }
}

/// Why a name cannot be dialled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum NameError {
    /// It has no addresses, or they could not be resolved.
    #[error("{0}")]
    Unknown(String),
    /// The hub's machine lacks a resource for the look-up.
    #[error("{0}")]
    Exhausted(String),
    /// One of its addresses is not allowed.
    #[error(transparent)]
    Target(#[from] TargetError),
}

type Found = Result<Arc<[IpAddr]>, NameError>;

/// The resolver, with the policy for addresses.
pub(super) struct Names {
    policy: Arc<TargetPolicy>,
    lookup: Arc<dyn Lookup>,
    /// Look-ups under way. Concurrent callers share one, because each unanswered look-up blocks a thread until it times
    /// out. A std mutex: never locked across an await.
    pending: Mutex<HashMap<String, Shared<BoxFuture<'static, Found>>>>,
}

impl Names {
    pub(super) fn new(policy: Arc<TargetPolicy>, lookup: Arc<dyn Lookup>) -> Arc<Self> {
        Arc::new(Self { policy, lookup, pending: Mutex::default() })
    }

    pub(super) fn policy(&self) -> &TargetPolicy {
        &self.policy
    }

    /// Whether a look-up of the name is under way. A call that timed out meanwhile was waiting for it.
    pub(super) fn is_resolving(&self, name: &str) -> bool {
        self.pending().contains_key(name)
    }

    /// Returns the name's addresses, if all of them are allowed.
    pub(super) async fn judged(self: &Arc<Self>, name: &str) -> Found {
        let found = self.resolve(name).await?;
        if found.is_empty() {
            return Err(NameError::Unknown("the name has no address".to_owned()));
        }
        // One forbidden address rejects the name, because a client tries all addresses in turn.
        for address in found.iter() {
            self.policy.check_address(*address, Some(name))?;
        }
        Ok(found)
    }

    fn resolve(self: &Arc<Self>, name: &str) -> Shared<BoxFuture<'static, Found>> {
        let mut pending = self.pending();
        if let Some(running) = pending.get(name) {
            return running.clone();
        }
        let (answer, answered) = oneshot::channel();
        let given_up = |_| Err(NameError::Unknown("the look-up was given up".to_owned()));
        let running = answered.map(move |found| found.unwrap_or_else(given_up)).boxed().shared();
        pending.insert(name.to_owned(), running.clone());
        // A runtime that shuts down drops a new task at once, and its entry locks the same mutex.
        drop(pending);
        let entry = PendingEntry { names: Arc::clone(self), name: name.to_owned() };
        // A separate task, which completes even if all callers have timed out.
        tokio::spawn(async move {
            let found = entry.names.lookup.lookup(entry.name.clone()).await;
            drop(entry);
            // All callers may be gone.
            let _unheard = answer.send(found.map(Arc::from).map_err(|error| match error.to_string() {
                text if is_exhaustion(&error) => NameError::Exhausted(text),
                text => NameError::Unknown(text),
            }));
        });
        running
    }

    fn pending(&self) -> MutexGuard<'_, HashMap<String, Shared<BoxFuture<'static, Found>>>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes a look-up from the pending ones when dropped, also after a panic, so that the name can be looked up again.
struct PendingEntry {
    names: Arc<Names>,
    name: String,
}

impl Drop for PendingEntry {
    fn drop(&mut self) {
        self.names.pending().remove(&self.name);
    }
}

/// The HTTP client's resolver: returns allowed addresses only. The client does not call it for hosts that are IP
/// addresses.
pub(super) struct JudgedResolver(pub(super) Arc<Names>);

impl Resolve for JudgedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let names = Arc::clone(&self.0);
        Box::pin(async move {
            let found = names.judged(name.as_str()).await?;
            let addresses: Vec<SocketAddr> = found.iter().map(|address| SocketAddr::new(*address, 0)).collect();
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    struct Never;

    impl Lookup for Never {
        fn lookup(&self, _name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
            std::future::pending().boxed()
        }
    }

    /// Looks a name up when it is dropped.
    struct AtTheEnd(Arc<Names>);

    impl Drop for AtTheEnd {
        fn drop(&mut self) {
            drop(self.0.resolve("hooks.example.com"));
        }
    }

    #[test]
    fn a_look_up_that_begins_while_the_runtime_ends_does_not_block_it() {
        let names = Names::new(Arc::new(TargetPolicy::new(vec![])), Arc::new(Never));
        let (ended, ends) = mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("a runtime");
            let late = AtTheEnd(names);
            runtime.spawn(async move {
                std::future::pending::<()>().await;
                drop(late);
            });
            drop(runtime);
            ended.send(()).expect("somebody waits");
        });
        ends.recv_timeout(Duration::from_secs(10)).expect("the runtime ends");
    }
}
