//! The registry of channels: maps each one to its declaration. No other code matches on the channel to learn its
//! properties.

use super::{Declaration, custom, discord, google_chat, slack, slack_app, teams};
use crate::store::endpoints::Channel;

impl Declaration {
    /// Returns the declaration of a channel.
    pub const fn of(channel: Channel) -> &'static Self {
        match channel {
            Channel::Teams => &teams::TEAMS,
            Channel::Slack => &slack::SLACK,
            Channel::SlackApp => &slack_app::SLACK_APP,
            Channel::Discord => &discord::DISCORD,
            Channel::GoogleChat => &google_chat::GOOGLE_CHAT,
            Channel::Custom => &custom::CUSTOM,
        }
    }
}
