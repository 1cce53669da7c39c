//! The beginning of a sign-in: the URL of the provider, and the row that its answer will be compared with.

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::{Derived, OidcFailure};
use crate::hub::Hub;
use crate::identity::digest_of_secret;
use crate::oidc::{OidcError, RelyingParty};
use crate::random;
use crate::store::StoreError;
use crate::store::oidc_sign_ins::{self, OidcSignIn};

/// How long a sign-in may take.
const LIFE: Duration = Duration::from_secs(600);
/// About how many sign-ins may be under way. Everybody can begin one, so their number is bounded: the oldest are dropped.
const UNDER_WAY: u32 = 20_000;
/// Sign-ins that are dropped at once when there are more.
const DROPPED: u32 = 1_000;
/// One in so many sign-ins counts them, since counting takes longer than adding one.
const COUNTED: u64 = 64;

impl Hub {
    /// The provider through which people sign in, if there is one.
    pub(in crate::hub) fn provider(&self) -> Result<Arc<RelyingParty>, OidcFailure> {
        self.settings.provider.clone().ok_or(OidcFailure::NotConfigured)
    }

    /// The name of the provider on pages, if there is one.
    pub fn provider_name(&self) -> Option<&str> {
        self.settings.provider.as_ref().map(|provider| provider.name())
    }

    /// Begins a sign-in in the browser with this secret, and returns the URL of the provider. With `again`, it asks even
    /// those whom it knows.
    ///
    /// # Errors
    /// When there is no provider, or it cannot be reached.
    pub async fn begin_oidc(&self, browser: &str, return_path: String, again: bool) -> Result<Url, OidcFailure> {
        let (provider, now) = (self.provider()?, self.clock.now());
        let state = random::secret_text();
        let Derived { nonce, verifier } = Derived::of(browser, &state);
        // A sign-in that is older than any session is asked for again too.
        let max_age = if again { Duration::ZERO } else { self.settings.sessions.longest };
        // First, so that nothing is stored while the provider is down.
        let url = provider.authorization_url((&state, &nonce), &verifier, max_age, now).await;
        let url = url.map_err(OidcError::from).inspect_err(|error| {
            tracing::warn!(%error, "nobody can sign in: the identity provider cannot be used");
        })?;
        let new = OidcSignIn {
            browser: digest_of_secret(browser),
            return_path,
            again,
            created_at: now,
            expires_at: now + LIFE,
            used_at: None,
        };
        let state = digest_of_secret(&state);
        let counts = random::number().is_multiple_of(COUNTED);
        self.store
            .write::<_, (), StoreError>(move |tx| {
                Box::pin(async move {
                    oidc_sign_ins::insert(tx.session(), &state, &new).await?;
                    if counts {
                        oidc_sign_ins::bound(tx.session(), UNDER_WAY, DROPPED).await?;
                    }
                    Ok(())
                })
            })
            .await?;
        Ok(url)
    }

    /// The URL at which somebody also signs out of the provider, if it has one.
    ///
    /// # Errors
    /// When there is no provider, or it cannot be reached.
    pub async fn provider_sign_out(&self) -> Result<Option<Url>, OidcFailure> {
        let back = format!("{}/sign-in", self.settings.public_url);
        Ok(self.provider()?.end_session_url(&back, self.clock.now()).await.map_err(OidcError::from)?)
    }
}
