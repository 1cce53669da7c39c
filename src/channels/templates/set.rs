//! A set of templates of one channel: the built-in ones, and those of an operator over them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use handlebars::template::{HelperTemplate, Template, TemplateElement};
use handlebars::{Context, Handlebars, RenderContext, RenderErrorReason, Renderable, WriteOutput};
use serde::de::IgnoredAny;
use serde_json::Value;

use super::error::{RenderError, SyntaxError};
use super::expand::{Expanded, Parts, expand, place};
use super::fuel::TOO_LONG;
use super::kept::DEFAULT;
use super::origin::{marking, of_value};
use super::source::TemplateSource;
use super::{fuel, helpers, lines};
use crate::channels::Declaration;
use crate::channels::schema::Violation;
use crate::channels::text::shortened;

/// Most bytes of an error's detail, which may quote a value.
const MAX_DETAIL: usize = 300;

/// Template sources by name of the event or part.
pub(super) type Sources = BTreeMap<String, Arc<TemplateSource>>;

/// The templates of one channel, each expanded on first use.
pub struct TemplateSet {
    pub(super) declaration: &'static Declaration,
    pub(super) sources: Sources,
    registry: Handlebars<'static>,
    compiled: BTreeMap<String, CompiledTemplate>,
    is_built_in: bool,
}

/// A template of the set, expanded on first use.
#[derive(Default)]
struct CompiledTemplate {
    expanded: OnceLock<Result<Expanded, SyntaxError>>,
    /// Set when a rendering took too long; the template is then not rendered again.
    is_stopped: AtomicBool,
}

/// The output of a template: a valid JSON text.
pub(in crate::channels) struct RenderedTemplate<'s> {
    set: &'s TemplateSet,
    /// The template's name in the set.
    key: &'s str,
    text: String,
}

impl TemplateSet {
    pub(super) fn new(declaration: &'static Declaration, sources: Sources, is_built_in: bool) -> Self {
        // Parts are not rendered alone, and some require a block.
        let events = sources.keys().filter(|name| !name.starts_with('_'));
        let compiled = events.map(|name| (name.clone(), CompiledTemplate::default())).collect();
        Self { declaration, registry: registry(declaration), compiled, sources, is_built_in }
    }

    /// Expands all templates.
    ///
    /// # Errors
    /// A template cannot be expanded.
    pub(super) fn check(&self) -> Result<(), SyntaxError> {
        self.compiled.keys().try_for_each(|key| match self.expanded(key) {
            Some(Err(error)) => Err(error.clone()),
            _ => Ok(()),
        })
    }

