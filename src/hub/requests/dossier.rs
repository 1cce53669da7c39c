//! All that a person may want to know before they decide: a request, its explanation, and the names of its people.

use std::collections::BTreeMap;

use super::explain::{Explained, Explanation};
use super::history::{History, history};
use super::timeline::{Step, steps};
use crate::approval::{Email, Request};
use crate::hub::{Hub, HubError, RequestView};
use crate::identity::Principal;
use crate::ids::RequestId;
use crate::store::{audit, requests};

/// What the page of a request shows.
#[derive(Debug)]
pub struct Dossier {
    pub request: RequestView,
    pub explanation: Explanation,
    /// Display names of the people in it, as far as they are known.
    pub names: BTreeMap<Email, String>,
    /// How requests like it ended.
    pub history: History,
    /// What happened to it.
    pub steps: Vec<Step>,
    /// Whether the resource is marked high risk.
    pub high_risk: bool,
}

impl Hub {
    /// Everything about a request for the page that shows it.
    ///
    /// # Errors
    /// When there is no such request for the caller.
    pub async fn dossier(&self, caller: &Principal, id: RequestId) -> Result<Dossier, HubError> {
        let request = self.visible(caller, id).await?;
        let Explained { explanation, roster, names } = self.explained(caller, &request).await?;
        let session = &mut self.store.read().await?;
        let history = history(session, &request, self.clock.now()).await?;
        let steps = steps(audit::of_request(session, id).await?, &explanation.told);
        Ok(Dossier {
            request: RequestView::new(&request, &self.settings.public_url, Some(&roster)),
            explanation,
            names,
            history,
            steps,
            high_risk: request.terms.procedure.high_risk,
        })
    }

    /// How requests like this one ended.
    ///
    /// # Errors
    /// When there is no such request for the caller.
    pub async fn history(&self, caller: &Principal, id: RequestId) -> Result<History, HubError> {
        let request = self.visible(caller, id).await?;
        history(&mut self.store.read().await?, &request, self.clock.now()).await
    }

    /// The request, settled, if the caller may see it.
    pub(super) async fn visible(&self, caller: &Principal, id: RequestId) -> Result<Request, HubError> {
        let request = requests::get(&mut self.store.read().await?, id).await?.ok_or(HubError::NotFound("request"))?;
        if !self.sees(caller, &request).await? {
            return Err(HubError::NotFound("request"));
        }
        self.settled(request).await
    }
}
