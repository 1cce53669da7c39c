//! `countersign request list`

use clap::Args;
use serde_json::Value;

use crate::approval::{Email, GroupName, ResourceName, who_asks};
use crate::channels::text::{cut, one_line};
use crate::cli::client::Client;
use crate::cli::output;
use crate::cli::pages::{self, Paging, Parameter, text, time};
use crate::time::Timestamp;

const STATUSES: [&str; 6] = ["pending", "approved", "rejected", "expired", "cancelled", "superseded"];

/// List requests, newest first
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign request list --waiting-for me
  countersign request list --status approved --resource orders-db --all --json")]
pub(super) struct List {
    /// Only requests with this status
    #[arg(long, value_name = "STATUS", value_parser = STATUSES)]
    status: Option<String>,
    /// Only requests for this resource
    #[arg(long, value_name = "NAME")]
    resource: Option<ResourceName>,
    /// Only requests by this person
    #[arg(long, value_name = "EMAIL")]
    requester: Option<Email>,
    /// Only requests that this person decided
    #[arg(long, value_name = "EMAIL")]
    approver: Option<Email>,
    /// Only requests with a slot for this group
    #[arg(long, value_name = "NAME")]
    group: Option<GroupName>,
    /// Only commands (action), or only access for a limited time (jit)
    #[arg(long, value_name = "KIND", value_parser = ["action", "jit"])]
    kind: Option<String>,
    /// Only requests created at this time or later, for example 2026-11-01T00:00:00Z
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// Only requests created before this time
    #[arg(long, value_name = "TIME")]
    to: Option<Timestamp>,
    /// Only requests that this person can decide now; "me" is the token's owner
    #[arg(long, value_name = "EMAIL|me")]
    waiting_for: Option<String>,
    #[command(flatten)]
    paging: Paging,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl List {
    pub(super) async fn run(&self, client: &Client) -> anyhow::Result<()> {
        let page = self.paging.read(&client.connect().await?, "/v1/requests", self.filters()).await?;
        output::print_answer(self.json, &page, describe)
    }

    fn filters(&self) -> Vec<Parameter> {
        let text = |value: Option<&dyn ToString>| value.map(ToString::to_string);
        vec![
            ("status", self.status.clone()),
            ("resource", text(self.resource.as_ref().map(|value| value as _))),
            ("requester", text(self.requester.as_ref().map(|value| value as _))),
            ("approver", text(self.approver.as_ref().map(|value| value as _))),
            ("group", text(self.group.as_ref().map(|value| value as _))),
            ("kind", self.kind.clone()),
            ("from", text(self.from.as_ref().map(|value| value as _))),
            ("to", text(self.to.as_ref().map(|value| value as _))),
            ("waiting_for", self.waiting_for.clone()),
        ]
    }
}

/// One line for each request.
fn describe(page: &Value) -> String {
    pages::lines(page, |item| {
        let part = |name: &str| item.pointer(&format!("/requester/{name}")).and_then(Value::as_str);
        let who = one_line(&who_asks(part("name"), part("email"), part("acting_for")));
        format!(
            "{}  {:<10}  {}  {:<16}  {who:<24}  {}",
            text(item, "/id"),
            text(item, "/status"),
            time(item, "/created_at"),
            text(item, "/resource"),
            short(text(item, "/command"))
        )
    })
}

/// The beginning of a command, to fit on the line.
fn short(command: &str) -> String {
    match cut(command, 60) {
        (whole, 0) => whole.to_owned(),
        (first, _) => format!("{first}…"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::shown::tests::sample;

    #[test]
    fn a_request_is_a_line() {
        let item = sample("select 1;\nselect 2;", &Value::Null, "pending");
        let text = describe(&json!({"items": [item], "next_cursor": "req_9"}));
        let line = "req_0190c0de0190c0de0190c0de0190c0de  pending     2026-11-21 22:00:00  orders-db         \
                    nora@example.com          select 1; ⏎ select 2;\nthere are more: use --all, or --cursor req_9\n";
        assert_eq!(text, line);
        assert_eq!(describe(&json!({"items": [], "next_cursor": null})), "none\n");
        assert_eq!(short(&"x".repeat(61)), format!("{}…", "x".repeat(60)));
    }
}
