//! Who votes on the page of a link: anyone who has the link and says their name, or the person who signed in.

use super::resolved_link::ResolvedLink;
use crate::approval::{Assurance, Email, Request, Status};
use crate::hub::{Hub, HubError};
use crate::identity::{Right, Session};
use crate::links::{FORM_LIFE, check_form_nonce, form_nonce};
use crate::store::groups::NamedMember;
use crate::time::Timestamp;

/// Who may vote on the page of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Voting {
    /// Nobody: the request is decided, or the link was used.
    Over,
    /// Nobody: the one person whom the link is for may not decide.
    WrongRecipient(Email),
    /// Anyone who has the link; they say who they are.
    ByName {
        members: Vec<NamedMember>,
        /// Nonce of the form.
        nonce: String,
    },
    /// The person who signed in.
    SignedIn {
        person: NamedMember,
        /// Nonce of the form.
        nonce: String,
    },
    /// A person who signs in first. What they type until then is kept.
    AfterSignIn {
        need: SignInNeed,
        /// Nonce of the form.
        nonce: String,
    },
    /// Nobody: the resource requires a sign-in with an identity provider, and this hub has none.
    NoProvider,
    /// Not the person who signed in.
    NotYou {
        person: Email,
        /// The one person whom the link is for.
        recipient: Option<Email>,
    },
}

/// Why a person must sign in before they vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SignInNeed {
    /// They are not signed in.
    Anonymous,
    /// They signed in too long ago for this resource.
    TooOld,
    /// The resource demands a recent sign-in, and the identity provider does not say when theirs was.
    UnknownAge,
    /// They are members by what the identity provider said too long ago.
    StaleMembership,
    /// They signed in in a way that does not suffice for this resource.
    TooWeak,
    /// The token with which they signed in may not vote, or not on this resource.
    NoVote,
}

impl Hub {
    /// Who may vote on a link's page that is shown to the owner of that session, or to someone who has not signed in.
    pub(super) async fn voting(
        &self,
        token: &str,
        ResolvedLink { link, request, .. }: &ResolvedLink,
        session: Option<&Session>,
        now: Timestamp,
    ) -> Result<Voting, HubError> {
        let is_used = session.is_none() && request.link_spent_by(&link.used()).is_some();
        if request.status != Status::Pending || is_used {
            return Ok(Voting::Over);
        }
        let mut members = self.who_may_vote(request, &link.group, now).await?;
        members.retain(|member| link.recipient.as_ref().is_none_or(|one| *one == member.email));
        if let Some(recipient) = link.recipient.clone().filter(|_| members.is_empty()) {
            return Ok(Voting::WrongRecipient(recipient));
        }
        let nonce = self.form_nonce(&page_of(token, session));
        let possession = if link.recipient.is_some() { Assurance::Recipient } else { Assurance::Link };
        Ok(match (sign_in_need(request, possession, session, now), session) {
            (Some(SignInNeed::Anonymous | SignInNeed::TooWeak), _) if self.lacks_provider(request) => {
                Voting::NoProvider
            }
            (Some(need), _) => Voting::AfterSignIn { need, nonce },
            (None, None) => Voting::ByName { members, nonce },
            (None, Some(session)) => match members.into_iter().find(|member| member.email == session.person) {
                Some(person) if !person.membership.is_fresh(now) => {
                    Voting::AfterSignIn { need: SignInNeed::StaleMembership, nonce }
                }
                Some(person) => Voting::SignedIn { person, nonce },
                None => Voting::NotYou { person: session.person.clone(), recipient: link.recipient.clone() },
            },
        })
    }

    /// Whether the resource requires a sign-in that this hub does not offer.
    fn lacks_provider(&self, request: &Request) -> bool {
        self.provider_name().is_none() && request.terms.min_assurance() == Some(Assurance::Sso)
    }

    /// The nonce of a form, for the page and person that `page` identifies.
    pub fn form_nonce(&self, page: &str) -> String {
        form_nonce(page, &self.keys, self.clock.now())
    }

    /// Whether a nonce was made for that page and person within the last hour.
    pub fn check_form_nonce(&self, page: &str, nonce: &str) -> bool {
        check_form_nonce(page, nonce, &self.keys, self.clock.now(), FORM_LIFE)
    }

    /// The nonce of the forms of a person who signed in.
    pub fn session_nonce(&self, session: &Session) -> String {
        self.form_nonce(&bound_to(session))
    }

    /// Whether a nonce was made for that session. It is valid as long as the session can last: a page that was left open
    /// overnight still works.
    pub fn check_session_nonce(&self, session: &Session, nonce: &str) -> bool {
        let (page, now) = (bound_to(session), self.clock.now());
        check_form_nonce(&page, nonce, &self.keys, now, self.settings.sessions.longest)
    }
}

fn bound_to(session: &Session) -> String {
    format!("session {}", session.id)
}

/// Why the person must sign in before they vote on that request, if they must. `possession` is how sure the hub is of
/// someone who only has the link.
pub(super) fn sign_in_need(
    request: &Request,
    possession: Assurance,
    session: Option<&Session>,
    now: Timestamp,
) -> Option<SignInNeed> {
    let needed = request.terms.min_assurance();
    let fresh = request.terms.procedure.fresh_sign_in_seconds;
    let Some(session) = session else {
        let suffices = fresh.is_none() && needed.is_none_or(|needed| possession >= needed);
        return (!suffices).then_some(SignInNeed::Anonymous);
    };
    let may_vote = session.scopes.iter().any(|scope| scope.allows(Right::Vote)) && session.covers(&request.resource);
    let is_old = |at: Timestamp| fresh.is_some_and(|seconds| now.since(at).as_secs() >= u64::from(seconds));
    if !may_vote {
        Some(SignInNeed::NoVote)
    } else if needed.is_some_and(|needed| session.method.assurance() < needed) {
        Some(SignInNeed::TooWeak)
    } else if fresh.is_some() && session.signed_in_at.is_none() {
        Some(SignInNeed::UnknownAge)
    } else if session.signed_in_at.is_some_and(is_old) {
        Some(SignInNeed::TooOld)
    } else {
        None
    }
}

/// What a nonce is made for: the page of a link, as this person sees it.
pub(super) fn page_of(token: &str, session: Option<&Session>) -> String {
    session.map_or_else(|| token.to_owned(), |session| format!("{token} {}", session.id))
}
