//! Previews: renders templates with sample events.

use serde::Serialize;
use serde_json::Value;

use super::samples::{Example, Sample};
use super::slack_app::{PostMode, Posting};
use super::templates::{FileTemplate, Override, RenderError};
use super::{Channels, Declaration, MessageFormat, TemplateSet};
use crate::store::endpoints::Channel;
use crate::store::events::KINDS;

/// Most bytes of bodies in one result; bodies beyond it are measured but left out.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// The events and sorts of samples that a template is tried with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Samples {
    pub events: Vec<&'static str>,
    pub sorts: Vec<Sample>,
}

/// The result of rendering one sample.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Preview {
    pub event: &'static str,
    pub sample: &'static str,
    /// The rendered body; `None` when the template fails, or when the bodies before it were very large.
    pub body: Option<Value>,
    /// The body's size, in the channel's measure; 0 when the template fails.
    pub size: usize,
    /// The channel's largest size.
    pub budget: usize,
    pub problem: Option<PreviewProblem>,
}

/// A fault of a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PreviewProblem {
    /// Channel and name of the template or part.
    pub template: Option<String>,
    /// Line, from 1, where known.
    pub line: Option<usize>,
    pub detail: String,
}

impl From<&RenderError> for PreviewProblem {
    fn from(error: &RenderError) -> Self {
        let template = error.template().map(str::to_owned);
        Self { template, line: error.line(), detail: error.to_string() }
    }
}

impl Samples {
    /// All samples that can use a template of that name.
    pub fn of(name: &str) -> Self {
        let events = match KINDS.iter().find(|kind| **kind == name) {
            Some(kind) => vec![*kind],
            None => KINDS.to_vec(),
        };
        Self { events, sorts: Sample::ALL.to_vec() }
    }
}

impl Channels {
    /// The operator's template files for single endpoints and resources.
    pub fn files(&self) -> &[FileTemplate] {
        self.templates.reaches()
    }

    /// Returns the template text below the templates in the database, and whether it is built in.
    pub fn below(&self, channel: Channel, name: &str) -> Option<(String, bool)> {
        self.templates.below(channel, name)
    }

    /// Renders samples with the channel's templates and `overrides` on top, without falling back. When the templates
    /// cannot be expanded, only the first sample is returned, with the error.
    pub fn preview(&self, channel: Channel, overrides: &[Override], samples: &Samples) -> Vec<Preview> {
        let each = samples.events.iter().flat_map(|event| samples.sorts.iter().map(move |sort| (*event, *sort)));
        match self.templates.try_out(channel, overrides) {
            Ok(set) => {
                let (mut previews, mut bytes) = (Vec::new(), 0);
                for (event, sort) in each {
                    let rendered = self.sample(&set, event, sort);
                    let is_too_long = rendered.as_ref().is_err_and(RenderError::is_too_long);
                    bytes += rendered.as_ref().map_or(0, String::len);
                    let mut tried = preview(channel, event, sort, rendered);
                    tried.body = tried.body.filter(|_| bytes <= MOST_BYTES);
                    previews.push(tried);
                    // The other samples would take as long.
                    if is_too_long {
                        break;
                    }
                }
                previews
            }
            // All samples fail in the same way.
            Err(error) => {
                each.take(1).map(|(event, sort)| preview(channel, event, sort, Err(error.clone().into()))).collect()
            }
        }
    }

    fn sample(&self, set: &TemplateSet, event: &str, sort: Sample) -> Result<String, RenderError> {
        let posting =
            Posting { address: "C0123456789".to_owned(), mode: PostMode::New, shows_links: true, needs_page: false };
        let is_called = set.declaration().receipt.is_some();
        let format = if is_called { MessageFormat::Call(&posting) } else { MessageFormat::Body };
        self.render_with(set, format, &Example::new(event, sort).notice()).map(|call| call.body)
    }
}

fn preview(channel: Channel, event: &'static str, sort: Sample, rendered: Result<String, RenderError>) -> Preview {
    let budget = Declaration::of(channel).budget;
    let text = rendered.as_deref().unwrap_or_default();
    let body: Option<Value> = serde_json::from_str(text).ok();
    let size = budget.size(text);
    let problem = rendered.as_ref().err().map(PreviewProblem::from);
    Preview { event, sample: sort.as_str(), body, size, budget: budget.most, problem }
}
