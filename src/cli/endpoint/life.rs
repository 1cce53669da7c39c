//! `countersign endpoint pause`, `resume`, `rotate-links` and `rotate-secret`

use clap::Args;
use serde_json::{Value, json};

use super::EndpointArgs;
use super::show::{describe, show};
use crate::cli::connection::{Call, Connection};
use crate::cli::output;
use crate::cli::pages::text;
use crate::cli::progress::Progress;

/// Pauses or resumes an endpoint.
pub(super) async fn act(hub: &Connection, one: &EndpointArgs, action: &str) -> anyhow::Result<()> {
    show(hub, one, Call::post(one.path(hub, action).await?, json!({}))).await
}

/// Invalidates all links sent to an endpoint. The call has an idempotency key, so retries do it once.
pub(super) async fn rotate_links(hub: &Connection, one: &EndpointArgs) -> anyhow::Result<()> {
    let call = Call::post(one.path(hub, "/rotate-links").await?, json!({})).with_idempotency_key();
    let answer = hub.send_with_retries(&call, hub.pace.asking, &Progress::new(one.json)).await?;
    output::print_answer(one.json, &answer, |answer| {
        format!(
            "{}all links sent so far are invalid; `countersign endpoint replay` sends messages again with valid links\n",
            describe(answer)
        )
    })
}

/// Give a custom endpoint a new signing secret, which is shown only once
#[derive(Debug, Args)]
#[command(after_help = "\
During the overlap, messages are signed with both secrets. Configure the new one in the receiver in this time.
With --overlap 0, earlier secrets are not used any more.")]
pub(super) struct Rotate {
    #[command(flatten)]
    one: EndpointArgs,
    /// How long the old secret also signs, up to 30 days [default: a day]
    #[arg(long, value_name = "SECONDS")]
    overlap: Option<u32>,
}

impl Rotate {
    pub(super) async fn run(&self, hub: &Connection) -> anyhow::Result<()> {
        let body = self.overlap.map_or_else(|| json!({}), |seconds| json!({"overlap_seconds": seconds}));
        let call = Call::post(self.one.path(hub, "/rotate-secret").await?, body).with_idempotency_key();
        let answer = hub.send_with_retries(&call, hub.pace.asking, &Progress::new(self.one.json)).await?;
        output::print_answer(self.one.json, &answer, describe_with_secret)
    }
}

fn describe_with_secret(answer: &Value) -> String {
    format!("{}signing secret, shown only once: {}\n", describe(answer), text(answer, "/secret"))
}
