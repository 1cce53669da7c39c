//! What a Slack app's endpoint has of its own, as given, changed and shown.

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::view::MASK;
use crate::hub::HubError;
use crate::store::endpoints::Channel;
use crate::store::transport::{Secret, SlackApp};

/// Slack's Web API.
const API: &str = "https://slack.com/api";

/// A Slack app as given.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlackInput {
    /// `xoxb-…`: as whom it posts.
    pub bot_token: Secret,
    /// What Slack signs what it sends with.
    pub signing_secret: Secret,
    /// Where it posts.
    pub channel: String,
    /// The workspace; of any when absent.
    #[serde(default)]
    pub team: Option<String>,
    /// Where the Web API is.
    #[serde(default)]
    pub api_url: Option<SecretString>,
    /// Whether requesters are told the outcome in a message to them alone.
    #[serde(default = "yes")]
    pub direct_messages: bool,
}

const fn yes() -> bool {
    true
}

/// What to change of a Slack app; absent fields stay.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "the fields are those of SlackInput")]
pub struct SlackPatch {
    pub bot_token: Option<Secret>,
    pub signing_secret: Option<Secret>,
    pub channel: Option<String>,
    pub team: Option<String>,
    pub api_url: Option<SecretString>,
    pub direct_messages: Option<bool>,
}

/// A Slack app, without what would let anybody else be it.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are those of SlackInput")]
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
            // The usual one is no secret; another may be.
            api_url: if url == API { API.to_owned() } else { crate::delivery::TargetPolicy::masked(url) },
            direct_messages: app.direct_messages,
        }
    }
}

fn no_slack() -> HubError {
    HubError::invalid("invalid_transport", "/slack", "slack belongs to endpoints of channel slack_app alone")
}

fn no_url() -> HubError {
    let detail = "a slack_app endpoint has no URL of its own: slack.api_url says where Slack's API is, if elsewhere";
    HubError::invalid("invalid_url", "/url", detail)
}

/// Where an endpoint points to, and as which app.
pub(super) fn target(
    channel: Channel,
    url: Option<SecretString>,
    slack: Option<SlackInput>,
) -> Result<(SecretString, Option<SlackApp>), HubError> {
    match (channel, url, slack) {
        (Channel::SlackApp, None, Some(given)) => {
            let SlackInput { bot_token, signing_secret, channel, team, api_url, direct_messages } = given;
            let app = SlackApp { bot_token, signing_secret, channel, team, direct_messages };
            Ok((api_url.unwrap_or_else(|| API.to_owned().into()), Some(app)))
        }
        (Channel::SlackApp, Some(_), _) => Err(no_url()),
        (Channel::SlackApp, None, None) => {
            let detail = "say in slack which app it is: bot_token, signing_secret and channel";
            Err(HubError::invalid("invalid_transport", "/slack", detail))
        }
        (_, _, Some(_)) => Err(no_slack()),
        (_, Some(url), None) => Ok((url, None)),
        (_, None, None) => Err(HubError::invalid("invalid_url", "/url", "say in url where it is")),
    }
}

/// The same of an endpoint that is changed.
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
            let changed = SlackApp {
                bot_token: patch.bot_token.unwrap_or(app.bot_token),
                signing_secret: patch.signing_secret.unwrap_or(app.signing_secret),
                channel: patch.channel.unwrap_or(app.channel),
                team: patch.team.or(app.team),
                direct_messages: patch.direct_messages.unwrap_or(app.direct_messages),
            };
            Ok((patch.api_url.unwrap_or(was), Some(changed)))
        }
    }
}
