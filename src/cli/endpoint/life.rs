//! `countersign endpoint pause`, `resume`, `rotate-links` and `rotate-secret`

use clap::Args;
use serde_json::{Value, json};

use super::One;
use super::show::{describe, show};
use crate::cli::connection::{Call, Connection};
use crate::cli::output;
use crate::cli::pages::text;
use crate::cli::progress::Progress;

/// Pauses or resumes.
pub(super) async fn act(hub: &Connection, one: &One, action: &str) -> anyhow::Result<()> {
    show(hub, one, Call::post(one.path(hub, action).await?, json!({}))).await
}

/// Calls back every link that an endpoint was sent, once however often the call is repeated.
pub(super) async fn call_back(hub: &Connection, one: &One) -> anyhow::Result<()> {
    let call = Call::post(one.path(hub, "/rotate-links").await?, json!({})).once();
    let answer = hub.insist(&call, hub.pace.asking, &Progress::new(one.json)).await?;
    output::print_answer(one.json, &answer, |answer| {
        format!(
            "{}links sent so far are dead; `countersign endpoint replay` sends messages again with good ones\n",
            describe(answer)
        )
    })
}

/// Give a custom endpoint a new signing secret, which is shown this once.
#[derive(Debug, Args)]
#[command(after_help = "\
Until the overlap is over, messages carry a signature by the old secret too: teach the receiver the new one in that time.
With --overlap 0, all earlier secrets end at once.")]
pub(super) struct Rotate {
    #[command(flatten)]
    one: One,
    /// How long the old secret signs besides, up to 30 days [default: a day]
    #[arg(long, value_name = "SECONDS")]
    overlap: Option<u32>,
}

impl Rotate {
    pub(super) async fn run(&self, hub: &Connection) -> anyhow::Result<()> {
        let body = self.overlap.map_or_else(|| json!({}), |seconds| json!({"overlap_seconds": seconds}));
        let call = Call::post(self.one.path(hub, "/rotate-secret").await?, body).once();
        let answer = hub.insist(&call, hub.pace.asking, &Progress::new(self.one.json)).await?;
        output::print_answer(self.one.json, &answer, told)
    }
}

fn told(answer: &Value) -> String {
    format!("{}signing secret, shown this once: {}\n", describe(answer), text(answer, "/secret"))
}