    pub(in crate::channels) const fn declaration(&self) -> &'static Declaration {
        self.declaration
    }

    /// Whether the set contains no template of an operator.
    pub(in crate::channels) const fn is_built_in(&self) -> bool {
        self.is_built_in
    }

    /// Renders the template for `event`, or `default`. Leaves `data` unchanged.
    ///
    /// # Errors
    /// The template fails, is missing, or renders invalid JSON.
    pub(in crate::channels) fn render<'s>(
        &'s self,
        event: &'s str,
        data: &mut Value,
    ) -> Result<RenderedTemplate<'s>, RenderError> {
        let key = if self.compiled.contains_key(event) { event } else { DEFAULT };
        let missing = || RenderError::Missing(format!("{}/{event}", self.declaration.channel.as_str()));
        let slot = self.compiled.get(key).ok_or_else(missing)?;
        let expanded = self.expanded(key).ok_or_else(missing)?.as_ref().map_err(|error| error.clone())?;
        if slot.is_stopped.load(Ordering::Relaxed) {
            let detail = format!("{TOO_LONG}, and is not rendered again until it is changed or the hub restarts");
            return Err(RenderError::Template { name: self.named(key, 0).0, line: 0, detail });
        }
        let text = lent(data, |context| {
            let text = self.write(expanded, context).map_err(|error| {
                let (name, line) = self.named(key, error.line_no.unwrap_or(0));
                let error = RenderError::Template { name, line, detail: detail_of(error.reason()) };
                // Built-in templates are never stopped: they terminate, and there is nothing below them.
                slot.is_stopped.fetch_or(!self.is_built_in && error.is_too_long(), Ordering::Relaxed);
                error
            })?;
            match serde_json::from_str::<IgnoredAny>(&text) {
                Ok(_) => Ok(text),
                Err(error) => {
                    let (name, line) = self.line(key, context, &text, lines::place_of_error(&text, &error));
                    Err(RenderError::NotJson { name, line, detail: error.to_string() })
                }
            }
        })?;
        Ok(RenderedTemplate { set: self, key, text })
    }

    fn write(&self, expanded: &Expanded, context: &Context) -> Result<String, handlebars::RenderError> {
        fuel::fill(expanded.elements, !self.is_built_in);
        let mut written = fuel::OutputBuffer::new();
        let mut output = WriteOutput::new(&mut written);
        expanded.template.render(&self.registry, context, &mut RenderContext::new(None), &mut output)?;
        Ok(written.into_text())
    }

    /// Renders a template, without checking for JSON.
    #[cfg(test)]
    pub(super) fn text(&self, key: &str, data: &mut Value) -> Result<String, String> {
        let expanded = self.expanded(key).ok_or(key)?.as_ref().map_err(ToString::to_string)?;
        lent(data, |context| self.write(expanded, context)).map_err(|error| error.to_string())
    }

    fn expanded(&self, key: &str) -> Option<&Result<Expanded, SyntaxError>> {
        let slot = self.compiled.get(key)?;
        Some(slot.expanded.get_or_init(|| expand(&Ordered { sources: &self.sources, twins: None }, key)))
    }

    /// The template's name and line that rendered a place of the text.
    fn line(&self, key: &str, context: &Context, text: &str, at: usize) -> (String, usize) {
        let twin_of = |(number, source): (usize, &Arc<TemplateSource>)| match source.marked() {
            Some(marked) => number_marks(&marked, number),
            None => source.template.clone(),
        };
        let twins = self.sources.values().enumerate().map(twin_of).collect();
        let twin = expand(&Ordered { sources: &self.sources, twins: Some(twins) }, key);
        let marked = twin.ok().and_then(|twin| self.write(&twin, context).ok());
        let line = marked.and_then(|marked| lines::at(text, &marked, at));
        self.named(key, line.unwrap_or(0))
    }

    /// Resolves a line of an expanded template to the template's name and its own line.
    fn named(&self, key: &str, line: usize) -> (String, usize) {
        let (number, line) = place(line);
        let source = if line > 0 { self.sources.values().nth(number) } else { self.sources.get(key) };
        (source.map(|source| source.name.clone()).unwrap_or_default(), line)
    }
}

impl RenderedTemplate<'_> {
    /// The output, parsed.
    pub(in crate::channels) fn body(&self) -> Value {
        // `render` checked that it is JSON.
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// The output as compact JSON.
    pub(in crate::channels) fn compact(&self) -> String {
        compact(&self.text)
    }

    pub(in crate::channels) fn name(&self) -> String {
        self.set.named(self.key, 0).0
    }

    /// Renders again with marks around the text of values ([`MARK`](super::origin::MARK)). `None` when the result is
    /// not JSON.
    pub(in crate::channels) fn marked(&self, data: &mut Value) -> Option<Value> {
        let expanded = self.set.expanded(self.key)?.as_ref().ok()?;
        let marked = lent(data, |context| marking(|| self.set.write(expanded, context))).ok()?;
        serde_json::from_str(&marked).ok()
    }

    /// The template's name and line that rendered the value at a JSON Pointer.
    pub(in crate::channels) fn place(&self, pointer: &str, data: &mut Value) -> (String, usize) {
        match lines::place_of_pointer(&self.text, pointer) {
            // The first character of a line belongs to that line, not to the end of the line before.
            Some(at) => lent(data, |context| self.set.line(self.key, context, &self.text, at + 1)),
            None => (self.name(), 0),
        }
    }

    /// The error of a body that does not match a schema.
    pub(in crate::channels) fn schema_error(
        &self,
        schema: &'static str,
        violation: Violation,
        data: &mut Value,
    ) -> RenderError {
        let Violation { path, rule } = violation;
        let (name, line) = self.place(&path, data);
        RenderError::Schema { name, line, schema, path, detail: rule }
    }
}

