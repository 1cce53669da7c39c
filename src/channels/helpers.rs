//! What templates may call besides what Handlebars has built in. Each writes text that is safe inside a JSON string, or JSON.

use handlebars::{Context, Handlebars, Helper, HelperDef, HelperResult, Output, RenderContext, RenderErrorReason};
use serde_json::Value;

use super::Declaration;
use super::text::in_json;
use crate::time::Timestamp;

/// Adds all helpers, as the channel has them.
pub(super) fn register(registry: &mut Handlebars<'_>, channel: &Declaration) {
    registry.register_helper("plain", Box::new(Written(channel.plain)));
    registry.register_helper("code", Box::new(Written(channel.code)));
    registry.register_helper("exact", Box::new(exact));
    registry.register_helper("json", Box::new(json));
    registry.register_helper("moment", Box::new(moment));
}

type Rendering<'reg, 'rc> = RenderContext<'reg, 'rc>;

fn parameter<'rc>(helper: &'rc Helper<'_>) -> Result<&'rc Value, RenderErrorReason> {
    let parameter = helper.param(0).ok_or(RenderErrorReason::ParamNotFoundForIndex("helper", 0))?;
    if parameter.is_value_missing() {
        let path = parameter.relative_path().cloned();
        return Err(RenderErrorReason::MissingVariable(path));
    }
    Ok(parameter.value())
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Writes text in the channel's way.
struct Written(fn(&str) -> String);

impl HelperDef for Written {
    fn call<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut Rendering<'reg, 'rc>,
        out: &mut dyn Output,
    ) -> HelperResult {
        out.write(&(self.0)(&text_of(parameter(helper)?)))?;
        Ok(())
    }
}

fn exact(
    helper: &Helper<'_>,
    _: &Handlebars<'_>,
    _: &Context,
    _: &mut Rendering<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    out.write(&in_json(&text_of(parameter(helper)?)))?;
    Ok(())
}

fn json(
    helper: &Helper<'_>,
    _: &Handlebars<'_>,
    _: &Context,
    _: &mut Rendering<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    out.write(&parameter(helper)?.to_string())?;
    Ok(())
}

/// Adaptive Cards' own date and time functions, which want whole seconds.
fn moment(
    helper: &Helper<'_>,
    _: &Handlebars<'_>,
    _: &Context,
    _: &mut Rendering<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    let text = text_of(parameter(helper)?);
    let at: Timestamp =
        text.parse().map_err(|_| RenderErrorReason::Other(format!("moment wants an RFC 3339 time, not {text:?}")))?;
    let seconds = Timestamp::from_micros(at.as_seconds() * 1_000_000);
    out.write(&format!("{{{{DATE({seconds}, SHORT)}}}} {{{{TIME({seconds})}}}}"))?;
    Ok(())
}
