//! What templates may call besides what Handlebars has built in. Each writes text that is safe inside a JSON string, or JSON.

use handlebars::{Context, Handlebars, Helper, HelperDef, HelperResult, Output, RenderContext, RenderErrorReason};
use serde_json::Value;

use super::Declaration;
use super::text::in_json;
use crate::time::Timestamp;

/// Adds all helpers, as the channel has them.
pub(super) fn register(registry: &mut Handlebars<'_>, channel: &Declaration) {
    let Declaration { plain, code, moment, .. } = *channel;
    registry.register_helper("plain", Box::new(Writes(move |value: &Value| Ok(plain(&text_of(value))))));
    registry.register_helper("code", Box::new(Writes(move |value: &Value| Ok(code(&text_of(value))))));
    registry.register_helper("exact", Box::new(Writes(|value: &Value| Ok(in_json(&text_of(value))))));
    registry.register_helper("json", Box::new(Writes(|value: &Value| Ok(value.to_string()))));
    registry.register_helper("moment", Box::new(Writes(move |value: &Value| Ok(in_json(&moment(time_of(value)?))))));
}

/// A helper that writes what it makes of its one parameter.
struct Writes<F>(F);

impl<F> HelperDef for Writes<F>
where
    F: Fn(&Value) -> Result<String, RenderErrorReason> + Send + Sync,
{
    fn call<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
        out: &mut dyn Output,
    ) -> HelperResult {
        out.write(&(self.0)(parameter(helper)?)?)?;
        Ok(())
    }
}

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

fn time_of(value: &Value) -> Result<Timestamp, RenderErrorReason> {
    let text = text_of(value);
    text.parse().map_err(|_| RenderErrorReason::Other(format!("moment wants an RFC 3339 time, not {text:?}")))
}
