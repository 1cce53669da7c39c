//! The Slack app, from the click to the changed message, against a fake Slack.

mod commands;
mod decisions;
mod fake;
mod grid;
mod identities;
mod member;
mod messages;
mod short;
mod shown;
mod signatures;
