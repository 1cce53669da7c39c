//! `countersign request create`, and the JSON body of a new request.

use std::collections::BTreeMap;

use anyhow::Context as _;
use clap::Args;
use serde::Deserialize as _;
use serde_json::{Map, Value};

use super::summary::summary;
use crate::approval::{Email, Payload, ResourceName};
use crate::cli::client::Client;
use crate::cli::connection::Call;
use crate::cli::output;
use crate::cli::progress::Progress;
use crate::cli::shown::Shown;
use crate::shape::{Shaped, without_mark};

/// Create a request and print it, without waiting for the decision
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign request create --resource orders-db --language sql \\
    --command 'delete from carts' --reason 'Old carts'
  countersign request create --resource orders-db --duration 3600 --reason 'On call'")]
pub(super) struct Create {
    /// The resource that the command acts on, or that access is requested to
    #[arg(long, value_name = "NAME")]
    resource: ResourceName,
    /// The exact text that would run; optional with --duration
    #[arg(
        long,
        value_name = "TEXT",
        required_unless_present = "duration",
        default_value = "",
        hide_default_value = true
    )]
    command: String,
    /// Language of the command, for example sql
    #[arg(long, value_name = "NAME")]
    language: Option<String>,
    /// More facts for the approvers
    #[arg(long, value_name = "JSON", value_parser = parse_json)]
    context: Option<Value>,
    /// The reason, shown to the approvers
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Request access for this time instead of a single command
    #[arg(long, value_name = "SECONDS")]
    duration: Option<u32>,
    /// A label; may be repeated
    #[arg(long = "label", value_name = "NAME=TEXT", value_parser = label)]
    labels: Vec<(String, String)>,
    /// Time until the request expires [default: the resource's timeout]
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u32>,
    /// The person who asks [default: the token's owner]
    #[arg(long, value_name = "EMAIL")]
    requester: Option<Email>,
    /// Print the hub's JSON
    #[arg(long)]
    json: bool,
}

impl Create {
    pub(super) async fn run(&self, client: &Client) -> anyhow::Result<()> {
        let payload = Payload {
            command: self.command.clone(),
            language: self.language.clone(),
            context: self.context.clone().filter(|context| !context.is_null()),
            duration_seconds: self.duration,
        };
        let input = RequestInput {
            resource: &self.resource,
            payload: &payload,
            reason: self.reason.as_deref(),
            labels: &self.labels,
            timeout: self.timeout,
            requester: self.requester.as_ref(),
        };
        let hub = client.connect().await?;
        let call = Call::post("/v1/requests", body(&input)).with_idempotency_key();
        let answer = hub.send_with_retries(&call, hub.pace.asking, &Progress::new(self.json)).await?;
        let request = Shown::read(answer.clone(), None).context("the request may have been created nevertheless")?;
        output::print_answer(self.json, &answer, |_| summary(&request))
    }
}

/// The input of a new request.
pub(in crate::cli) struct RequestInput<'a> {
    pub(in crate::cli) resource: &'a ResourceName,
    pub(in crate::cli) payload: &'a Payload,
    pub(in crate::cli) reason: Option<&'a str>,
    pub(in crate::cli) labels: &'a [(String, String)],
    pub(in crate::cli) timeout: Option<u32>,
    pub(in crate::cli) requester: Option<&'a Email>,
}

/// The JSON body of a new request. Fields without a value are left out, so that an older hub accepts it too.
pub(in crate::cli) fn body(input: &RequestInput<'_>) -> Value {
    let RequestInput { resource, payload, reason, labels, timeout, requester } = input;
    let labels: BTreeMap<&str, &str> = labels.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let kind = if payload.duration_seconds.is_some() { "jit" } else { "action" };
    let members = [
        ("resource", Some(resource.to_string().into())),
        ("kind", Some(kind.into())),
        ("command", Some(payload.command.as_str().into())),
        ("language", payload.language.as_deref().map(Value::from)),
        ("context", payload.context.clone()),
        ("duration_seconds", payload.duration_seconds.map(Value::from)),
        ("reason", reason.map(Value::from)),
        ("labels", (!labels.is_empty()).then(|| serde_json::json!(labels))),
        ("timeout_seconds", timeout.map(Value::from)),
        ("requester", requester.map(|email| serde_json::json!({"email": email}))),
    ];
    Value::Object(Map::from_iter(
        members.into_iter().filter_map(|(name, value)| value.map(|value| (name.to_owned(), value))),
    ))
}

/// Parses a label on the command line.
pub(in crate::cli) fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, text)) if !name.is_empty() => Ok((name.to_owned(), text.to_owned())),
        _ => Err("expected name=text".to_owned()),
    }
}

/// Parses JSON on the command line.
pub(in crate::cli) fn parse_json(text: &str) -> Result<Value, String> {
    let mut json = serde_json::Deserializer::from_str(without_mark(text));
    let value = Value::deserialize(Shaped(&mut json)).and_then(|value| json.end().map(|()| value));
    value.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_without_a_value_are_left_out() {
        let payload = Payload { command: "ls".to_owned(), language: None, context: None, duration_seconds: None };
        let resource = "orders-db".parse().unwrap();
        let input = RequestInput {
            resource: &resource,
            payload: &payload,
            reason: None,
            labels: &[],
            timeout: None,
            requester: None,
        };
        assert_eq!(body(&input), json!({"resource": "orders-db", "kind": "action", "command": "ls"}));
        let payload = Payload {
            command: String::new(),
            language: Some("sql".to_owned()),
            context: Some(json!([1])),
            duration_seconds: Some(60),
        };
        let email = "Nora@example.com".parse().unwrap();
        let labels = [label("team=a=b").unwrap()];
        let input = RequestInput {
            payload: &payload,
            reason: Some("why"),
            labels: &labels,
            timeout: Some(9),
            requester: Some(&email),
            ..input
        };
        let expected = json!({
            "resource": "orders-db", "kind": "jit", "command": "", "language": "sql", "context": [1], "duration_seconds": 60,
            "reason": "why", "labels": {"team": "a=b"}, "timeout_seconds": 9, "requester": {"email": "nora@example.com"},
        });
        assert_eq!(body(&input), expected);
    }

    #[test]
    fn labels_have_a_name() {
        assert_eq!(label("a="), Ok(("a".to_owned(), String::new())));
        for wrong in ["", "a", "=b"] {
            assert!(label(wrong).is_err(), "{wrong:?}");
        }
        assert!(parse_json("{").is_err());
    }
}
