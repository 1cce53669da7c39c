//! Which objects manifests name: the next apply puts them back.

use crate::hub::{Hub, HubError, Page, require};
use crate::identity::{Principal, Right};
use crate::store::applied::{self, Applied};

impl Hub {
    /// When a manifest with the object was last applied, and by whom; nothing if none names it.
    ///
    /// # Errors
    /// When the caller may not see it, or the store fails.
    pub async fn applied(&self, caller: &Principal, kind: &str, name: &str) -> Result<Option<Applied>, HubError> {
        require(caller, Right::ReadConfiguration)?;
        Ok(applied::get(&mut self.store.read().await?, kind, name).await?)
    }

    /// Lists the objects that manifests name, by kind and name.
    ///
    /// # Errors
    /// When the caller may not see them, or the store fails.
    pub async fn all_applied(&self, caller: &Principal, limit: u32, cursor: &str) -> Result<Page<Applied>, HubError> {
        require(caller, Right::ReadConfiguration)?;
        let after = cursor.split_once('/').unwrap_or((cursor, ""));
        let found = applied::page(&mut self.store.read().await?, after, limit + 1).await?;
        Ok(Page::cut(found, limit, |one| format!("{}/{}", one.kind, one.name)))
    }
}
