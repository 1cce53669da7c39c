//! Slack: messages that show requests, jobs (clicks and commands), and subscriptions of channels.

pub mod jobs;
pub mod messages;
pub mod subscriptions;
