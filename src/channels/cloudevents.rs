//! CloudEvents 1.0 in structured mode: another envelope around the data that custom endpoints receive.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::custom::{data, within_budget};
use super::{EventNotice, RenderError, Subject, TemplateSet, Validators};

/// Prefix of the event type, which must be unique over all sources.
const TYPE_PREFIX: &str = "countersign.";

/// The attributes in the order of the specification, then the data.
#[derive(Serialize)]
struct CloudEvent<'a> {
    specversion: &'static str,
    id: String,
    source: &'a str,
    r#type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    time: String,
    datacontenttype: &'static str,
    data: &'a RawValue,
}

pub(super) fn render(
    set: &TemplateSet,
    validators: &Validators,
    notice: &EventNotice<'_>,
    source: &str,
) -> Result<String, RenderError> {
    let unreadable = |error: serde_json::Error| RenderError::Subject(error.to_string());
    let data = RawValue::from_string(data(set, validators, notice)?).map_err(unreadable)?;
    let event = CloudEvent {
        specversion: "1.0",
        id: notice.id.to_string(),
        source,
        r#type: format!("{TYPE_PREFIX}{}", notice.kind),
        subject: subject(notice)?,
        time: notice.at.to_string(),
        datacontenttype: "application/json",
        data: &data,
    };
    within_budget(format!("custom/{}", notice.kind), serde_json::to_string(&event).map_err(unreadable)?)
}

/// The id of the event's request or endpoint.
fn subject(notice: &EventNotice<'_>) -> Result<Option<String>, RenderError> {
    #[derive(Deserialize)]
    struct Named {
        id: String,
    }
    let text = match notice.subject {
        Subject::Request(text) | Subject::Endpoint(text) => text,
        Subject::Nothing => return Ok(None),
    };
    let named: Named = serde_json::from_str(text).map_err(|error| RenderError::Subject(error.to_string()))?;
    Ok(Some(named.id))
}
