//! Custom endpoints: the complete, exact event in the format of Standard Webhooks 1.0.

use serde_json::{Value, json};

use super::declaration::Budget;
use super::schema::EVENT;
use super::templates::built_in::built_in;
use super::text::{in_json, visible};
use super::{Declaration, EventNotice, RenderError, Subject, TemplateSet, Validators};
use crate::store::endpoints::Channel;

pub(super) const CUSTOM: Declaration = Declaration {
    channel: Channel::Custom,
    // A program reads it, so only JSON needs escaping.
    escape: in_json,
    plain: |text| in_json(&visible(text)),
    code: |text| in_json(&visible(text)),
    moment: |at| at.to_string(),
    // JSON has no link markup: the URL alone.
    link: |url, _| in_json(url),
    schema: EVENT,
    is_bounded_by_schema: false,
    // Standard Webhooks advises small bodies; the limits of a request keep bodies well below this.
    budget: Budget::bytes(1024 * 1024),
    rate_per_second: None,
    concurrency: 32,
    limits: None,
    templates: built_in!("custom", ["default"]),
    meaning: |_, _| None,
    wait_header: None,
    query: &[],
    receipt: None,
    short: None,
};

pub(super) fn render(
    set: &TemplateSet,
    validators: &Validators,
    notice: &EventNotice<'_>,
) -> Result<String, RenderError> {
    if set.is_built_in() {
        return plain(notice);
    }
    // Sent as compact JSON, so that white space in a template costs nothing.
    let (name, body) = by_template(set, validators, notice)?;
    within_budget(name, body.to_string())
}

/// `data` of the body, as JSON text.
pub(super) fn data(
    set: &TemplateSet,
    validators: &Validators,
    notice: &EventNotice<'_>,
) -> Result<String, RenderError> {
    if set.is_built_in() {
        return plain_data(notice);
    }
    let (_, body) = by_template(set, validators, notice)?;
    // The schema requires the member.
    Ok(body.get("data").unwrap_or(&Value::Null).to_string())
}

/// Renders with an operator's template. Returns the template's name and the body.
fn by_template(
    set: &TemplateSet,
    validators: &Validators,
    notice: &EventNotice<'_>,
) -> Result<(String, Value), RenderError> {
    let (request, endpoint) = match notice.subject {
        Subject::Request(text) => (notice.read(text)?, Value::Null),
        Subject::Endpoint(text) => (Value::Null, notice.read(text)?),
        Subject::Nothing => (Value::Null, Value::Null),
    };
    let mut data = json!({
        "event": {"id": notice.id, "type": notice.kind, "at": notice.at},
        "request": request,
        "endpoint": endpoint,
        "links": notice.links,
        "redaction": notice.withheld,
    });
    let output = set.render(notice.kind, &mut data)?;
    let body = output.body();
    match validators.check(EVENT, &body) {
        Ok(()) => Ok((output.name(), body)),
        Err(violation) => Err(output.schema_error(EVENT, violation, &mut data)),
    }
}

/// Writes what the built-in template renders, without parsing the request: a fast path for most deliveries. A test
/// compares both.
fn plain(notice: &EventNotice<'_>) -> Result<String, RenderError> {
    let data = plain_data(notice)?;
    // Event kinds and times contain no characters that JSON escapes.
    let body = format!("{{\"type\":\"{}\",\"timestamp\":\"{}\",\"data\":{data}}}", notice.kind, notice.at);
    within_budget(format!("custom/{}", notice.kind), body)
}

fn plain_data(notice: &EventNotice<'_>) -> Result<String, RenderError> {
    let unreadable = |error: serde_json::Error| RenderError::Subject(error.to_string());
    Ok(match notice.subject {
        Subject::Request(text) => {
            let links = serde_json::to_string(&notice.links).map_err(unreadable)?;
            let redaction = match &notice.withheld {
                Some(withheld) => {
                    format!(",\"redaction\":{}", serde_json::to_string(withheld).map_err(unreadable)?)
                }
                None => String::new(),
            };
            format!("{{\"request\":{text},\"links\":{links}{redaction}}}")
        }
        Subject::Endpoint(text) => format!("{{\"endpoint\":{text}}}"),
        Subject::Nothing => "{}".to_owned(),
    })
}

/// Returns the body, unless it exceeds the budget.
pub(super) fn within_budget(name: String, body: String) -> Result<String, RenderError> {
    let budget = CUSTOM.budget.most;
    if body.len() > budget {
        return Err(RenderError::TooBig { name, size: body.len(), budget });
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::super::redact::Withheld;
    use super::super::templates::Templates;
    use super::super::{Links, SlotLinks};
    use super::*;
    use crate::approval::Detail;
    use crate::ids::EventId;
    use crate::time::Timestamp;

    fn notice<'n>(kind: &'n str, subject: Subject<'n>, links: Links) -> EventNotice<'n> {
        let at = Timestamp::from_micros(1_700_000_000_000_001);
        EventNotice { id: EventId::mint(at), kind, at, subject, withheld: None, links }
    }

    #[test]
    fn the_fast_path_writes_what_the_template_renders() {
        let (templates, validators) = (Templates::load(None).expect("loads"), Validators::new().expect("compiles"));
        let set = templates.layers(Channel::Custom, &[]).next().expect("a set").expect("compiles");
        let slot = SlotLinks {
            group: "dba".to_owned(),
            review: "https://hub.example.com/c/x".to_owned(),
            approve: None,
            reject: None,
        };
        let text = r#"{"command":"select \"ä\u0000\" {{x}} </script>","n":1.50}"#;
        let endpoint = r#"{"id":"ep_0190a1b2c3d47e5f8a9b0c1d2e3f4a5b","name":"x","channel":"custom","state":"active","url":"…","reason":null}"#;
        for notice in [
            notice("request.created", Subject::Request(text), Links::of(vec![slot])),
            notice("request.approved", Subject::Request(text), Links::default()),
            EventNotice {
                withheld: Some(Withheld { detail: Detail::Redacted, hidden: 3 }),
                ..notice("request.approved", Subject::Request(text), Links::default())
            },
            notice("endpoint.disabled", Subject::Endpoint(endpoint), Links::default()),
            notice("ping", Subject::Nothing, Links::default()),
        ] {
            let short: Value = serde_json::from_str(&plain(&notice).expect("renders")).expect("JSON");
            let read = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
            let (request, endpoint) = match notice.subject {
                Subject::Request(text) => (read(text), Value::Null),
                Subject::Endpoint(text) => (Value::Null, read(text)),
                Subject::Nothing => (Value::Null, Value::Null),
            };
            let event = json!({"id": notice.id, "type": notice.kind, "at": notice.at});
            let mut data = json!({
                "event": event, "request": request, "endpoint": endpoint, "links": notice.links, "redaction": notice.withheld,
            });
            let long = set.render(notice.kind, &mut data).expect("renders");
            assert_eq!(short, long.body(), "{}", notice.kind);
            if !matches!(notice.subject, Subject::Request(_)) {
                validators.check(EVENT, &short).expect("valid");
            }
        }
    }
}
