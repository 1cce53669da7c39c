//! `countersign apply`

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use super::client::Client;
use super::output;
use crate::hub::Manifest;
use crate::shape::Shaped;

/// Make a running hub's groups, people, resources and endpoints what a file says. What the file does not name stays as it is.
/// Everything is changed, or nothing.
#[derive(Debug, Args)]
pub(super) struct Apply {
    /// The file, in TOML; see examples/hub.toml
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,
    /// Only say what would change
    #[arg(long)]
    dry_run: bool,
    /// Print the plan as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    client: Client,
}

impl Apply {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let path = self.file.display();
        let text = std::fs::read_to_string(&self.file).with_context(|| format!("cannot read {path}"))?;
        // The hub's own reader first: it knows the line.
        if let Err(error) = read(&text) {
            anyhow::bail!("{path}: {}", error.to_string().trim_end());
        }
        let manifest: toml::Value = toml::from_str(&text).with_context(|| format!("cannot read {path}"))?;
        let call = self.client.call(Method::POST, "/v1/apply")?;
        let call = call.query(&[("dry_run", self.dry_run)]).json(&manifest);
        let plan: Value = self.client.send(call).await?.json().await?;
        if self.json {
            return output::print_exact(format!("{plan:#}\n").as_bytes());
        }
        output::print(&describe(&plan))
    }
}

fn read(text: &str) -> Result<Manifest, toml::de::Error> {
    Manifest::deserialize(Shaped(toml::Deserializer::parse(text)?))
}

fn describe(plan: &Value) -> String {
    let mut lines = String::new();
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let items = |name: &str| plan.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    for change in items("changes") {
        let mark = match text(&change, "verb").as_str() {
            "create" => "+ create",
            "update" => "~ update",
            _ => "  keep  ",
        };
        lines.push_str(&format!("{mark}  {} {}\n", text(&change, "kind"), text(&change, "name")));
        if let Some(secret) = change.get("secret").and_then(Value::as_str) {
            lines.push_str(&format!("            signing secret, shown this once: {secret}\n"));
        }
    }
    for warning in items("warnings") {
        lines.push_str(&format!("warning: {}\n", warning.as_str().unwrap_or_default()));
    }
    let applied = plan.get("applied").and_then(Value::as_bool).unwrap_or_default();
    lines.push_str(if applied { "applied\n" } else { "dry run: nothing was changed\n" });
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_read_and_its_faults_are_told_with_their_line() {
        assert!(read(include_str!("../../examples/hub.toml")).is_ok());
        for (text, line, says) in [
            ("\nendpoints = 5", "line 2", "expected an array, not a number"),
            ("[groups]\ndba = [\"dana@example.com\"]", "line 2", "expected an object, not an array"),
            ("[[endpoints]]\nchannel = \"fax\"", "line 2", "unknown variant `fax`"),
        ] {
            let error = read(text).expect_err(text).to_string();
            assert!(error.contains(line) && error.contains(says), "{error}");
        }
    }
}
