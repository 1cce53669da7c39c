//! The hub as a client of its provider: the authorization code flow with PKCE, state and nonce (OpenID Connect Core §3.1,
//! RFC 7636, RFC 9207), userinfo, and the provider's own sign-out.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use sha2::{Digest, Sha256};
use url::{Url, form_urlencoded};

use super::error::{ExchangeError, OidcError, ProviderError, TokenError, shown};
use super::identity::{ClaimNames, EmailRule, Identity, lacks};
use super::metadata::Metadata;
use super::provider::Provider;
use super::transport::{Answer, masked};
use super::{claims, transport};
use crate::random;
use crate::time::Timestamp;

/// Longest error code of a provider that is logged.
const CODE: usize = 40;

/// How the hub proves to the token endpoint who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// `client_secret_basic`: in a header. Id and secret are form-encoded first (RFC 6749 §2.3.1).
    Basic,
    /// `client_secret_post`: in the form.
    Post,
    /// A public client, with PKCE alone.
    None,
}

impl ClientAuth {
    /// The method's registered name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Basic => "client_secret_basic",
            Self::Post => "client_secret_post",
            Self::None => "none",
        }
    }
}

/// The hub's registration at its provider, and which claims say who somebody is.
#[derive(Debug, Clone)]
pub struct ClientSettings {
    pub client_id: String,
    pub client_secret: Option<SecretString>,
    /// When absent: by what the provider offers.
    pub auth: Option<ClientAuth>,
    pub scopes: Vec<String>,
    /// Where the provider sends people back to.
    pub redirect_uri: String,
    pub email_claim: String,
    pub groups_claim: String,
    pub email_rule: EmailRule,
    /// The provider's name on pages; the issuer's host when absent.
    pub name: Option<String>,
}

/// The hub as a client of one provider.
#[derive(Debug)]
pub struct RelyingParty {
    pub(super) provider: Arc<Provider>,
    pub(super) settings: ClientSettings,
}

/// A secret that only the browser's sign-in knows until its code is exchanged (RFC 7636).
#[derive(Debug, Clone)]
pub struct Verifier(SecretString);

impl Verifier {
    /// A new verifier.
    pub fn new() -> Self {
        Self(random::secret_text().into())
    }

    /// A verifier that was stored.
    pub fn stored(text: String) -> Self {
        Self(text.into())
    }

    /// The text to store.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.expose()))
    }
}

impl Default for Verifier {
    fn default() -> Self {
        Self::new()
    }
}

/// What the provider gives for a code.
#[derive(Debug)]
pub struct Tokens {
    id_token: SecretString,
    access_token: Option<SecretString>,
}

impl RelyingParty {
    /// The client of a provider.
    pub const fn new(provider: Arc<Provider>, settings: ClientSettings) -> Self {
        Self { provider, settings }
    }

    /// The provider's issuer.
    pub fn issuer(&self) -> &str {
        self.provider.issuer()
    }

    /// The provider's name on pages.
    pub fn name(&self) -> &str {
        let host = || self.issuer().split("://").nth(1).and_then(|rest| rest.split('/').next());
        self.settings.name.as_deref().or_else(host).unwrap_or("the identity provider")
    }

    /// The URL at which somebody signs in. The provider is to ask those who proved who they are more than `max_age` ago;
    /// with zero, everybody.
    ///
    /// # Errors
    /// When the provider cannot be used.
    pub async fn authorization_url(
        &self,
        (state, nonce): (&str, &str),
        verifier: &Verifier,
        max_age: Duration,
        now: Timestamp,
    ) -> Result<Url, ProviderError> {
        let known = self.provider.known(now).await?;
        let endpoint = known.metadata.authorization_endpoint.as_ref();
        let mut url = endpoint.ok_or(ProviderError::Lacks("authorization_endpoint"))?.clone();
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("redirect_uri", &self.settings.redirect_uri)
            .append_pair("scope", &self.settings.scopes.join(" "))
            .append_pair("state", state)
            .append_pair("nonce", nonce)
            .append_pair("code_challenge", &verifier.challenge())
            .append_pair("code_challenge_method", "S256")
            // Whatever its value, it also makes the provider state `auth_time` (OpenID Connect Core §3.1.2.1).
            .append_pair("max_age", &max_age.as_secs().to_string());
        if max_age.is_zero() {
            url.query_pairs_mut().append_pair("prompt", "login");
        }
        Ok(url)
    }

    /// Checks the issuer that the answer to a sign-in names (RFC 9207): another one would mean that the code is of another
    /// provider.
    ///
    /// # Errors
    /// When it is another one, or none although the provider always names itself.
    pub async fn check_answer(&self, issuer: Option<&str>, now: Timestamp) -> Result<(), OidcError> {
        match issuer {
            Some(issuer) if issuer == self.issuer() => Ok(()),
            Some(other) => Err(ExchangeError::OtherIssuer(shown(other)).into()),
            None if self.provider.known(now).await?.metadata.names_issuer => Err(ExchangeError::NoIssuer.into()),
            None => Ok(()),
        }
    }

