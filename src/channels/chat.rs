//! How a chat channel renders: with less text until the message fits.

use serde_json::Value;

use super::view::{Room, of_endpoint, of_request};
use super::{Declaration, Notice, RenderError, Subject, TemplateSet, Validators, mentions};

/// Times that the texts are halved before giving up.
const HALVINGS: u32 = 6;

pub(super) fn render(
    declaration: &Declaration,
    room: Room,
    set: &TemplateSet,
    validators: &Validators,
    notice: &Notice<'_>,
) -> Result<String, RenderError> {
    fitted(declaration, room, set, validators, notice).map(|fitted| fitted.text)
}

/// A message that fits.
pub(super) struct Fitted {
    /// Its body, as compact JSON.
    pub(super) text: String,
    /// What the template saw.
    pub(super) seen: Value,
    /// All that there was to see.
    pub(super) told: Told,
}

/// The message, with as much text as fits.
pub(super) fn fitted(
    declaration: &Declaration,
    room: Room,
    set: &TemplateSet,
    validators: &Validators,
    notice: &Notice<'_>,
) -> Result<Fitted, RenderError> {
    let told = Told::read(notice)?;
    let mut refused = RenderError::Missing(notice.kind.to_owned());
    for halvings in 0..=HALVINGS {
        let mut seen = told.seen(room.halved(halvings), notice);
        match fitting(declaration, set, validators, notice.kind, &mut seen) {
            Err(error @ (RenderError::TooBig { .. } | RenderError::Schema { .. })) => refused = error,
            result => return result.map(|text| Fitted { text, seen, told }),
        }
    }
    Err(refused)
}

/// What templates see of it.
pub(super) fn seen(room: Room, notice: &Notice<'_>) -> Result<Value, RenderError> {
    Ok(Told::read(notice)?.seen(room, notice))
}

/// What a notice is about, read.
pub(super) enum Told {
    /// A request, as far as it may leave.
    Request(Value),
    /// An endpoint, or nothing.
    Endpoint(Value),
}

impl Told {
    fn read(notice: &Notice<'_>) -> Result<Self, RenderError> {
        Ok(match notice.subject {
            Subject::Request(text) => Self::Request(notice.read(text)?),
            Subject::Endpoint(text) => Self::Endpoint(notice.read(text)?),
            Subject::Nothing => Self::Endpoint(Value::Null),
        })
    }

    fn seen(&self, room: Room, notice: &Notice<'_>) -> Value {
        match self {
            Self::Request(request) => of_request(notice, request, room),
            Self::Endpoint(endpoint) => of_endpoint(notice, endpoint),
        }
    }
}

/// The body as compact JSON, when it is what the channel takes.
fn fitting(
    declaration: &Declaration,
    set: &TemplateSet,
    validators: &Validators,
    kind: &str,
    data: &mut Value,
) -> Result<String, RenderError> {
    let output = set.render(kind, data)?;
    // Some limits are the schema's: how long a text of the message may be, how many there may be. Where they are not, what a built-in
    // template renders is valid whatever the text: that is seen to where time does not count.
    let text = if declaration.is_bounded_by_schema || !set.is_built_in() || cfg!(debug_assertions) {
        let body = output.body();
        let schema = declaration.schema;
        validators.check(schema, &body).map_err(|violation| output.refused(schema, violation, data))?;
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
