//! `countersign template list`, `show`, `set`, `delete`, `versions` and `restore`: the templates stored in a running
//! hub.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};

use super::trial::{channel, name, read};
use crate::channels::text::one_line;
use crate::cli::connection::{Call, CallError, Connection};
use crate::cli::output;
use crate::cli::pages::{Paging, lines, text, time};
use crate::store::endpoints::Channel;

/// The arguments that name a template.
#[derive(Debug, Args)]
struct Which {
    /// The channel
    #[arg(value_name = "CHANNEL", value_parser = channel)]
    channel: Channel,
    /// The event, `default`, or a part
    #[arg(value_name = "EVENT", value_parser = name)]
    event: String,
    /// The template for this endpoint only, by its name or id
    #[arg(long, value_name = "ENDPOINT", conflicts_with = "resource")]
    endpoint: Option<String>,
    /// The template for this resource only
    #[arg(long, value_name = "RESOURCE")]
    resource: Option<String>,
}

impl Which {
    fn call(&self, method: Method, rest: &str, body: Option<Value>) -> Call {
        let path = format!("/v1/templates/{}/{}{rest}", self.channel.as_str(), self.event);
        let given = [("endpoint", &self.endpoint), ("resource", &self.resource)];
        let query = given.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect();
        Call::new(method, path, body).query(query)
    }
}

/// List the templates stored in the hub
#[derive(Debug, Args)]
pub(super) struct List {
    /// Print the hub's JSON
    #[arg(long)]
    json: bool,
}

/// Print a template's text: the stored one, or the one used when none is stored
#[derive(Debug, Args)]
pub(super) struct Show {
    #[command(flatten)]
    which: Which,
    /// Print the hub's JSON
    #[arg(long)]
    json: bool,
}

/// Store a template in the hub, which first tries it with every sample
#[derive(Debug, Args)]
pub(super) struct Set {
    #[command(flatten)]
    which: Which,
    /// The file with the template's text
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print the hub's JSON
    #[arg(long)]
    json: bool,
}

/// Delete a stored template; the hub then uses the next more general one
#[derive(Debug, Args)]
pub(super) struct Delete {
    #[command(flatten)]
    which: Which,
}

/// List the versions of a stored template, newest first
#[derive(Debug, Args)]
pub(super) struct Versions {
    #[command(flatten)]
    which: Which,
    /// Print the hub's JSON
    #[arg(long)]
    json: bool,
}

/// Restore an earlier version, as a new version
#[derive(Debug, Args)]
pub(super) struct Restore {
    #[command(flatten)]
    which: Which,
    /// The version's number
    #[arg(value_name = "VERSION")]
    version: u32,
    /// Print the hub's JSON
    #[arg(long)]
    json: bool,
}

impl List {
    pub(super) async fn run(&self, hub: &Connection) -> anyhow::Result<()> {
        let page = Paging::whole().read(hub, "/v1/templates", Vec::new()).await?;
        output::print_answer(self.json, &page, |page| lines(page, described))
    }
}

impl Show {
    pub(super) async fn run(&self, hub: &Connection) -> anyhow::Result<()> {
        let answer = hub.send(&self.which.call(Method::GET, "", None)).await?;
        if self.json {
            return output::print_answer(true, &answer, described);
        }
        output::print_exact(text(&answer, "/template").as_bytes())
    }
}

impl Set {
    pub(super) async fn run(&self, hub: &Connection) -> anyhow::Result<ExitCode> {
        let template = read(&self.which.event, &self.file)?;
        let call = self.which.call(Method::PUT, "", Some(json!({"template": &*template.text})));
        match hub.send(&call).await {
            Ok(answer) => output::print_answer(self.json, &answer, |answer| format!("{}\n", described(answer)))?,
            Err(CallError::Refused(problem)) => {
                output::eprint(&format!("countersign: {problem}"));
                output::eprint("nothing was changed; `countersign template check` lists all samples that fail");
                return Ok(ExitCode::FAILURE);
            }
            Err(error) => return Err(error.into()),
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Delete {
    pub(super) async fn run(&self, hub: &Connection) -> anyhow::Result<()> {
        hub.send(&self.which.call(Method::DELETE, "", None)).await?;
        output::print("deleted; its versions are kept\n")
    }
}

impl Versions {
    pub(super) async fn run(&self, hub: &Connection) -> anyhow::Result<()> {
        let answer = hub.send(&self.which.call(Method::GET, "/versions", None)).await?;
        output::print_answer(self.json, &answer, |answer| lines(answer, version))
    }
}

impl Restore {
    pub(super) async fn run(&self, hub: &Connection) -> anyhow::Result<()> {
        let call = self.which.call(Method::POST, "/restore", Some(json!({"version": self.version})));
        let answer = hub.send(&call).await?;
        output::print_answer(self.json, &answer, |answer| format!("{}\n", described(answer)))
    }
}

fn described(template: &Value) -> String {
    let named = |pointer| template.pointer(pointer).and_then(Value::as_str);
    let reach = match (named("/endpoint/id"), named("/resource")) {
        (Some(id), _) => format!("  for endpoint {}", one_line(named("/endpoint/name").unwrap_or(id))),
        (None, Some(resource)) => format!("  for resource {}", one_line(resource)),
        (None, None) => String::new(),
    };
    let kept = template.get("version").filter(|version| version.is_object()).map(version).unwrap_or_default();
    format!("{:<12}{:<24}{kept}{reach}", text(template, "/channel"), text(template, "/event"))
}

fn version(version: &Value) -> String {
    let number = |name: &str| version.get(name).and_then(Value::as_u64).unwrap_or_default();
    let is_gone = version.get("is_deletion").and_then(Value::as_bool) == Some(true);
    let what = if is_gone { "deleted".to_owned() } else { format!("{} bytes", number("bytes")) };
    let author = one_line(text(version, "/author"));
    format!("version {:<4}  {}  {what:<12}  by {author}", number("number"), time(version, "/created_at"))
}
