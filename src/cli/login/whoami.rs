//! `countersign whoami`

use clap::Args;
use serde_json::Value;

use crate::cli::client::Client;
use crate::cli::connection::Call;
use crate::cli::output;
use crate::cli::pages::{text, time};

/// Show as whom you call which hub, with which rights, and until when
#[derive(Debug, Args)]
pub(in crate::cli) struct Whoami {
    /// Print the hub's JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    client: Client,
}

impl Whoami {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<()> {
        let hub = self.client.connect().await?;
        let me = hub.send(&Call::get("/v1/me")).await?;
        output::print_answer(self.json, &me, |me| format!("{}\n{}", hub.url(), describe(me)))
    }
}

/// Who it is, how they signed in, what they may do, and until when.
pub(super) fn describe(me: &Value) -> String {
    let list = |name: &str| {
        let items = me.get(name).and_then(Value::as_array).into_iter().flatten();
        items.filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
    };
    let who = me.get("person").and_then(Value::as_str).unwrap_or("nobody in particular");
    let how = match (text(me, "/kind"), text(me, "/method")) {
        ("session", "sso") if text(me, "/signed_in_at") == "–" => {
            "signed in with the identity provider, which does not say when".to_owned()
        }
        ("session", "sso") => format!("signed in with the identity provider at {} UTC", time(me, "/signed_in_at")),
        ("session", "link") => format!("signed in with a link at {} UTC", time(me, "/signed_in_at")),
        ("session", _) => format!("signed in with a token at {} UTC", time(me, "/signed_in_at")),
        ("token", _) => format!("by the token {} ({})", text(me, "/name"), text(me, "/id")),
        _ => "by the admin token of the hub".to_owned(),
    };
    let limit = match list("resources") {
        resources if resources.is_empty() => String::new(),
        resources => format!(", for {resources} only"),
    };
    let agent = if me.get("agent").and_then(Value::as_bool).unwrap_or_default() { ", as an agent" } else { "" };
    let until = match text(me, "/expires_at") {
        "–" => "until revoked".to_owned(),
        _ => format!("until {} UTC", time(me, "/expires_at")),
    };
    format!("{who}, {how}\nmay act as: {}{limit}{agent}\n{until}\n", list("scopes"))
}
