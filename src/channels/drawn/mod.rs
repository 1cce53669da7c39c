//! Messages as their channel draws them, near enough to judge a text by.

mod card;
mod markdown;

pub use self::card::{Block, Button, Card, Run, Section};
