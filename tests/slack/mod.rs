//! Slack as an app, from the click to the changed message, against a Slack that the tests own.

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
