//! What templates may call besides what Handlebars has built in. Each writes text that is safe inside a JSON string, or JSON.

use handlebars::{Context, Handlebars, Helper, HelperResult, Output, RenderContext, RenderErrorReason};
use serde_json::Value;

use super::text::{in_json, visible};
use crate::time::Timestamp;

/// Adds all helpers.
pub(super) fn register(registry: &mut Handlebars<'_>) {
    registry.register_helper("plain", Box::new(plain));
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

fn plain(
    helper: &Helper<'_>,
    _: &Handlebars<'_>,
    _: &Context,
    _: &mut Rendering<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    out.write(&in_json(&for_text_run(&visible(&text_of(parameter(helper)?)))))?;
    Ok(())
}

/// What a `TextRun` needs beyond [`visible`]: clients put dates in place of `{{DATE(…)}}` there too, do not break long words, and
/// fold spaces. All is cured by characters that look like nothing or like a space, put in after every one that was there before
/// has been written out.
fn for_text_run(text: &str) -> String {
    const WORD_JOINER: char = '\u{2060}';
    const BREAK_HERE: char = '\u{200b}';
    const LONG_WORD: usize = 24;
    let mut shown = String::with_capacity(text.len());
    let mut word = 0;
    let mut previous = ' ';
    for character in text.chars() {
        word = if character.is_whitespace() { 0 } else { word + 1 };
        if word > LONG_WORD {
            shown.push(BREAK_HERE);
            word = 1;
        }
        if (previous, character) == ('{', '{') {
            shown.push(WORD_JOINER);
        }
        // A line of its own would look like one of the card's.
        if character == '\n' {
            shown.push_str(" ⏎ ");
            previous = ' ';
            continue;
        }
        shown.push(if (previous, character) == (' ', ' ') { '\u{a0}' } else { character });
        previous = character;
    }
    shown
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

#[cfg(test)]
mod tests {
    use super::for_text_run;

    #[test]
    fn a_text_run_is_neither_a_date_nor_one_long_word_nor_folded() {
        assert_eq!(for_text_run("{{DATE(x)}}"), "{\u{2060}{DATE(x)}}");
        assert_eq!(for_text_run("a\n\nApproved"), "a ⏎  ⏎ Approved");
        assert_eq!(for_text_run("  a  b"), "\u{a0}\u{a0}a \u{a0}b");
        assert_eq!(for_text_run(&"x".repeat(30)), format!("{}\u{200b}{}", "x".repeat(24), "x".repeat(6)));
    }
}
