//! The end of a sign-in: the provider's answer becomes a session.

use std::time::Duration;

use super::{Derived, OidcFailure};
use crate::hub::identity::claims;
use crate::hub::identity::sessions::{SignIn, StartedSession, start_session};
use crate::hub::{Hub, HubError};
use crate::identity::{ClientInfo, ProviderSession, SessionKind, SignInMethod, digest_of_secret};
use crate::oidc::{Identity, RelyingParty};
use crate::store::oidc_sign_ins::{self, OidcSignIn};
use crate::time::Timestamp;

/// How far the clocks of hub and provider may differ.
const LEEWAY: Duration = Duration::from_secs(60);
/// Longest error code of a provider that is shown.
const CODE: usize = 40;

/// What the provider sent the browser back with.
#[derive(Debug, Clone)]
pub struct OidcAnswer {
    pub state: String,
    /// The code, or the error (OpenID Connect Core §3.1.2.5 and §3.1.2.6).
    pub result: Result<String, String>,
    /// RFC 9207.
    pub issuer: Option<String>,
}

/// How a sign-in ended.
pub struct OidcFinish {
    pub result: Result<StartedSession, OidcFailure>,
    /// The page to go back to, if the sign-in is known.
    pub return_path: Option<String>,
}

impl Hub {
    /// Finishes a sign-in in the browser with this secret.
    pub async fn finish_oidc(&self, browser: &str, answer: OidcAnswer, client: ClientInfo) -> OidcFinish {
        let (known, provider) = match (self.use_up(browser, &answer.state).await, self.provider()) {
            (Ok(known), Ok(provider)) => (known, provider),
            (Ok(_), Err(error)) | (Err((error, None)), _) => {
                return OidcFinish { result: Err(error), return_path: None };
            }
            (Err((error, return_path)), _) => return OidcFinish { result: Err(error), return_path },
        };
        let return_path = Some(known.return_path.clone());
        let result = match self.who_is_it(&provider, browser, &known, answer).await {
            Ok(identity) => self.start_oidc_session(&provider, identity, client).await,
            Err(error) => Err(error),
        };
        if let Err(error) = &result {
            // Anybody can send an answer, but only to a sign-in that was begun.
            tracing::warn!(%error, issuer = provider.issuer(), "a sign-in failed");
        }
        OidcFinish { result, return_path }
    }

    /// Uses up the sign-in of a state: before anything else, so that nothing happens twice.
    async fn use_up(&self, browser: &str, state: &str) -> Result<OidcSignIn, (OidcFailure, Option<String>)> {
        let (state, browser, now) = (digest_of_secret(state), digest_of_secret(browser), self.clock.now());
        let claimed = self
            .store
            .write::<_, _, HubError>(move |tx| {
                Box::pin(async move {
                    let Some(known) = oidc_sign_ins::get(tx.session(), &state).await? else {
                        return Ok(Err((OidcFailure::Unknown, None)));
                    };
                    // Only the browser in which it began learns more, and uses it up.
                    if known.browser != browser {
                        return Ok(Err((OidcFailure::OtherBrowser, None)));
                    }
                    if known.used_at.is_some() {
                        return Ok(Err((OidcFailure::Used, Some(known.return_path))));
                    }
                    if now >= known.expires_at {
                        return Ok(Err((OidcFailure::TooLate, Some(known.return_path))));
                    }
                    oidc_sign_ins::record_use(tx.session(), &state, now).await?;
                    Ok(Ok(known))
                })
            })
            .await;
        claimed.unwrap_or_else(|error| Err((error.into(), None)))
    }

    /// Asks the provider who it is.
    async fn who_is_it(
        &self,
        provider: &RelyingParty,
        browser: &str,
        known: &OidcSignIn,
        answer: OidcAnswer,
    ) -> Result<Identity, OidcFailure> {
        let now = self.clock.now();
        provider.check_answer(answer.issuer.as_deref(), now).await?;
        let code = answer.result.map_err(|error| match error.as_str() {
            "access_denied" => OidcFailure::Cancelled,
            _ => OidcFailure::Refused(code_of(&error)),
        })?;
        let Derived { nonce, verifier } = Derived::of(browser, &answer.state);
        let tokens = provider.exchange(&code, &verifier, now).await?;
        let identity = provider.identity(&tokens, &nonce, self.clock.now()).await?;
        let is_old = |at: Timestamp| at + LEEWAY < known.created_at;
        // A provider that states no time leaves it unknown, and what is unknown is recent nowhere. To refuse it would keep the
        // people of such providers from signing in again.
        if known.again && identity.authenticated_at.is_some_and(is_old) {
            return Err(OidcFailure::NotAskedAgain);
        }
        Ok(identity)
    }

    async fn start_oidc_session(
        &self,
        provider: &RelyingParty,
        identity: Identity,
        client: ClientInfo,
    ) -> Result<StartedSession, OidcFailure> {
        let (now, settings) = (self.clock.now(), self.settings.sessions);
        let Identity { subject, email, groups, sid, authenticated_at } = identity;
        let sign_in = SignIn {
            person: email.clone(),
            kind: SessionKind::Browser,
            method: SignInMethod::Sso,
            client,
            token: None,
            provider: Some(ProviderSession { issuer: provider.issuer().to_owned(), subject, sid }),
            // A provider that knows the person asks for nothing: then they proved who they are at an earlier time, and only
            // the provider knows when.
            signed_in_at: authenticated_at.map(|at| at.min(now)),
        };
        let started: Result<StartedSession, HubError> = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let started = start_session(tx, sign_in, settings, now).await?;
                    claims::record(tx, &email, &groups, now).await?;
                    Ok(started)
                })
            })
            .await;
        Ok(started?)
    }
}

/// A registered error code; other texts are left out.
fn code_of(error: &str) -> String {
    let is_code = error.len() <= CODE && error.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase());
    if is_code { error.to_owned() } else { "an unknown error".to_owned() }
}
