//! `countersign apply`

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use reqwest::Method;
use serde_json::Value;

use super::client::Client;
use super::output;
use crate::hub::Manifest;
use crate::shape::read_toml;

/// The most names of each kind that are listed as not in the file.
const SHOWN: usize = 20;

/// Apply a file of groups, people, resources, endpoints and templates to a running hub. Entries that are not in the
/// file are kept. Either all changes are made, or none.
#[derive(Debug, Args)]
pub(super) struct Apply {
    /// The TOML file; see examples/hub.toml
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,
    /// Only print what would change
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
        // Parsed as the hub's own type first: its errors have line numbers.
        if let Err(error) = read_toml::<Manifest>(&text) {
            anyhow::bail!("{path}: {}", error.to_string().trim_end());
        }
        let mut manifest: toml::Value = read_toml(&text).with_context(|| format!("cannot read {path}"))?;
        read_templates(&mut manifest, &self.file)?;
        let call = self.client.call(Method::POST, "/v1/apply").await?;
        let call = call.query(&[("dry_run", self.dry_run)]).json(&manifest);
        let plan: Value = self.client.send(call).await?.json().await?;
        if self.json {
            return output::print_exact(format!("{plan:#}\n").as_bytes());
        }
        output::print(&describe(&plan))
    }
}

/// Replaces the `file` of each template by the file's text. Paths are relative to the manifest.
fn read_templates(manifest: &mut toml::Value, from: &Path) -> anyhow::Result<()> {
    let templates = manifest.get_mut("templates").and_then(toml::Value::as_array_mut);
    for template in templates.into_iter().flatten().filter_map(toml::Value::as_table_mut) {
        let Some(toml::Value::String(file)) = template.remove("file") else { continue };
        anyhow::ensure!(
            !template.contains_key("template"),
            "a template must have either `template` or `file`, not both: {file}"
        );
        let path = from.parent().unwrap_or_else(|| Path::new("")).join(file);
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        template.insert("template".to_owned(), text.into());
    }
    Ok(())
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
            lines.push_str(&format!("            signing secret, shown only once: {secret}\n"));
        }
    }
    for warning in items("warnings") {
        lines.push_str(&format!("warning: {}\n", warning.as_str().unwrap_or_default()));
    }
    let unnamed = items("unnamed");
    for kind in ["group", "person", "resource", "endpoint", "template"] {
        let names: Vec<String> =
            unnamed.iter().filter(|one| text(one, "kind") == kind).map(|one| text(one, "name")).collect();
        if !names.is_empty() {
            let rest = names.len().saturating_sub(SHOWN);
            let more = if rest > 0 { format!(", and {rest} more, see --json") } else { String::new() };
            let names: Vec<&str> = names.iter().take(SHOWN).map(String::as_str).collect();
            lines.push_str(&format!("not in this file, kept: {kind} {}{more}\n", names.join(", ")));
        }
    }
    let applied = plan.get("applied").and_then(Value::as_bool).unwrap_or_default();
    lines.push_str(if applied { "applied\n" } else { "dry run: nothing was changed\n" });
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_not_in_the_file_are_listed_up_to_a_limit() {
        let unnamed: Vec<Value> =
            (0..22).map(|number| serde_json::json!({"kind": "group", "name": format!("g{number}")})).collect();
        let text = describe(&serde_json::json!({"applied": true, "changes": [], "warnings": [], "unnamed": unnamed}));
        assert!(text.starts_with("not in this file, kept: group g0, g1, "), "{text}");
        assert!(text.ends_with("g19, and 2 more, see --json\napplied\n"), "{text}");
    }

    #[test]
    fn a_manifest_is_parsed_and_its_errors_have_their_line() {
        assert!(read_toml::<Manifest>(include_str!("../../examples/hub.toml")).is_ok());
        for (text, line, says) in [
            ("\nendpoints = 5", "line 2", "expected an array, not a number"),
            ("[groups]\ndba = [\"dana@example.com\"]", "line 2", "expected an object, not an array"),
            ("[[endpoints]]\nchannel = \"fax\"", "line 2", "unknown variant `fax`"),
            ("[resources.a]\nslots = []\ncontext_schema = { const = nan }", "line 3", "nan and inf are not allowed"),
            (
                "[people]\n\"a@b.example\" = { name = \"A\" }\n\"A@B.example\" = { name = \"B\" }",
                "line 1",
                "a@b.example is listed twice",
            ),
        ] {
            let error = read_toml::<Manifest>(text).expect_err(text).to_string();
            assert!(error.contains(line) && error.contains(says), "{error}");
        }
    }
}
