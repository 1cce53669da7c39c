//! How names become addresses, and which of them may be dialled.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::exhaustion::is_exhaustion;
use crate::delivery::{TargetError, TargetPolicy};

/// Finds the addresses of a name. What it finds is judged by whoever asked.
pub trait Lookup: Send + Sync + 'static {
    /// All addresses of the name.
    fn lookup(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// As this machine is set up to resolve names.
#[derive(Debug, Clone, Copy)]
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.map(|found| found.ip()).collect()) })
    }
}

/// Why a name is not dialled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum NameError {
    /// It has no addresses, or nobody says which.
    #[error("{0}")]
    Unknown(String),
    /// The hub's machine cannot ask: it has run out of something.
    #[error("{0}")]
    Exhausted(String),
    /// One of them is not allowed.
    #[error(transparent)]
    Target(#[from] TargetError),
}

type Found = Result<Arc<[IpAddr]>, NameError>;

/// Names and the rules for their addresses.
pub(super) struct Names {
    policy: Arc<TargetPolicy>,
    lookup: Arc<dyn Lookup>,
    /// What is being looked up: once for all who ask, since each look-up that gets no answer holds a thread for its own time.
    /// A std mutex: never held across an await.
    asking: Mutex<HashMap<String, Shared<BoxFuture<'static, Found>>>>,
}

impl Names {
    pub(super) fn new(policy: Arc<TargetPolicy>, lookup: Arc<dyn Lookup>) -> Arc<Self> {
        Arc::new(Self { policy, lookup, asking: Mutex::default() })
    }

    pub(super) fn policy(&self) -> &TargetPolicy {
        &self.policy
    }

    /// Whether the name is being looked up: what ran out of time meanwhile waited for that.
    pub(super) fn is_asking(&self, name: &str) -> bool {
        self.asking().contains_key(name)
    }

    /// The name's addresses, all of them allowed.
    pub(super) async fn judged(self: &Arc<Self>, name: &str) -> Found {
        let found = self.ask(name).await?;
        if found.is_empty() {
            return Err(NameError::Unknown("the name has no address".to_owned()));
        }
        // One bad address refuses the name: a client that is given several tries them in turn.
        for address in found.iter() {
            self.policy.check_address(*address, Some(name))?;
        }
        Ok(found)
    }

    fn ask(self: &Arc<Self>, name: &str) -> Shared<BoxFuture<'static, Found>> {
        let mut asking = self.asking();
        if let Some(running) = asking.get(name) {
            return running.clone();
        }
        let (names, key) = (Arc::clone(self), name.to_owned());
        // A task of its own: it ends also when all who asked have given up.
        let asked = Asked { names, key };
        let task = tokio::spawn(async move {
            let found = asked.names.lookup.lookup(asked.key.clone()).await;
            found.map(Arc::from).map_err(|error| match error.to_string() {
                text if is_exhaustion(&error) => NameError::Exhausted(text),
                text => NameError::Unknown(text),
            })
        });
        let failed = |error: tokio::task::JoinError| Err(NameError::Unknown(error.to_string()));
        let running = task.map(move |found| found.unwrap_or_else(failed)).boxed().shared();
        asking.insert(name.to_owned(), running.clone());
        running
    }

    fn asking(&self) -> MutexGuard<'_, HashMap<String, Shared<BoxFuture<'static, Found>>>> {
        self.asking.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A look-up under way. However it ends, the name can be looked up again.
struct Asked {
    names: Arc<Names>,
    key: String,
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.names.asking().remove(&self.key);
    }
}

/// Gives the HTTP client allowed addresses only. It is not asked about hosts that are addresses themselves.
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
