//! `countersign approve` and `countersign reject`

use clap::Args;
use serde_json::{Map, Value};

use super::client::Client;
use super::connection::{Call, Connection};
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
With --command, that text is approved and run in place of what was asked for; earlier approvals of others no longer count.
Without --digest, the request is shown as it is read now, and the vote is for that and nothing else. \
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
    /// What you looked at: the vote is refused if the request is something else by now [default: what is shown now]
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
        let answer = self.send(&hub, action, more).await?;
        let request = Shown::read(answer.clone(), Some(self.id))?;
        output::print_answer(self.json, &answer, |_| told(&request))
    }

    async fn send(
        &self,
        hub: &Connection,
        action: &str,
        more: impl IntoIterator<Item = (&'static str, Option<Value>)>,
    ) -> anyhow::Result<Value> {
        let digest = match self.digest {
            Some(digest) => digest,
            None => self.look(hub).await?,
        };
        Ok(hub.send(&Call::post(path(self.id, action), self.body(digest, more))).await?)
    }

    /// Shows the request on standard error as it is now; answers what is then voted on.
    async fn look(&self, hub: &Connection) -> anyhow::Result<Digest> {
        let read = hub.send(&Call::get(path(self.id, ""))).await?;
        let request = Shown::read(read, Some(self.id))?;
        output::tell(format!("your vote is for this:\n{}", summary(&request)).trim_end());
        Ok(request.digest)
    }

    fn body(&self, digest: Digest, more: impl IntoIterator<Item = (&'static str, Option<Value>)>) -> Value {
        let own = [
            ("group", self.group.as_ref().map(|group| group.to_string().into())),
            ("reason", self.reason.as_deref().map(Value::from)),
            ("digest", Some(digest.to_string().into())),
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
    use std::sync::{Arc, Mutex};

    use axum::body::Bytes;
    use serde_json::json;

    use super::super::connection::Pace;
    use super::super::shown::tests::sample;
    use super::*;

    /// Answers each call with the same request; keeps what is posted.
    async fn hub(request: Value) -> (Connection, Arc<Mutex<Vec<Value>>>) {
        let posted = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&posted);
        let serve = move |body: Bytes| {
            kept.lock().unwrap().extend(serde_json::from_slice::<Value>(&body));
            std::future::ready(axum::Json(request.clone()))
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(serve)).await });
        (Connection::new(url.parse().unwrap(), "cs_test".to_owned().into(), Pace::default()).unwrap(), posted)
    }

    #[tokio::test]
    async fn a_vote_is_for_what_was_shown_unless_a_digest_is_named() {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            vote: Vote,
        }
        let request = sample("ls", &Value::Null, "pending");
        let id = request["id"].as_str().unwrap().to_owned();
        let (hub, posted) = hub(request.clone()).await;
        let other = "0".repeat(64);
        for (more, digest) in [(vec![], request["digest"].clone()), (vec!["--digest", &other], json!(other))] {
            let line = [vec!["x", &id, "--token", "cs_test"], more].concat();
            let Line { vote } = clap::Parser::parse_from(line);
            vote.send(&hub, "/approve", []).await.unwrap();
            assert_eq!(posted.lock().unwrap().pop(), Some(json!({"digest": digest})));
        }
    }

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
