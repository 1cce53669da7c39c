//! `countersign logout`

use anyhow::Context as _;
use clap::Args;
use serde_json::json;

use super::{end, file_of_user};
use crate::cli::client::Client;
use crate::cli::hub_url::HubUrl;
use crate::cli::output;

/// End your session at a hub, and forget its secret
#[derive(Debug, Args)]
pub(in crate::cli) struct Logout {
    /// URL of the hub [default: that of --url]
    #[arg(value_name = "HUB_URL")]
    hub: Option<HubUrl>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    client: Client,
}

impl Logout {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<()> {
        let hub = self.hub.map_or_else(|| self.client.hub(), Ok)?;
        let known = file_of_user()?.forget(&hub).with_context(|| {
            format!("you are not signed out; if the secret is lost, end the session on {hub}/account")
        })?;
        let was_known = known.is_some();
        let ended = match known {
            Some(secret) => end(&hub, secret).await.map_err(|error| {
                error.context(format!(
                    "the secret is forgotten, but the hub could not be told: end the session on {hub}/account, or let it \
                     expire"
                ))
            })?,
            None => false,
        };
        let answer = json!({"hub": hub.to_string(), "signed_out": was_known, "session_ended": ended});
        output::print_answer(self.json, &answer, |_| match (was_known, ended) {
            (false, _) => format!("you were not signed in to {hub}\n"),
            (true, true) => format!("signed out of {hub}\n"),
            (true, false) => format!("signed out of {hub}; the session had ended before\n"),
        })
    }
}
