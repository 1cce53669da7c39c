//! What the hub keeps of Slack: messages that show requests, what people did there, and channels that subscribed.

pub mod jobs;
pub mod messages;
pub mod subscriptions;
