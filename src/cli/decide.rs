//! `countersign approve` and `countersign reject`

use clap::Args;
use serde_json::{Map, Value};

use super::client::Client;
use super::connection::{Call, Connection};
use super::output;
use super::request::summary;
use super::shown::{RequestStatus, Shown};
use super::waiting::path;
use crate::approval::{Digest, Email, GroupName};
use crate::channels::text::indented;
use crate::ids::RequestId;

/// Approve a request, or approve it with a changed command
#[derive(Debug, Args)]
#[command(after_help = "\
With --command, that text is approved and run instead of the requested command; earlier approvals of others no longer count.
Without --digest, the request is shown as it is now, and the vote is for exactly that. \
`countersign request show` shows the digest of the request.

Examples:
  countersign approve req_0190… --digest 4c051f… --reason 'Row count checked'
  countersign approve req_0190… --command \"psql -c 'delete from carts where age > 365'\"")]
pub(super) struct Approve {
    #[command(flatten)]
    vote: Vote,
    /// Approve this text instead of the requested command
    #[arg(long, value_name = "TEXT")]
    command: Option<String>,
    /// Approve access for this long instead
    #[arg(long, value_name = "SECONDS")]
    duration: Option<u32>,
}

/// Reject a request; enough rejections end it, also after approvals by others
#[derive(Debug, Args)]
pub(super) struct Reject {
    #[command(flatten)]
    vote: Vote,
}

/// The arguments of both commands.
#[derive(Debug, Args)]
struct Vote {
    /// The request's id
    id: RequestId,
    /// Vote for this group only [default: any that you may vote for]
    #[arg(long, value_name = "NAME")]
    group: Option<GroupName>,
    /// The reason for the vote
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// The digest you reviewed: the vote is refused if the request has changed since [default: the current digest]
    #[arg(long, value_name = "DIGEST")]
    digest: Option<Digest>,
    /// The person to vote for: with a token that has no owner, or as the stand-in of an absent person
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
        let hub = self.client.connect().await?;
        let answer = self.send(&hub, action, more).await?;
        let request = Shown::read(answer.clone(), Some(self.id))?;
        output::print_answer(self.json, &answer, |_| describe(&request))
    }

    async fn send(
        &self,
        hub: &Connection,
        action: &str,
        more: impl IntoIterator<Item = (&'static str, Option<Value>)>,
    ) -> anyhow::Result<Value> {
        let digest = match self.digest {
            Some(digest) => digest,
            None => self.show(hub).await?,
        };
        Ok(hub.send(&Call::post(path(self.id, action), self.body(digest, more))).await?)
    }

    /// Shows the current request on standard error, and returns its digest.
    async fn show(&self, hub: &Connection) -> anyhow::Result<Digest> {
        let answer = hub.send(&Call::get(path(self.id, ""))).await?;
        let request = Shown::read(answer, Some(self.id))?;
        output::eprint(format!("your vote is for this:\n{}", summary(&request)).trim_end());
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

/// The request after the vote.
fn describe(request: &Shown) -> String {
    if request.status == RequestStatus::Pending {
        return format!("the vote was recorded; more approvals are needed\n{}", summary(request));
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

    use super::super::caller::Caller;
    use super::super::connection::Pace;
    use super::super::shown::tests::sample;
    use super::*;

    /// A hub that answers each call with the same request, and records the bodies posted to it.
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
        (
            Connection::new(Caller::with_token(url.parse().unwrap(), "cs_test".to_owned().into()), Pace::default())
                .unwrap(),
            posted,
        )
    }

    #[tokio::test]
    async fn a_vote_is_for_the_shown_digest_unless_another_is_given() {
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
    fn the_request_after_a_vote_is_described() {
        let pending = Shown::read(sample("ls", &Value::Null, "pending"), None).unwrap();
        assert!(describe(&pending).starts_with("the vote was recorded; more approvals are needed\nreq_0190"));
        let mut approved = sample("ls", &Value::Null, "approved");
        approved["decision"] =
            json!({"outcome": "approved", "method": "votes", "reason": null, "by": ["dana@example.com"]});
        approved["change"] = json!({"by": null, "role": "requester", "reason": null, "diff": "-rm\n+ls"});
        let text = describe(&Shown::read(approved, None).unwrap());
        assert!(
            text.ends_with(": approved by dana@example.com\nchanged by the requester\n    -rm\n    +ls\n"),
            "{text}"
        );
    }
}
