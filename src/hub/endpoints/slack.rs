//! The fields of a Slack app's endpoint: input, patch and view.

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::fields::{MASK, required};
use crate::codes::Code;
use crate::hub::HubError;
use crate::hub::input::given;
use crate::store::endpoints::Channel;
use crate::store::transport::{Secret, SlackApp};

/// Default URL of Slack's Web API.
const API: &str = "https://slack.com/api";

/// The Slack app of a new endpoint.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlackInput {
    /// `xoxb-…`
    pub bot_token: Secret,
    /// Verifies calls from Slack.
    pub signing_secret: Secret,
    /// The channel that messages are posted to.
    pub channel: String,
    /// The workspace: members of others are rejected. Required; only endpoints of earlier versions have none.
    #[serde(default)]
    pub team: Option<String>,
    /// URL of the Web API; defaults to Slack's.
    #[serde(default)]
    pub api_url: Option<SecretString>,
    /// Whether requesters receive the outcome as a direct message.
    #[serde(default = "yes")]
    pub direct_messages: bool,
}

const fn yes() -> bool {
    true
}

/// Changes of a Slack app; absent fields keep their value, and `null` removes an optional value.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SlackPatch {
    #[serde(deserialize_with = "given")]
    pub bot_token: Option<Option<Secret>>,
    #[serde(deserialize_with = "given")]
    pub signing_secret: Option<Option<Secret>>,
    #[serde(deserialize_with = "given")]
    pub channel: Option<Option<String>>,
    #[serde(deserialize_with = "given")]
    pub team: Option<Option<String>>,
    #[serde(deserialize_with = "given")]
    pub api_url: Option<Option<SecretString>>,
    #[serde(deserialize_with = "given")]
    pub direct_messages: Option<Option<bool>>,
}

/// The public form of a Slack app, without its secrets.
#[derive(Debug, Clone, Serialize)]
pub struct SlackView {
    pub bot_token: &'static str,
    pub signing_secret: &'static str,
    pub channel: String,
    pub team: Option<String>,
    pub api_url: String,
    pub direct_messages: bool,
}

impl SlackView {
    pub(super) fn new(app: &SlackApp, url: &str) -> Self {
        Self {
            bot_token: MASK,
            signing_secret: MASK,
            channel: app.channel.clone(),
            team: app.team.clone(),
            // A custom URL may contain a secret.
            api_url: if url == API { API.to_owned() } else { crate::delivery::TargetPolicy::masked(url) },
            direct_messages: app.direct_messages,
        }
    }
}

fn no_slack() -> HubError {
    HubError::invalid(Code::InvalidTransport, "/slack", "slack is only allowed for endpoints of channel slack_app")
}

fn no_url() -> HubError {
    let detail = "a slack_app endpoint has no url: set slack.api_url if Slack's API is at another URL";
    HubError::invalid(Code::InvalidUrl, "/url", detail)
}

/// Without a team, anyone with the app's signing secret could act as a member of any workspace.
fn no_team() -> HubError {
    let detail = "set slack.team to the workspace's id, such as T0123ABCD: it is in the address of Slack in a browser";
    HubError::invalid(Code::InvalidTransport, "/slack/team", detail)
}

/// Returns the URL and the Slack app of a new endpoint.
pub(super) fn target(
    channel: Channel,
    url: Option<SecretString>,
    slack: Option<SlackInput>,
) -> Result<(SecretString, Option<SlackApp>), HubError> {
    match (channel, url, slack) {
        (Channel::SlackApp, None, Some(given)) => {
            let SlackInput { bot_token, signing_secret, channel, team, api_url, direct_messages } = given;
            let team = Some(team.ok_or_else(no_team)?);
            let app = SlackApp { bot_token, signing_secret, channel, team, direct_messages };
            Ok((api_url.unwrap_or_else(|| API.to_owned().into()), Some(app)))
        }
        (Channel::SlackApp, Some(_), _) => Err(no_url()),
        (Channel::SlackApp, None, None) => {
            let detail = "set slack with the app's bot_token, signing_secret, channel and team";
            Err(HubError::invalid(Code::InvalidTransport, "/slack", detail))
        }
        (_, _, Some(_)) => Err(no_slack()),
        (_, Some(url), None) => Ok((url, None)),
        (_, None, None) => Err(HubError::invalid(Code::InvalidUrl, "/url", "set url to the target's URL")),
    }
}

/// Returns the URL and the Slack app of a changed endpoint.
pub(super) fn changed_target(
    url: Option<SecretString>,
    slack: Option<SlackPatch>,
    was: (SecretString, Option<SlackApp>),
) -> Result<(SecretString, Option<SlackApp>), HubError> {
    match (was, url, slack) {
        ((_, Some(_)), Some(_), _) => Err(no_url()),
        ((_, None), _, Some(_)) => Err(no_slack()),
        ((was, app), url, None) => Ok((url.unwrap_or(was), app)),
        ((was, Some(app)), None, Some(patch)) => {
            let team = required(patch.team, app.team.unwrap_or_default(), "/slack/team")?;
            let team = Some(team).filter(|team| !team.is_empty()).ok_or_else(no_team)?;
            let changed = SlackApp {
                bot_token: required(patch.bot_token, app.bot_token, "/slack/bot_token")?,
                signing_secret: required(patch.signing_secret, app.signing_secret, "/slack/signing_secret")?,
                channel: required(patch.channel, app.channel, "/slack/channel")?,
                team: Some(team),
                direct_messages: patch.direct_messages.map_or(app.direct_messages, |given| given.unwrap_or_else(yes)),
            };
            let url = patch.api_url.map_or(was, |given| given.unwrap_or_else(|| API.to_owned().into()));
            Ok((url, Some(changed)))
        }
    }
}
