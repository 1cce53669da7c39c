//! `countersign approve` and `countersign reject`

use clap::Args;
use serde_json::{Map, Value};

use super::client::Client;
use super::connection::Call;
use super::output;
use super::request::summary;
use super::shown::{Shown, Standing};
use super::waiting::path;
use crate::approval::{Digest, Email, GroupName};
use crate::channels::text::indented;
use crate::ids::RequestId;

/// Approve a request, or something else in its place
#[derive(Debug, Args)]
#[command(after_help = "\
With --command, that text is approved and run in place of what was asked for; earlier approvals of others no longer count. \
`countersign request show` says the digest of what you look at.

Examples:
  countersign approve req_0190… --digest 4c051f… --reason 'Row count checked'
  countersign approve req_0190… --command \"psql -c 'delete from carts where age > 365'\"")]
pub(super) struct Approve {
    #[command(flatten)]
    vote: Vote,
    /// Approve this text in place of the one asked for
    #[arg(long, value_name = "TEXT")]
    command: Option<String>,
    /// Approve access for this long, and no longer
    #[arg(long, value_name = "SECONDS")]
    duration: Option<u32>,
}

/// Reject a request; it ends at once, whoever approved it before
#[derive(Debug, Args)]
pub(super) struct Reject {
    #[command(flatten)]
    vote: Vote,
}

/// What both have.
#[derive(Debug, Args)]
struct Vote {
    /// The request
    id: RequestId,
    /// Vote for this group only [default: any that you may vote for]
    #[arg(long, value_name = "NAME")]
    group: Option<GroupName>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// What you looked at: the vote is refused if the request is something else by now
    #[arg(long, value_name = "DIGEST")]
    digest: Option<Digest>,
    /// Whose vote it is: with a token that belongs to no person, or in the place of somebody who is away
    #[arg(long, value_name = "EMAIL")]
    on_behalf_of: Option<Email>,
    /// Print the hub's JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    client: Client,
}

impl Approve {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let more = [("command", self.command.map(Value::from)), ("duration_seconds", self.duration.map(Value::from))];
        self.vote.cast("/approve", more).await
    }
}

impl Reject {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        self.vote.cast("/reject", []).await
    }
}

impl Vote {
    async fn cast(
        self,
        action: &str,
        more: impl IntoIterator<Item = (&'static str, Option<Value>)>,
    ) -> anyhow::Result<()> {
        let hub = self.client.connect()?;
        let answer = hub.send(&Call::post(path(self.id, action), self.body(more))).await?;
        let request = Shown::read(answer.clone(), Some(self.id))?;
        output::print_answer(self.json, &answer, |_| told(&request))
    }

    fn body(&self, more: impl IntoIterator<Item = (&'static str, Option<Value>)>) -> Value {
        let own = [
            ("group", self.group.as_ref().map(|group| group.to_string().into())),
            ("reason", self.reason.as_deref().map(Value::from)),
            ("digest", self.digest.map(|digest| digest.to_string().into())),
            ("on_behalf_of", self.on_behalf_of.as_ref().map(|email| email.to_string().into())),
        ];
        let given = own.into_iter().chain(more).filter_map(|(name, value)| value.map(|value| (name.to_owned(), value)));
        Value::Object(Map::from_iter(given))
    }
}

/// What the vote led to.
fn told(request: &Shown) -> String {
    if request.status == Standing::Pending {
        return format!("the vote counts, others are still missing\n{}", summary(request));
    }
    let change =
        request.change.as_ref().map(|change| format!("changed by {}{}\n", change.who(), indented(&change.diff)));
    format!("{}\n{}", request.outcome(), change.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::shown::tests::sample;
    use super::*;

    #[test]
    fn a_vote_is_told() {
        let pending = Shown::read(sample("ls", &Value::Null, "pending"), None).unwrap();
        assert!(told(&pending).starts_with("the vote counts, others are still missing\nreq_0190"));
        let mut approved = sample("ls", &Value::Null, "approved");
        approved["decision"] =
            json!({"outcome": "approved", "method": "votes", "reason": null, "by": ["dana@example.com"]});
        approved["change"] = json!({"by": null, "role": "requester", "reason": null, "diff": "-rm\n+ls"});
        let text = told(&Shown::read(approved, None).unwrap());
        assert!(
            text.ends_with(": approved by dana@example.com\nchanged by the requester\n    -rm\n    +ls\n"),
            "{text}"
        );
    }
}
