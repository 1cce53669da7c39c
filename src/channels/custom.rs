//! Custom endpoints: the event whole and exact, as Standard Webhooks 1.0 lays it out.

use serde_json::json;

use super::schema::EVENT;
use super::{Notice, RenderError, Templates, Validators};
use crate::store::endpoints::Channel;

/// Standard Webhooks advises to stay small; a request's own limits keep well below this.
const BUDGET: usize = 1024 * 1024;

pub(super) fn render(
    templates: &Templates,
    validators: &Validators,
    notice: &Notice<'_>,
) -> Result<String, RenderError> {
    let data = json!({
        "event": {"id": notice.id, "type": notice.kind, "at": notice.at},
        "request": notice.request,
        "links": notice.links,
    });
    let (name, text, body) = templates.render(Channel::Custom, notice.kind, &data)?;
    validators.check(&name, EVENT, &body)?;
    // Sent compact, so that white space in a template costs nobody anything.
    let compact = body.to_string();
    if compact.len() > BUDGET {
        return Err(RenderError::TooBig { name, size: text.len(), budget: BUDGET });
    }
    Ok(compact)
}
