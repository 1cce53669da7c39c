//! How an endpoint is reached: what is sent besides the message, as whom, by which way, how often and how much at once.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// All of it. What is absent is the channel's default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Transport {
    /// Sent with every message, by lower-case name. Their values may be secrets.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Secret>,
    /// How the hub says who it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
    /// How the hub shows who it is when the connection is made (mTLS).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<ClientCertificate>,
    /// Certificates, in PEM, of who may have signed the target's besides those that the machine trusts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_certificate: Option<String>,
    /// `http://` or `https://` URL of the proxy to go through; user and password may stand in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<Secret>,
    /// Seconds to wait after each failed attempt, one attempt more than there are waits; exponential when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Vec<u32>>,
    /// Most messages a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_per_second: Option<f64>,
    /// Most messages under way at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    /// Whether the target may end a delivery, or the endpoint, by the answer header `webhook-delivery`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub answer_control: bool,
    /// Of a Slack app: as whom, and where to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slack: Option<SlackApp>,
}

/// A Slack app, installed in a workspace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SlackApp {
    /// `xoxb-…`: as whom it posts.
    pub bot_token: Secret,
    /// What Slack signs what it sends with.
    pub signing_secret: Secret,
    /// Where it posts.
    pub channel: String,
    /// The workspace, `T…`: members of others are not heard. Of any workspace when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// Whether requesters are told the outcome in a message to them alone.
    pub direct_messages: bool,
}

/// How the hub says who it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", try_from = "AuthFields")]
pub enum Auth {
    /// RFC 7617.
    Basic {
        /// Without a colon.
        username: String,
        /// Its password.
        password: Secret,
    },
    /// RFC 6750, a token that does not change.
    Bearer {
        /// The token.
        token: Secret,
    },
    /// RFC 6749 §4.4: a token fetched with the hub's own credentials.
    Oauth2 {
        /// Where tokens are fetched.
        token_url: String,
        /// Who the hub is there.
        client_id: String,
        /// Its password there.
        client_secret: Secret,
        /// What the token is for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scope: Option<String>,
    },
}

/// The fields of [`Auth`], of whatever kind: an enum with a tag would be read without saying which fields it knows, so unknown ones
/// could not be refused in one place and passed over in another.
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
    /// The certificate, and those that lead to a known one.
    pub certificate: String,
    /// Its private key.
    pub key: Secret,
}

/// Text that is kept in the database and shown to nobody. Serialised as it is: for the database alone.
#[derive(Debug, Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// The text.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

/// For telling whether a configuration changed; never on what a caller claims to know.
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
