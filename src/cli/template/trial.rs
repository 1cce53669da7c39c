//! `countersign template check` and `preview`, which need no hub.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use serde_json::Value;

use crate::channels::samples::Sample;
use crate::channels::{Channels, FileTemplate, Override, Preview as Tried, Samples, is_name};
use crate::cli::output;
use crate::ids::TemplateId;
use crate::store::endpoints::Channel;
use crate::store::events::KINDS;
use crate::time::{Clock as _, SystemClock};

/// Try a template, or a folder of templates, with every sample; needs no hub. Exit code 1 when one fails
#[derive(Debug, Args)]
pub(super) struct Check {
    /// A folder of templates, laid out as for `serve --templates-dir`, or the channel of a single template
    #[arg(value_name = "FOLDER|CHANNEL")]
    what: String,
    /// The single template's event
    #[arg(value_name = "EVENT", requires = "file", value_parser = name)]
    event: Option<String>,
    /// The file with the single template's text
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// A folder of other templates to use with the single one
    #[arg(long, env = "COUNTERSIGN_TEMPLATES_DIR", value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// Print every sample's body, size and problem as JSON
    #[arg(long)]
    json: bool,
}

/// Render a template with a sample; needs no hub
#[derive(Debug, Args)]
pub(super) struct Preview {
    /// The channel
    #[arg(value_name = "CHANNEL", value_parser = channel)]
    channel: Channel,
    /// The event, `default`, or a part; see also --of
    #[arg(value_name = "EVENT", value_parser = name)]
    event: String,
    /// The file with the template's text [default: the built-in template]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// The kind of sample: plain, long, hostile, empty, right-to-left or many-groups
    #[arg(long, value_name = "SORT", default_value = "plain", value_parser = sort)]
    sample: Sample,
    /// The event of the sample [default: the template's own event; for a part, request.created]
    #[arg(long, value_name = "EVENT", value_parser = event)]
    of: Option<String>,
    /// A folder of other templates to use with this one
    #[arg(long, env = "COUNTERSIGN_TEMPLATES_DIR", value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

impl Check {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let tried = match (&self.event, &self.file) {
            (Some(event), Some(file)) => {
                let channel = channel(&self.what).map_err(anyhow::Error::msg)?;
                Channels::new(self.folder.as_deref())?.preview(channel, &[read(event, file)?], &Samples::of(event))
            }
            _ => check_folder(Path::new(&self.what))?,
        };
        let failed: Vec<&Tried> = tried.iter().filter(|one| one.problem.is_some()).collect();
        if self.json {
            output::print_exact(format!("{:#}\n", serde_json::to_value(&tried)?).as_bytes())?;
        } else {
            failed.iter().try_for_each(|one| output::print(&line(one)))?;
            let count = tried.len();
            let verdict = if failed.is_empty() { "all passed".to_owned() } else { format!("{} failed", failed.len()) };
            output::print(&format!("{count} samples tried: {verdict}\n"))?;
        }
        Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

impl Preview {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let template = self.file.as_ref().map(|file| read(&self.event, file)).transpose()?;
        let happens = self.of.as_deref().unwrap_or(&self.event);
        let mut samples = Samples::of(happens);
        if samples.events.len() > 1 {
            samples = Samples::of("request.created");
        }
        samples.sorts = vec![self.sample];
        let channels = Channels::new(self.folder.as_deref())?;
        let tried = channels.preview(self.channel, template.as_slice(), &samples);
        for one in &tried {
            match &one.body {
                Some(body) => {
                    output::print_exact(format!("{body:#}\n").as_bytes())?;
                    output::eprint(&format!("size {}, at most {}", one.size, one.budget));
                }
                None => output::eprint(line(one).trim_end()),
            }
        }
        let passed = tried.iter().all(|one| one.problem.is_none());
        Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn line(tried: &Tried) -> String {
    let detail = tried.problem.as_ref().map(|problem| problem.detail.as_str()).unwrap_or_default();
    format!("{}, {}: {detail}\n", tried.event, tried.sample)
}

/// Every template in the folder, with every sample of its channel.
fn check_folder(folder: &Path) -> anyhow::Result<Vec<Tried>> {
    let channels = Channels::new(Some(folder))?;
    let own = Channel::ALL.into_iter().filter(|channel| folder.join(channel.as_str()).is_dir());
    let mut tried: Vec<Tried> =
        own.flat_map(|channel| channels.preview(channel, &[], &Samples::of("default"))).collect();
    let files = channels.files();
    // The templates of the same endpoint or resource are tried together, once.
    for (place, file) in files.iter().enumerate() {
        let is_alike = |other: &&FileTemplate| (other.channel, &other.reach) == (file.channel, &file.reach);
        if files.iter().take(place).any(|other| is_alike(&other)) {
            continue;
        }
        let together: Vec<Override> = files.iter().filter(is_alike).map(|other| other.template.clone()).collect();
        tried.extend(channels.preview(file.channel, &together, &Samples::of("default")));
    }
    anyhow::ensure!(
        !tried.is_empty(),
        "there are no templates in {}: it has no folder named like a channel",
        folder.display()
    );
    Ok(tried)
}

/// Reads a file as the template of that name.
pub(super) fn read(name: &str, file: &Path) -> anyhow::Result<Override> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(Override { id: TemplateId::mint(SystemClock.now()), name: name.to_owned(), text: text.into(), strength: 0 })
}

/// Parses a channel's name.
pub(super) fn channel(name: &str) -> Result<Channel, String> {
    let found = Channel::ALL.into_iter().find(|channel| channel.as_str() == name);
    found.ok_or_else(|| format!("unknown channel: expected one of {}", Channel::ALL.map(Channel::as_str).join(", ")))
}

/// Parses a template's name.
pub(super) fn name(name: &str) -> Result<String, String> {
    let expected = "expected an event (docs/events.md), `default`, or a part (`_` and lower-case letters)";
    if is_name(name) { Ok(name.to_owned()) } else { Err(expected.to_owned()) }
}

fn event(name: &str) -> Result<String, String> {
    if KINDS.contains(&name) { Ok(name.to_owned()) } else { Err(format!("expected one of {}", KINDS.join(", "))) }
}

fn sort(name: &str) -> Result<Sample, String> {
    serde_json::from_value(Value::from(name))
        .map_err(|_| format!("expected one of {}", Sample::ALL.map(Sample::as_str).join(", ")))
}