    /// Exchanges a code for tokens.
    ///
    /// # Errors
    /// When the provider refuses, or cannot be used.
    pub async fn exchange(&self, code: &str, verifier: &Verifier, now: Timestamp) -> Result<Tokens, OidcError> {
        let known = self.provider.known(now).await?;
        let url = known.metadata.token_endpoint.as_ref().ok_or(ProviderError::Lacks("token_endpoint"))?;
        let auth = self.auth(&known.metadata);
        let (headers, form) = self.token_request(code, verifier, auth)?;
        let answer = self.provider.transport.post(url, form, headers).await?;
        if answer.status != 200 {
            return Err(refusal(&answer, url, auth));
        }
        let granted = answer.object(url)?;
        let text =
            |name: &str| granted.get(name).and_then(Value::as_str).map(|text| SecretString::from(text.to_owned()));
        Ok(Tokens { id_token: text("id_token").ok_or(ExchangeError::NoIdToken)?, access_token: text("access_token") })
    }

    /// Headers and form of the call of the token endpoint.
    fn token_request(
        &self,
        code: &str,
        verifier: &Verifier,
        auth: ClientAuth,
    ) -> Result<(HeaderMap, String), ProviderError> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("redirect_uri", &self.settings.redirect_uri)
            .append_pair("code_verifier", verifier.expose());
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        let secret = self.settings.client_secret.as_ref().map(ExposeSecret::expose_secret).unwrap_or_default();
        match auth {
            ClientAuth::Basic => {
                headers.insert(AUTHORIZATION, basic(&self.settings.client_id, secret)?);
            }
            ClientAuth::Post => {
                form.append_pair("client_id", &self.settings.client_id).append_pair("client_secret", secret);
            }
            ClientAuth::None => {
                form.append_pair("client_id", &self.settings.client_id);
            }
        }
        Ok((headers, form.finish()))
    }

    /// Verifies the tokens and returns who has signed in.
    ///
    /// # Errors
    /// When a token is refused, or it is not clear who they are.
    pub async fn identity(&self, tokens: &Tokens, nonce: &str, now: Timestamp) -> Result<Identity, OidcError> {
        let jwt = tokens.id_token.expose_secret();
        let id_token = self.provider.verify_id_token(jwt, &self.settings.client_id, now).await?;
        if id_token.get("nonce").and_then(Value::as_str) != Some(nonce) {
            return Err(TokenError::Nonce.into());
        }
        let names = ClaimNames {
            email: &self.settings.email_claim,
            groups: &self.settings.groups_claim,
            rule: self.settings.email_rule,
        };
        let endpoint = self.provider.known(now).await?.metadata.userinfo_endpoint.clone();
        let userinfo = match (&endpoint, &tokens.access_token) {
            (Some(url), Some(access_token)) if lacks(&id_token, &names) => {
                Some(self.provider.transport.get_with(url, access_token.expose_secret()).await?)
            }
            _ => None,
        };
        let authenticated_at = claims::time(&id_token, "auth_time")?;
        Identity::read(&id_token, userinfo.as_ref(), &names, authenticated_at)
    }

    /// The URL at which somebody also signs out of the provider (OpenID Connect RP-Initiated Logout), if it has one.
    /// `back` must be registered there.
    ///
    /// # Errors
    /// When the provider cannot be used.
    pub async fn end_session_url(&self, back: &str, now: Timestamp) -> Result<Option<Url>, ProviderError> {
        let endpoint = self.provider.known(now).await?.metadata.end_session_endpoint.clone();
        Ok(endpoint.map(|mut url| {
            url.query_pairs_mut()
                .append_pair("client_id", &self.settings.client_id)
                .append_pair("post_logout_redirect_uri", back);
            url
        }))
    }

    /// The method that the operator chose, or the first that the provider offers.
    fn auth(&self, metadata: &Metadata) -> ClientAuth {
        let offers = |auth: ClientAuth| metadata.client_auth.contains(auth.name());
        match (self.settings.auth, &self.settings.client_secret) {
            (Some(auth), _) => auth,
            (None, None) => ClientAuth::None,
            (None, Some(_)) if offers(ClientAuth::Post) && !offers(ClientAuth::Basic) => ClientAuth::Post,
            (None, Some(_)) => ClientAuth::Basic,
        }
    }
}

fn basic(id: &str, secret: &str) -> Result<HeaderValue, ProviderError> {
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let text = STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret)));
    let mut value =
        HeaderValue::try_from(format!("Basic {text}")).map_err(|_| ProviderError::Lacks("usable credentials"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Reads an error of the token endpoint (RFC 6749 §5.2). Its description is not logged: it may repeat what was sent.
fn refusal(answer: &Answer, url: &Url, auth: ClientAuth) -> OidcError {
    let object: transport::Object = answer.object(url).unwrap_or_default();
    let code = object.get("error").and_then(Value::as_str);
    let is_code =
        |code: &&str| code.len() <= CODE && code.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase());
    match (answer.status, code.filter(is_code)) {
        (_, Some("invalid_grant")) => ExchangeError::Code("invalid_grant".to_owned()).into(),
        (_, Some(error @ ("invalid_client" | "unauthorized_client"))) => {
            ExchangeError::Client { error: error.to_owned(), method: auth.name() }.into()
        }
        (400 | 401 | 403, Some(error)) => ExchangeError::Code(error.to_owned()).into(),
        (401, None) => ExchangeError::Client { error: "401".to_owned(), method: auth.name() }.into(),
        (status, _) => ProviderError::Status { url: masked(url), status }.into(),
    }
}
