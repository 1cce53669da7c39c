//! What a directory has said of people and groups.

pub mod groups;
pub mod members;
mod search;
pub mod users;

pub use search::Condition;
