//! `countersign slack`

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::client::Client;
use super::output;
use crate::channels::text::one_line;

/// Link your Slack account
#[derive(Debug, Args)]
pub(super) struct Slack {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Confirm the code that `/countersign link` showed you in Slack, with your own token
    Link(Link),
}

#[derive(Debug, Args)]
struct Link {
    /// The code. Never confirm a code from another person: their Slack account could then vote as you
    code: String,
    /// Print the hub's JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    client: Client,
}

impl Slack {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self.verb {
            Verb::Link(link) => link.run().await,
        }
    }
}

impl Link {
    async fn run(self) -> anyhow::Result<()> {
        let call = self.client.call(Method::POST, "/v1/me/chat-identities").await?.json(&json!({"code": self.code}));
        let linked: Value = self.client.send(call).await?.json().await?;
        output::print_answer(self.json, &linked, |linked| {
            let text = |name: &str| one_line(linked.get(name).and_then(Value::as_str).unwrap_or_default());
            format!(
                "Slack account {} ({} in workspace {}) is now linked to {}.\n\
                 If that account is not yours, ask an admin to delete the link at once.",
                text("name"),
                text("user"),
                text("team"),
                text("person")
            )
        })
    }
}
