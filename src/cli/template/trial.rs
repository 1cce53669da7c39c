//! `countersign template check` and `preview`: here, without a hub.

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

/// What is tried.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// A folder of templates, laid out as for `serve --templates-dir`, or the channel of a single template
    #[arg(value_name = "FOLDER|CHANNEL")]
    what: String,
    /// The single template's event
    #[arg(value_name = "EVENT", requires = "file", value_parser = name)]
    event: Option<String>,
    /// Its text
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// A folder of templates that the single one lies over
    #[arg(long, env = "COUNTERSIGN_TEMPLATES_DIR", value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// Print JSON: every sample's body, size and problem
    #[arg(long)]
    json: bool,
}

/// What is rendered.
#[derive(Debug, Args)]
pub(super) struct Preview {
    /// The channel
    #[arg(value_name = "CHANNEL", value_parser = channel)]
    channel: Channel,
    /// The event; of a part, see --of
    #[arg(value_name = "EVENT", value_parser = name)]
    event: String,
    /// The template's text [default: the built-in one]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// The sort of sample: plain, long, hostile, empty, right-to-left or many-groups
    #[arg(long, value_name = "SORT", default_value = "plain", value_parser = sort)]
    sample: Sample,
    /// The event that happens; the template's own, or for a part request.created
    #[arg(long, value_name = "EVENT", value_parser = event)]
    of: Option<String>,
    /// A folder of templates that this one lies over
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
            let verdict = if failed.is_empty() { "all well" } else { "some fail" };
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
                    output::tell(&format!("{} of {} at most", one.size, one.budget));
                }
                None => output::tell(line(one).trim_end()),
            }
        }
        let is_well = tried.iter().all(|one| one.problem.is_none());
        Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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
    // Those for one endpoint or resource are tried together, once.
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

/// A text as a template of that name.
pub(super) fn read(name: &str, file: &Path) -> anyhow::Result<Override> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(Override { id: TemplateId::mint(SystemClock.now()), name: name.to_owned(), text: text.into(), strength: 0 })
}

/// A channel by its name.
pub(super) fn channel(name: &str) -> Result<Channel, String> {
    let found = Channel::ALL.into_iter().find(|channel| channel.as_str() == name);
    found.ok_or_else(|| format!("a channel is one of {}", Channel::ALL.map(Channel::as_str).join(", ")))
}

/// A template's name.
pub(super) fn name(name: &str) -> Result<String, String> {
    let what = "an event (docs/events.md), `default`, or a part (`_` and small letters)";
    if is_name(name) { Ok(name.to_owned()) } else { Err(what.to_owned()) }
}

fn event(name: &str) -> Result<String, String> {
    if KINDS.contains(&name) { Ok(name.to_owned()) } else { Err(format!("one of {}", KINDS.join(", "))) }
}

fn sort(name: &str) -> Result<Sample, String> {
    serde_json::from_value(Value::from(name))
        .map_err(|_| format!("one of {}", Sample::ALL.map(Sample::as_str).join(", ")))
}
