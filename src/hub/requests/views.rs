//! Lists of requests that a person has named.

use serde::Serialize;

use crate::approval::Email;
use crate::codes::Code;
use crate::hub::{Hub, HubError, input};
use crate::identity::Principal;
use crate::store::saved_views::{self, SavedView};

/// Most views of one person.
const MAX_VIEWS: usize = 20;
/// Longest name and longest query, in bytes.
const MAX_NAME: usize = 64;
const MAX_QUERY: usize = 2_000;

/// A list with a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ViewOfRequests {
    pub name: String,
    /// The filters of `GET /v1/requests`, as its query string.
    pub query: String,
}

impl Hub {
    /// The views of the caller's person, by name.
    ///
    /// # Errors
    /// When the caller is no person, or the store fails.
    pub async fn views_of_requests(&self, caller: &Principal) -> Result<Vec<ViewOfRequests>, HubError> {
        let found = saved_views::of_person(&mut self.store.read().await?, owner(caller)?).await?;
        Ok(found.into_iter().map(|SavedView { name, query }| ViewOfRequests { name, query }).collect())
    }

    /// Adds a view, or replaces the one of that name. `query` was checked to be filters of a list.
    ///
    /// # Errors
    /// When the caller is no person, the name or query is invalid, or there are too many.
    pub async fn save_view_of_requests(
        &self,
        caller: &Principal,
        name: &str,
        query: String,
    ) -> Result<ViewOfRequests, HubError> {
        let (person, name) = (owner(caller)?.clone(), name.trim().to_owned());
        input::text("/name", &name, MAX_NAME)?;
        input::text("/query", &query, MAX_QUERY)?;
        if name.is_empty() || name.chars().any(char::is_control) {
            let detail = "name the view, in one line";
            return Err(HubError::invalid(Code::InvalidText, "/name", detail));
        }
        let (view, now) = (SavedView { name, query }, self.clock.now());
        let saved = view.clone();
        self.store
            .write::<_, _, HubError>(move |tx| {
                Box::pin(async move {
                    let known = saved_views::of_person(tx.session(), &person).await?;
                    if known.len() >= MAX_VIEWS && known.iter().all(|known| known.name != saved.name) {
                        let detail = format!("{MAX_VIEWS} views are the most: delete one first");
                        return Err(HubError::invalid(Code::TooMany, "/name", detail));
                    }
                    Ok(saved_views::put(tx.session(), &person, &saved, now).await?)
                })
            })
            .await?;
        Ok(ViewOfRequests { name: view.name, query: view.query })
    }

    /// Deletes a view.
    ///
    /// # Errors
    /// When the caller is no person, or there is no such view.
    pub async fn delete_view_of_requests(&self, caller: &Principal, name: &str) -> Result<(), HubError> {
        let (person, name) = (owner(caller)?.clone(), name.to_owned());
        let deleted = self
            .store
            .write::<_, _, HubError>(move |tx| {
                Box::pin(async move { Ok(saved_views::delete(tx.session(), &person, &name).await?) })
            })
            .await?;
        deleted.then_some(()).ok_or(HubError::NotFound("view"))
    }
}

fn owner(caller: &Principal) -> Result<&Email, HubError> {
    let detail = "views belong to people: use a person's token, or sign in";
    caller.person().ok_or_else(|| HubError::Forbidden(detail.to_owned()))
}
