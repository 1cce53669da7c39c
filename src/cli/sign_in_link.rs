//! `countersign sign-in-link`

use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};

use super::client::Client;
use super::output;
use super::pages::{text, time};
use crate::approval::Email;

/// Make a link with which a person can sign in once, within 15 minutes
#[derive(Debug, Args)]
pub(super) struct SignInLink {
    /// The person who will sign in with it
    #[arg(value_name = "EMAIL")]
    person: Email,
    /// Make the person an admin when they use the link
    #[arg(long)]
    admin: bool,
    /// Print the hub's JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    client: Client,
}

impl SignInLink {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let body = json!({"person": self.person, "admin": self.admin});
        let call = self.client.call(Method::POST, "/v1/sign-in-links").await?.json(&body);
        let made: Value = self.client.send(call).await?.json().await?;
        output::print_answer(self.json, &made, |made| {
            let admin = if self.admin { " and become an admin" } else { "" };
            format!(
                "{}\n\nGive this link to {} only: anyone who opens it can sign in as them{admin}. It works once, until {} UTC.\n",
                text(made, "/url"),
                self.person,
                time(made, "/expires_at")
            )
        })
    }
}
