//! The discovery document (OpenID Connect Discovery §3), as far as a relying party needs it. Workload issuers publish only
//! their issuer and keys.

use std::collections::BTreeSet;

use jsonwebtoken::Algorithm;
use serde_json::Value;
use url::Url;

use super::error::{ProviderError, shown};
use super::jws::algorithm;
use super::transport::{Object, Transport, masked, provider_url};

/// What an issuer publishes about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Metadata {
    pub(super) jwks_uri: Url,
    pub(super) authorization_endpoint: Option<Url>,
    pub(super) token_endpoint: Option<Url>,
    pub(super) userinfo_endpoint: Option<Url>,
    pub(super) end_session_endpoint: Option<Url>,
    /// The algorithms of ID tokens that the hub can verify.
    pub(super) algorithms: Vec<Algorithm>,
    /// How clients may identify themselves at the token endpoint; empty when the document does not say.
    pub(super) client_auth: BTreeSet<String>,
    /// Whether the answer to a sign-in must name the issuer (RFC 9207).
    pub(super) names_issuer: bool,
}

/// Checks the text of an issuer and returns it as the exact text that tokens must name.
///
/// # Errors
/// What is wrong with it, for an operator.
pub fn check_issuer(text: &str) -> Result<String, String> {
    let expected = "expected the provider's issuer, such as https://login.example.com/realms/staff";
    let Ok(url) = Url::parse(text) else { return Err(format!("not a URL: {expected}")) };
    if text.ends_with("/.well-known/openid-configuration") {
        return Err(format!("it is the address of the discovery document; leave that part out: {expected}"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("it has a query or a fragment: {expected}"));
    }
    if provider_url(text).is_none() {
        return Err(format!(
            "it must begin with https:// (http:// only on this machine) and have no user name: {expected}"
        ));
    }
    Ok(text.to_owned())
}

impl Metadata {
    /// Fetches the document of an issuer.
    pub(super) async fn fetch(transport: &Transport, issuer: &str) -> Result<Self, ProviderError> {
        let text = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let url = provider_url(&text).ok_or(ProviderError::Lacks("usable issuer"))?;
        let document = transport.get(&url).await?;
        let found = document.get("issuer").and_then(Value::as_str).unwrap_or_default();
        if found != issuer {
            return Err(ProviderError::Issuer { expected: issuer.to_owned(), found: shown(found) });
        }
        Self::read(&document, &url)
    }

    fn read(document: &Object, url: &Url) -> Result<Self, ProviderError> {
        let endpoint = |name: &'static str| match document.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => value.as_str().and_then(provider_url).map(Some).ok_or_else(|| ProviderError::Answer {
                url: masked(url),
                why: format!("{name} must be a URL that begins with https:// (http:// only on this machine)"),
            }),
        };
        let texts = |name: &str| {
            let list = document.get(name).and_then(Value::as_array);
            list.map(|list| list.iter().filter_map(Value::as_str).collect::<BTreeSet<_>>())
        };
        // Every provider must support RS256 (OpenID Connect Core §15.1).
        let algorithms = texts("id_token_signing_alg_values_supported")
            .map_or_else(|| vec![Algorithm::RS256], |names| names.into_iter().filter_map(algorithm).collect());
        Ok(Self {
            jwks_uri: endpoint("jwks_uri")?.ok_or(ProviderError::Lacks("jwks_uri"))?,
            authorization_endpoint: endpoint("authorization_endpoint")?,
            token_endpoint: endpoint("token_endpoint")?,
            userinfo_endpoint: endpoint("userinfo_endpoint")?,
            end_session_endpoint: endpoint("end_session_endpoint")?,
            algorithms,
            client_auth: texts("token_endpoint_auth_methods_supported")
                .map(|methods| methods.into_iter().map(str::to_owned).collect())
                .unwrap_or_default(),
            names_issuer: document.get("authorization_response_iss_parameter_supported") == Some(&Value::Bool(true)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_an_exact_text() {
        for right in [
            "https://login.example.com",
            "https://login.example.com/",
            "https://login.example.com/realms/staff",
            "http://127.0.0.1:9000",
            "http://localhost:9000/a",
        ] {
            assert_eq!(check_issuer(right).as_deref(), Ok(right));
        }
        for (wrong, says) in [
            ("login.example.com", "not a URL"),
            ("http://login.example.com", "https://"),
            ("https://user:secret@login.example.com", "no user name"),
            ("https://login.example.com/?a=b", "query"),
            ("https://login.example.com/.well-known/openid-configuration", "discovery document"),
        ] {
            let error = check_issuer(wrong).expect_err(wrong);
            assert!(error.contains(says) && !error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_workload_issuer_needs_only_keys() {
        let url = Url::parse("https://ci.example.com/.well-known/openid-configuration").expect("a URL");
        let read = |text: &str| Metadata::read(&serde_json::from_str(text).expect("an object"), &url);
        let metadata =
            read(r#"{"issuer":"https://ci.example.com","jwks_uri":"https://ci.example.com/keys"}"#).expect("read");
        assert_eq!((metadata.algorithms, metadata.token_endpoint), (vec![Algorithm::RS256], None));
        let metadata =
            read(r#"{"jwks_uri":"https://x.example/k","id_token_signing_alg_values_supported":["none","HS256","ES256","new"]}"#)
                .expect("read");
        assert_eq!(metadata.algorithms, [Algorithm::ES256]);
        assert_eq!(read("{}"), Err(ProviderError::Lacks("jwks_uri")));
        let plain = read(r#"{"jwks_uri":"http://10.0.0.1/keys"}"#).expect_err("plain http").to_string();
        assert!(plain.contains("jwks_uri") && plain.contains("https://"), "{plain}");
    }
}
