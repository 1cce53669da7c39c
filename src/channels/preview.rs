//! Templates tried out with events that never happened.

use serde::Serialize;
use serde_json::Value;

use super::samples::{Example, Sample};
use super::slack_app::{PostMode, Posting};
use super::templates::{FileTemplate, Override, RenderError};
use super::{Channels, Declaration, Manner, TemplateSet};
use crate::store::endpoints::Channel;
use crate::store::events::KINDS;

/// Bytes of bodies that are told; those beyond are measured alone.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// Which events a template is tried with, and which sorts of each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Samples {
    /// Kinds of events.
    pub events: Vec<&'static str>,
    /// Sorts.
    pub sorts: Vec<Sample>,
}

/// What a template makes of a sample.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Preview {
    /// The kind of event.
    pub event: &'static str,
    /// Which sort.
    pub sample: &'static str,
    /// What would be sent; none when the template fails, or when the bodies before it were very long.
    pub body: Option<Value>,
    /// Its size, as the channel counts; 0 when the template fails.
    pub size: usize,
    /// The most that the channel takes.
    pub budget: usize,
    /// What is wrong.
    pub problem: Option<PreviewProblem>,
}

/// What is wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PreviewProblem {
    /// Which template: the channel and the event, or a part.
    pub template: Option<String>,
    /// The line in it, from 1; none when no line can be named.
    pub line: Option<usize>,
    /// In words.
    pub detail: String,
}

impl From<&RenderError> for PreviewProblem {
    fn from(error: &RenderError) -> Self {
        let template = error.template().map(str::to_owned);
        Self { template, line: error.line(), detail: error.to_string() }
    }
}

impl Samples {
    /// All that a template of that name takes part in.
    pub fn of(name: &str) -> Self {
        let events = match KINDS.iter().find(|kind| **kind == name) {
            Some(kind) => vec![*kind],
            None => KINDS.to_vec(),
        };
        Self { events, sorts: Sample::ALL.to_vec() }
    }
}

impl Channels {
    /// An operator's files that are for an endpoint or a resource.
    pub fn files(&self) -> &[FileTemplate] {
        self.templates.reaches()
    }

    /// The text that serves as the template of that name where nothing is kept in the database, and whether it is built in.
    pub fn below(&self, channel: Channel, name: &str) -> Option<(String, bool)> {
        self.templates.below(channel, name)
    }

    /// What the channel's templates, with these over them, make of samples. Nothing falls back. When they cannot even be put
    /// together, the first sample alone says so.
    pub fn preview(&self, channel: Channel, overrides: &[Override], samples: &Samples) -> Vec<Preview> {
        let each = samples.events.iter().flat_map(|event| samples.sorts.iter().map(move |sort| (*event, *sort)));
        match self.templates.try_out(channel, overrides) {
            Ok(set) => {
                let (mut previews, mut bytes) = (Vec::new(), 0);
                for (event, sort) in each {
                    let said = self.sample(&set, event, sort);
                    let is_too_long = said.as_ref().is_err_and(RenderError::is_too_long);
                    bytes += said.as_ref().map_or(0, String::len);
                    let mut tried = preview(channel, event, sort, said);
                    tried.body = tried.body.filter(|_| bytes <= MOST_BYTES);
                    previews.push(tried);
                    // The next ones would take as long.
                    if is_too_long {
                        break;
                    }
                }
                previews
            }
            // They fail for all samples alike.
            Err(error) => {
                each.take(1).map(|(event, sort)| preview(channel, event, sort, Err(error.clone().into()))).collect()
            }
        }
    }

    fn sample(&self, set: &TemplateSet, event: &str, sort: Sample) -> Result<String, RenderError> {
        let posting =
            Posting { address: "C0123456789".to_owned(), mode: PostMode::New, shows_links: true, needs_page: false };
        let is_called = set.declaration().receipt.is_some();
        let manner = if is_called { Manner::Call(&posting) } else { Manner::Body };
        self.by(set, manner, &Example::new(event, sort).notice()).map(|call| call.body)
    }
}

fn preview(channel: Channel, event: &'static str, sort: Sample, said: Result<String, RenderError>) -> Preview {
    let budget = Declaration::of(channel).budget;
    let text = said.as_deref().unwrap_or_default();
    let body: Option<Value> = serde_json::from_str(text).ok();
    let size = budget.size(text);
    let problem = said.as_ref().err().map(PreviewProblem::from);
    Preview { event, sample: sort.as_str(), body, size, budget: budget.most, problem }
}
