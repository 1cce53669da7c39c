//! What there is on a hub that is being set up.

use super::{Hub, HubError, require};
use crate::identity::{Principal, Right};
use crate::store::names::{self, Table};

/// Most names of a kind.
const MOST: usize = 20;

/// The first names of each kind, in order.
#[derive(Debug, Clone)]
pub struct FirstRun {
    pub groups: Vec<String>,
    pub resources: Vec<String>,
    pub endpoints: usize,
}

impl Hub {
    /// What is set up, as far as the first run needs it.
    ///
    /// # Errors
    /// When the caller may not see it.
    pub async fn first_run(&self, caller: &Principal) -> Result<FirstRun, HubError> {
        require(caller, Right::ReadConfiguration)?;
        let endpoints = self.store.lookup().endpoints().await?.len();
        let session = &mut self.store.read().await?;
        Ok(FirstRun {
            groups: names::first(session, Table::Groups, MOST).await?,
            resources: names::first(session, Table::Resources, MOST).await?,
            endpoints,
        })
    }

    /// Whether there is no resource, so that nobody can ask for anything yet.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn is_empty(&self) -> Result<bool, HubError> {
        Ok(names::first(&mut self.store.read().await?, Table::Resources, 1).await?.is_empty())
    }
}
