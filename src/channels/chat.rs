//! Rendering for chat channels: shortens the texts until the message fits.

use serde_json::Value;

use super::view::{MessageLimits, of_endpoint, of_request};
use super::{Declaration, EventNotice, RenderError, Subject, TemplateSet, Validators, mentions};

/// How often the texts are halved before rendering fails.
const HALVINGS: u32 = 6;

pub(super) fn render(
    declaration: &Declaration,
    limits: MessageLimits,
    set: &TemplateSet,
    validators: &Validators,
    notice: &EventNotice<'_>,
) -> Result<String, RenderError> {
    fitted(declaration, limits, set, validators, notice).map(|fitted| fitted.text)
}

/// A rendered message within the channel's limits.
pub(super) struct Fitted {
    /// The body as compact JSON.
    pub(super) text: String,
    /// The template's input.
    pub(super) data: Value,
    /// The event's subject, uncut.
    pub(super) subject: SubjectData,
}

/// Renders the message with as much text as fits.
pub(super) fn fitted(
    declaration: &Declaration,
    limits: MessageLimits,
    set: &TemplateSet,
    validators: &Validators,
    notice: &EventNotice<'_>,
) -> Result<Fitted, RenderError> {
    let subject = SubjectData::read(notice)?;
    let mut last_error = RenderError::Missing(notice.kind.to_owned());
    for halvings in 0..=HALVINGS {
        let mut data = subject.template_data(limits.halved(halvings), notice);
        match fitting(declaration, set, validators, notice.kind, &mut data) {
            Err(error @ (RenderError::TooBig { .. } | RenderError::Schema { .. })) => last_error = error,
            result => return result.map(|text| Fitted { text, data, subject }),
        }
    }
    Err(last_error)
}

/// The template input for an event, cut to `limits`.
pub(super) fn template_data(limits: MessageLimits, notice: &EventNotice<'_>) -> Result<Value, RenderError> {
    Ok(SubjectData::read(notice)?.template_data(limits, notice))
}

/// The parsed subject of an event.
pub(super) enum SubjectData {
    /// A request, already redacted for the endpoint.
    Request(Value),
    /// An endpoint, or `null` for events without a subject.
    Endpoint(Value),
}

impl SubjectData {
    fn read(notice: &EventNotice<'_>) -> Result<Self, RenderError> {
        Ok(match notice.subject {
            Subject::Request(text) => Self::Request(notice.read(text)?),
            Subject::Endpoint(text) => Self::Endpoint(notice.read(text)?),
            Subject::Nothing => Self::Endpoint(Value::Null),
        })
    }

    fn template_data(&self, limits: MessageLimits, notice: &EventNotice<'_>) -> Value {
        match self {
            Self::Request(request) => of_request(notice, request, limits),
            Self::Endpoint(endpoint) => of_endpoint(notice, endpoint),
        }
    }
}

/// Renders the body as compact JSON and checks it against the channel's schema and budget.
fn fitting(
    declaration: &Declaration,
    set: &TemplateSet,
    validators: &Validators,
    kind: &str,
    data: &mut Value,
) -> Result<String, RenderError> {
    let output = set.render(kind, data)?;
    // Some schemas limit the length and number of texts. Where the schema does not, a built-in template renders valid
    // JSON for any text: tests and debug builds check this, a release build does not spend the time.
    let text = if declaration.is_bounded_by_schema || !set.is_built_in() || cfg!(debug_assertions) {
        let body = output.body();
        let schema = declaration.schema;
        validators.check(schema, &body).map_err(|violation| output.schema_error(schema, violation, data))?;
        if !set.is_built_in() {
            mentions::check(declaration.channel, &output, &body, data)?;
        }
        body.to_string()
    } else {
        output.compact()
    };
    let budget = declaration.budget;
    let size = budget.size(&text);
    if size > budget.most {
        return Err(RenderError::TooBig { name: output.name(), size, budget: budget.most });
    }
    Ok(text)
}
