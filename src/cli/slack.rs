//! `countersign slack`

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::client::Client;
use super::output;
use crate::channels::text::one_line;

/// Say that an account in Slack is yours
#[derive(Debug, Args)]
pub(super) struct Slack {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Confirm the code that `/countersign link` gave you in Slack, with your own token
    Link(Link),
}

#[derive(Debug, Args)]
struct Link {
    /// The code. Confirm none that somebody else gave you: their account would be you
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
        let call = self.client.call(Method::POST, "/v1/me/chat-identities")?.json(&json!({"code": self.code}));
        let bound: Value = self.client.send(call).await?.json().await?;
        output::print_answer(self.json, &bound, |bound| {
            let text = |name: &str| one_line(bound.get(name).and_then(Value::as_str).unwrap_or_default());
            format!(
                "{} ({} of workspace {}) is {} from now on.\nIf that account is not yours, have an admin take it away at once.",
                text("name"),
                text("user"),
                text("team"),
                text("person")
            )
        })
    }
}
