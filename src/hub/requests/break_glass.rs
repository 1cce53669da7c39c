//! Going ahead in an emergency, and looking at it afterwards.

use serde::Deserialize;
use serde_json::json;

use crate::approval::{Command, limits};
use crate::audit::Entry;
use crate::codes::Code;
use crate::hub::{Hub, HubError, RequestView, input, require};
use crate::identity::{Principal, Scope};
use crate::ids::RequestId;
use crate::store::{groups, requests, reviews};

/// What comes with breaking the glass.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GlassInput {
    /// Why.
    pub reason: String,
}

/// What somebody finds who looks at it afterwards.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewInput {
    /// Whether it was right.
    pub justified: bool,
    /// In words.
    #[serde(default)]
    pub note: Option<String>,
}

impl Hub {
    /// Approves a request by the right to go ahead in an emergency. The right is a person's: their own token is needed.
    ///
    /// # Errors
    /// When the caller lacks the right, has used it too often, or the request has ended.
    pub async fn break_glass(
        &self,
        caller: &Principal,
        id: RequestId,
        input: GlassInput,
    ) -> Result<RequestView, HubError> {
        input::text("/reason", &input.reason, limits::REASON)?;
        require(caller, &[Scope::Requester, Scope::Approver])?;
        let Some(by) = caller.person().cloned() else {
            return Err(HubError::Forbidden("this needs a token of the person's own".to_owned()));
        };
        let request = requests::get(&mut self.store.read().await?, id).await?.ok_or(HubError::NotFound("request"))?;
        let right = request.terms.procedure.break_glass.iter().flat_map(|right| &right.groups);
        let roster = groups::roster_of(&mut self.store.read().await?, right.clone(), &[&by].into()).await?;
        let has_right = right.into_iter().any(|group| roster.contains(group, &by));
        if !has_right && !self.sees(caller, &request).await? {
            return Err(HubError::NotFound("request"));
        }
        let command = Command::BreakGlass { by, reason: input.reason, recent: 0 };
        let outcome = self.command(id, command, caller.actor()).await?;
        self.answered(outcome).await
    }

    /// Writes down what somebody finds who looks at a broken glass: whoever may decide such requests, but not who broke it.
    ///
    /// # Errors
    /// When the caller may not, there is nothing to look at, or somebody has looked.
    pub async fn review(&self, caller: &Principal, id: RequestId, input: ReviewInput) -> Result<RequestView, HubError> {
        require(caller, &[Scope::Approver])?;
        input::optional("/note", input.note.as_ref(), limits::REASON)?;
        let request = requests::get(&mut self.store.read().await?, id).await?.ok_or(HubError::NotFound("request"))?;
        if !self.sees(caller, &request).await? {
            return Err(HubError::NotFound("request"));
        }
        let open = request.review.clone();
        let open =
            open.ok_or_else(|| HubError::conflict(Code::NotABreakGlass, "nobody broke the glass for this request"))?;
        let Some(by) = caller.person().cloned() else {
            return Err(HubError::Forbidden("this needs a token of the person's own".to_owned()));
        };
        if by == open.by || request.is_asker(&by) {
            return Err(HubError::Forbidden(format!(
                "{by} asked for it or broke the glass: somebody else has to look"
            )));
        }
        let (clock, actor) = (self.clock.clone(), caller.actor());
        let request = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let now = clock.now();
                    let ReviewInput { justified, note } = input;
                    let details = json!({"justified": justified, "note": note, "by": open.by});
                    let review = crate::approval::Review {
                        reviewed_at: Some(now),
                        reviewed_by: Some(by.clone()),
                        justified: Some(justified),
                        note,
                        ..open
                    };
                    if !reviews::close(tx.session(), id, &review).await? {
                        return Err(HubError::conflict(Code::AlreadyReviewed, "somebody has looked at this already"));
                    }
                    tx.record(&Entry {
                        person: Some(by),
                        request: Some(id),
                        digest: Some(request.digest),
                        details,
                        ..Entry::new(now, "request.reviewed", actor)
                    })?;
                    requests::get(tx.session(), id)
                        .await?
                        .ok_or(HubError::Missing("the request that was just reviewed"))
                })
            })
            .await?;
        Ok(self.view(request))
    }
}