fn detail_of(reason: &RenderErrorReason) -> String {
    let detail = match reason {
        RenderErrorReason::MissingVariable(Some(name)) => format!("there is no value {name}"),
        RenderErrorReason::ParamNotFoundForIndex(helper, index) => {
            format!("there is no value for parameter {} of {helper}", index + 1)
        }
        RenderErrorReason::MissingVariable(None) => "there is no value: add an {{else}}".to_owned(),
        other => other.to_string(),
    };
    shortened(&detail, MAX_DETAIL)
}

/// Removes the white space between JSON tokens.
fn compact(json: &str) -> String {
    let mut compact = String::with_capacity(json.len());
    let mut rest = json;
    while let Some((before, string)) = rest.split_once('"') {
        compact.extend(before.split_ascii_whitespace());
        // A quote after an odd number of backslashes does not end the string.
        let escaped =
            |end: &usize| string.as_bytes().iter().take(*end).rev().take_while(|byte| **byte == b'\\').count() % 2 == 1;
        let end = string.match_indices('"').map(|(end, _)| end).find(|end| !escaped(end)).unwrap_or(string.len());
        let (string, behind) = string.split_at(end);
        compact.push('"');
        compact.push_str(string);
        compact.push('"');
        rest = behind.get(1..).unwrap_or_default();
    }
    compact.extend(rest.split_ascii_whitespace());
    compact
}

/// Lends the data to a context, which would otherwise copy it.
fn lent<T>(data: &mut Value, with: impl FnOnce(&Context) -> T) -> T {
    let mut context = Context::null();
    std::mem::swap(context.data_mut(), data);
    let result = with(&context);
    std::mem::swap(context.data_mut(), data);
    result
}

pub(super) fn registry(declaration: &'static Declaration) -> Handlebars<'static> {
    let mut registry = Handlebars::new();
    registry.set_strict_mode(true);
    registry.register_escape_fn(|text| of_value((declaration.escape)(text)));
    helpers::register(&mut registry, declaration);
    registry
}

/// Sources, numbered by name.
struct Ordered<'s> {
    sources: &'s Sources,
    /// Twins to expand in place of the sources' templates, by number.
    twins: Option<Vec<Template>>,
}

impl Parts for Ordered<'_> {
    fn find(&self, name: &str) -> Option<(usize, &Template)> {
        let (number, (_, source)) = self.sources.iter().enumerate().find(|(_, (known, _))| *known == name)?;
        let twin = self.twins.as_ref().and_then(|twins| twins.get(number));
        Some((number, twin.unwrap_or(&source.template)))
    }

    fn name_of(&self, number: usize) -> &str {
        self.sources.values().nth(number).map(|source| source.name.as_str()).unwrap_or_default()
    }
}

/// Adds the template's number to the marks of its twin.
fn number_marks(template: &Template, number: usize) -> Template {
    let mut numbered = template.clone();
    for element in &mut numbered.elements {
        match element {
            TemplateElement::RawString(text) => *text = lines::numbered(text, number),
            TemplateElement::HelperBlock(helper) => number_in_block(helper, number),
            TemplateElement::PartialBlock(part) => {
                part.template = part.template.as_ref().map(|inner| number_marks(inner, number));
            }
            _ => {}
        }
    }
    numbered
}

fn number_in_block(helper: &mut HelperTemplate, number: usize) {
    for inner in [&mut helper.template, &mut helper.inverse].into_iter().flatten() {
        *inner = number_marks(inner, number);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn compact_json_keeps_white_space_in_strings() {
        let text = "{\n \"a b\" : [ 1,\ttrue , \"x \\\" : y\\\\\" , \"\" ],\r\n\"c\":null }";
        let short = compact(text);
        assert_eq!(short, "{\"a b\":[1,true,\"x \\\" : y\\\\\",\"\"],\"c\":null}");
        assert_eq!(
            serde_json::from_str::<Value>(&short).expect("JSON"),
            json!({"a b": [1, true, "x \" : y\\", ""], "c": null})
        );
    }
}
