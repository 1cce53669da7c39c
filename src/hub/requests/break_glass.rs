//! Break-glass: approving a request alone in an emergency, and the review afterwards.

use serde::Deserialize;
use serde_json::json;

use crate::approval::{Command, limits};
use crate::audit::Entry;
use crate::codes::Code;
use crate::hub::{Hub, HubError, RequestView, input, require};
use crate::identity::{Principal, Right};
use crate::ids::RequestId;
use crate::store::{groups, requests, reviews};

/// The body of a break-glass.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GlassInput {
    pub reason: String,
}

/// The reviewer's finding.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewInput {
    pub justified: bool,
    #[serde(default)]
    pub note: Option<String>,
}

impl Hub {
    /// Approves a request by break-glass. The right belongs to people, so this requires a person's own token.
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
        require(caller, Right::BreakGlass)?;
        if caller.is_agent() {
            return Err(HubError::Forbidden("only a person can use break-glass, not an agent".to_owned()));
        }
        let Some(by) = caller.person().cloned() else {
            return Err(HubError::Forbidden("this requires a token that belongs to a person".to_owned()));
        };
        let request = requests::get(&mut self.store.read().await?, id).await?;
        // The right to use break-glass lets a person act on a request that they may not see, but not the limit of a token.
        let request = request.filter(|request| caller.covers(&request.resource));
        let request = request.ok_or(HubError::NotFound("request"))?;
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

    /// Records the review of a break-glass. The reviewer may decide the request, but neither asked for it nor broke the
    /// glass.
    ///
    /// # Errors
    /// When the caller may not, there is nothing to review, or it has been reviewed.
    pub async fn review(&self, caller: &Principal, id: RequestId, input: ReviewInput) -> Result<RequestView, HubError> {
        require(caller, Right::ReviewEmergency)?;
        input::optional("/note", input.note.as_ref(), limits::REASON)?;
        let request = requests::get(&mut self.store.read().await?, id).await?.ok_or(HubError::NotFound("request"))?;
        if !self.sees(caller, &request).await? {
            return Err(HubError::NotFound("request"));
        }
        self.require_fresh(caller, &request).await?;
        let open = request.review.clone();
        let open = open
            .ok_or_else(|| HubError::conflict(Code::NotABreakGlass, "this request was not approved by break-glass"))?;
        let Some(by) = caller.person().cloned() else {
            return Err(HubError::Forbidden("this requires a token that belongs to a person".to_owned()));
        };
        if by == open.by || request.is_asker(&by) {
            let detail = format!("{by} is the requester or used break-glass: another person must review it");
            return Err(HubError::Forbidden(detail));
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
                        return Err(HubError::conflict(
                            Code::AlreadyReviewed,
                            "this break-glass has already been reviewed",
                        ));
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
