//! What a Slack app's endpoint has of its own, as given, changed and shown.

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::fields::{MASK, given, needed};
use crate::codes::Code;
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
    /// The workspace: nobody else's members are heard. Needed; only endpoints of earlier versions go without.
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

/// What to change of a Slack app; absent fields stay, and `null` takes away what an app need not have.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "the fields are those of SlackInput")]
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
    HubError::invalid(Code::InvalidTransport, "/slack", "slack belongs to endpoints of channel slack_app alone")
}

fn no_url() -> HubError {
    let detail = "a slack_app endpoint has no URL of its own: slack.api_url says where Slack's API is, if elsewhere";
    HubError::invalid(Code::InvalidUrl, "/url", detail)
}

/// Whoever knows an app's signing secret could speak for the members of every workspace.
fn no_team() -> HubError {
    let detail =
        "say in slack.team which workspace it is: its id, such as T0123ABCD, is in the address of Slack in a browser";
    HubError::invalid(Code::InvalidTransport, "/slack/team", detail)
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
            let team = Some(team.ok_or_else(no_team)?);
            let app = SlackApp { bot_token, signing_secret, channel, team, direct_messages };
            Ok((api_url.unwrap_or_else(|| API.to_owned().into()), Some(app)))
        }
        (Channel::SlackApp, Some(_), _) => Err(no_url()),
        (Channel::SlackApp, None, None) => {
            let detail = "say in slack which app it is: bot_token, signing_secret and channel";
            Err(HubError::invalid(Code::InvalidTransport, "/slack", detail))
        }
        (_, _, Some(_)) => Err(no_slack()),
        (_, Some(url), None) => Ok((url, None)),
        (_, None, None) => Err(HubError::invalid(Code::InvalidUrl, "/url", "say in url where it is")),
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
            let team = needed(patch.team, app.team.unwrap_or_default(), "/slack/team")?;
            let team = Some(team).filter(|team| !team.is_empty()).ok_or_else(no_team)?;
            let changed = SlackApp {
                bot_token: needed(patch.bot_token, app.bot_token, "/slack/bot_token")?,
                signing_secret: needed(patch.signing_secret, app.signing_secret, "/slack/signing_secret")?,
                channel: needed(patch.channel, app.channel, "/slack/channel")?,
                team: Some(team),
                direct_messages: patch.direct_messages.map_or(app.direct_messages, |given| given.unwrap_or_else(yes)),
            };
            let url = patch.api_url.map_or(was, |given| given.unwrap_or_else(|| API.to_owned().into()));
            Ok((url, Some(changed)))
        }
    }
}
