//! The transport of an endpoint: headers, authentication, TLS, proxy, retry schedule, rate limit and concurrency limit.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The transport of an endpoint. What is absent is the channel's default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Transport {
    /// Sent with every message, by lower-case name. Their values may be secrets.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Secret>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
    /// The client certificate for mTLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<ClientCertificate>,
    /// CA certificates in PEM that are trusted for the target, in addition to the machine's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_certificate: Option<String>,
    /// `http://` or `https://` URL of a proxy; it may contain user and password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<Secret>,
    /// The seconds to wait after each failed attempt: there is one attempt more than waits. Exponential back-off when
    /// absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Vec<u32>>,
    /// The rate limit, in messages a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_per_second: Option<f64>,
    /// The maximum of messages under way at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    /// Whether the target may end a delivery, or disable the endpoint, with the response header `webhook-delivery`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub answer_control: bool,
    /// Slack apps only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slack: Option<SlackApp>,
}

/// A Slack app, installed in a workspace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SlackApp {
    /// `xoxb-…`, the token that it posts with.
    pub bot_token: Secret,
    /// The secret that Slack signs its requests with.
    pub signing_secret: Secret,
    /// The channel that it posts to.
    pub channel: String,
    /// The workspace, `T…`: requests from other workspaces are ignored. Any workspace when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// Whether requesters get the outcome as a direct message.
    pub direct_messages: bool,
}

/// How the hub authenticates to a target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", try_from = "AuthFields")]
pub enum Auth {
    /// RFC 7617.
    Basic {
        /// Without a colon.
        username: String,
        password: Secret,
    },
    /// RFC 6750, a token that does not change.
    Bearer { token: Secret },
    /// RFC 6749 §4.4: a token fetched with the hub's own credentials.
    Oauth2 {
        token_url: String,
        client_id: String,
        client_secret: Secret,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scope: Option<String>,
    },
}

/// The fields of [`Auth`] of all types. Serde reads an enum with a tag without listing its fields. Then unknown fields
/// could not be refused in input and ignored in stored JSON.
#[derive(Deserialize)]
#[serde(expecting = "an object whose `type` is basic, bearer or oauth2")]
struct AuthFields {
    r#type: AuthType,
    username: Option<String>,
    password: Option<Secret>,
    token: Option<Secret>,
    token_url: Option<String>,
    client_id: Option<String>,
    client_secret: Option<Secret>,
    scope: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum AuthType {
    Basic,
    Bearer,
    Oauth2,
}

impl TryFrom<AuthFields> for Auth {
    type Error = String;

    fn try_from(fields: AuthFields) -> Result<Self, String> {
        let AuthFields { r#type, username, password, token, token_url, client_id, client_secret, scope } = fields;
        let none = |others: &[(&str, bool)]| match others.iter().find(|(_, is_there)| *is_there) {
            Some((name, _)) => Err(format!("unknown field `{name}` for this `type`")),
            None => Ok(()),
        };
        let missing = |name: &str| format!("missing field `{name}`");
        let (of_basic, of_bearer) =
            ([("username", username.is_some()), ("password", password.is_some())], [("token", token.is_some())]);
        let of_oauth2 = [
            ("token_url", token_url.is_some()),
            ("client_id", client_id.is_some()),
            ("client_secret", client_secret.is_some()),
            ("scope", scope.is_some()),
        ];
        match r#type {
            AuthType::Basic => {
                none(&of_bearer).and_then(|()| none(&of_oauth2))?;
                Ok(Self::Basic {
                    username: username.ok_or_else(|| missing("username"))?,
                    password: password.ok_or_else(|| missing("password"))?,
                })
            }
            AuthType::Bearer => {
                none(&of_basic).and_then(|()| none(&of_oauth2))?;
                Ok(Self::Bearer { token: token.ok_or_else(|| missing("token"))? })
            }
            AuthType::Oauth2 => {
                none(&of_basic).and_then(|()| none(&of_bearer))?;
                Ok(Self::Oauth2 {
                    token_url: token_url.ok_or_else(|| missing("token_url"))?,
                    client_id: client_id.ok_or_else(|| missing("client_id"))?,
                    client_secret: client_secret.ok_or_else(|| missing("client_secret"))?,
                    scope,
                })
            }
        }
    }
}

/// A certificate with its key, both in PEM.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClientCertificate {
    /// The certificate, followed by its chain.
    pub certificate: String,
    pub key: Secret,
}

/// A secret that is stored in the database and never shown. It serialises in clear, for the database only.
#[derive(Debug, Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// The secret in clear.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

/// For detecting a change of configuration; not for checking a caller's secret, since it is not constant-time.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}
