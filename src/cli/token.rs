//! `countersign token`

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use reqwest::Method;
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value, json};

use super::client::Client;
use super::connection::{Call, Connection};
use super::output;
use super::pages::{Paging, lines, text, time};
use super::progress::Progress;
use crate::approval::{Email, ResourceName};
use crate::ids::TokenId;
use crate::time::{Clock, SystemClock};

/// Create, list, rotate and revoke API tokens
#[derive(Debug, Args)]
#[command(after_help = "\
A token for a pipeline, replaced without an outage, and revoked:
  countersign token create deploy --scope requester --resource prod-deploy
  countersign token rotate tok_0190…             the earlier secret stays valid for a day
  countersign token revoke tok_0190…")]
pub(super) struct Token {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    client: Client,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Create a token; its secret is shown only once
    Create(Create),
    /// List tokens, oldest first, with their last use
    List(List),
    /// Give a token a new secret, which is shown only once
    Rotate(Rotate),
    /// Delete a token; all its secrets are invalid at once
    Revoke(Revoke),
    /// Exchange this pipeline's ID token for a short-lived token of the hub, and print its secret
    Exchange,
}

impl Token {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        if matches!(self.what, What::Exchange) {
            let secret = self.client.exchange().await?;
            output::print_exact(format!("{}\n", secret.expose_secret()).as_bytes())?;
            return Ok(ExitCode::SUCCESS);
        }
        let hub = self.client.connect().await?;
        match self.what {
            What::Exchange => {}
            What::Create(create) => create.run(&hub).await?,
            What::List(list) => list.run(&hub).await?,
            What::Rotate(rotate) => rotate.run(&hub).await?,
            What::Revoke(revoke) => revoke.run(&hub).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// How long a token is valid.
#[derive(Debug, Args)]
struct Lifetime {
    /// Days until the token expires [default: 90]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=3_650), conflicts_with = "no_expiry")]
    days: Option<u32>,
    /// The token does not expire
    #[arg(long)]
    no_expiry: bool,
}

impl Lifetime {
    /// Adds `expires_at`, unless the hub's default applies.
    fn add_to(&self, body: &mut Map<String, Value>) {
        let end = self.days.map(|days| SystemClock.now() + Duration::from_secs(u64::from(days) * 86_400));
        if self.no_expiry || end.is_some() {
            body.insert("expires_at".to_owned(), json!(end));
        }
    }
}

#[derive(Debug, Args)]
struct Create {
    /// Name of the token, for people
    #[arg(value_name = "NAME")]
    name: String,
    /// admin, requester, approver, decider, analyst, auditor or scim
    #[arg(long, value_name = "SCOPE")]
    scope: String,
    /// The person whom the token belongs to; required with the scope approver
    #[arg(long, value_name = "EMAIL")]
    person: Option<Email>,
    /// Limit the token to this resource; may be repeated
    #[arg(long = "resource", value_name = "RESOURCE")]
    resources: Vec<ResourceName>,
    /// The token belongs to a program that acts for people
    #[arg(long)]
    agent: bool,
    #[command(flatten)]
    lifetime: Lifetime,
    /// Print the hub's JSON
    #[arg(long)]
    json: bool,
}

impl Create {
    async fn run(&self, hub: &Connection) -> anyhow::Result<()> {
        let mut body = Map::from_iter([
            ("name".to_owned(), json!(self.name)),
            ("scope".to_owned(), json!(self.scope)),
            ("person".to_owned(), json!(self.person)),
            ("resources".to_owned(), json!(self.resources)),
            ("agent".to_owned(), json!(self.agent)),
        ]);
        self.lifetime.add_to(&mut body);
        send_for_secret(hub, "/v1/tokens", body, self.json).await
    }
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    paging: Paging,
    /// Print the hub's JSON
    #[arg(long)]
    json: bool,
}

impl List {
    async fn run(&self, hub: &Connection) -> anyhow::Result<()> {
        let page = self.paging.read(hub, "/v1/tokens", Vec::new()).await?;
        output::print_answer(self.json, &page, |page| lines(page, describe))
    }
}

#[derive(Debug, Args)]
struct Rotate {
    /// The token's id, which `countersign token list` shows
    #[arg(value_name = "TOKEN_ID")]
    id: TokenId,
    /// How long the earlier secret stays valid, up to 30 days; 0 ends all earlier secrets at once [default: a day]
    #[arg(long, value_name = "SECONDS")]
    overlap: Option<u32>,
    #[command(flatten)]
    lifetime: Lifetime,
    /// Print the hub's JSON
    #[arg(long)]
    json: bool,
}

impl Rotate {
    async fn run(&self, hub: &Connection) -> anyhow::Result<()> {
        let mut body = Map::new();
        if let Some(overlap) = self.overlap {
            body.insert("overlap_seconds".to_owned(), json!(overlap));
        }
        self.lifetime.add_to(&mut body);
        send_for_secret(hub, &format!("/v1/tokens/{}/rotate", self.id), body, self.json).await
    }
}

#[derive(Debug, Args)]
struct Revoke {
    /// The token's id, which `countersign token list` shows
    #[arg(value_name = "TOKEN_ID")]
    id: TokenId,
}

impl Revoke {
    async fn run(&self, hub: &Connection) -> anyhow::Result<()> {
        hub.send(&Call::new(Method::DELETE, format!("/v1/tokens/{}", self.id), None)).await?;
        output::print(&format!("{} is revoked\n", self.id))
    }
}

/// Sends a call that makes a secret, and prints the secret. The call has an idempotency key, so that retries make one
/// secret. The hub cannot show a secret again, so if the first answer was lost, the output says what to do.
async fn send_for_secret(hub: &Connection, path: &str, body: Map<String, Value>, json: bool) -> anyhow::Result<()> {
    let call = Call::post(path, Value::Object(body)).with_idempotency_key();
    let answer = hub.send_with_retries(&call, hub.pace.asking, &Progress::new(json)).await?;
    output::print_answer(json, &answer, |answer| {
        let id = text(answer, "/id");
        let secret = match answer.get("secret").and_then(Value::as_str) {
            Some(secret) => format!("secret, shown only once: {secret}"),
            None => format!(
                "the hub's first answer was lost, and with it the secret: run `countersign token rotate {id} --overlap 0`"
            ),
        };
        format!("{}\n{secret}\n", describe(answer))
    })
}

/// One line: id, scope, last use, end, name, and what the token is limited to.
fn describe(token: &Value) -> String {
    let or = |pointer, otherwise: &str| match text(token, pointer) {
        "–" => otherwise.to_owned(),
        _ => time(token, pointer),
    };
    let resources: Vec<&str> = match token.get("resources").and_then(Value::as_array) {
        Some(resources) => resources.iter().filter_map(Value::as_str).collect(),
        None => Vec::new(),
    };
    let person = token.get("person").and_then(Value::as_str).map(|person| format!(" of {person}"));
    let agent = token.get("agent").and_then(Value::as_bool).unwrap_or_default();
    format!(
        "{}  {:<9}  used {:<19}  until {:<19}  {}{}{}{}",
        text(token, "/id"),
        text(token, "/scope"),
        or("/last_used_at", "never"),
        or("/expires_at", "revoked"),
        text(token, "/name"),
        person.unwrap_or_default(),
        if agent { ", an agent" } else { "" },
        if resources.is_empty() { String::new() } else { format!(", for {}", resources.join(", ")) },
    )
}
