//! Expansion: inserts parts into a template once, so that rendering looks nothing up and its work is known beforehand.

use std::collections::HashMap;

use handlebars::template::{DecoratorTemplate, HelperTemplate, Parameter, Template, TemplateElement, TemplateMapping};

use super::error::SyntaxError;

/// Nesting of parts.
const MAX_PARTS: usize = 4;
/// Most elements and parameters of an expanded template.
const MAX_ELEMENTS: usize = 4_000;
/// Most bytes of text of an expanded template.
const MAX_TEXT: usize = 128 * 1024;
/// Extra elements counted for a part with parameters: rendering copies its data.
const CALL: usize = 50;
/// Line offset of template number n is n times this.
const LINES: usize = 1_000_000;
/// The block that a caller passes to a part.
const BLOCK: &str = "@partial-block";
/// The helper that counts a loop's iterations and checks the time. No template can call a helper with this name.
pub(super) const ITERATIONS: &str = "iterations of a loop";

/// Finds templates by name, and numbers them.
pub(super) trait Parts {
    fn find(&self, name: &str) -> Option<(usize, &Template)>;
    /// The name of a template in errors, by its number.
    fn name_of(&self, number: usize) -> &str;
}

/// A template with its parts inserted.
pub(super) struct Expanded {
    pub(super) template: Template,
    /// Number of elements: the most work of one iteration of a loop.
    pub(super) elements: usize,
}

/// Splits a line of an expanded template into the template's number and its own line.
pub(super) const fn place(line: usize) -> (usize, usize) {
    (line / LINES, line % LINES)
}

/// Joins a template's number and line into a line of an expanded template.
pub(super) const fn line_of(number: usize, line: usize) -> usize {
    number * LINES + line
}

/// Expands a template.
///
/// # Errors
/// A part is missing or contains itself, or the expanded template exceeds a bound.
pub(super) fn expand(parts: &dyn Parts, name: &str) -> Result<Expanded, SyntaxError> {
    let mut expansion = Expansion { parts, within: Vec::new(), elements: 0, text: 0 };
    let Some((number, template)) = parts.find(name) else {
        return Err(expansion.wrong(0, format!("there is no template {name}")));
    };
    expansion.within.push(number);
    let template = expansion.template(template, None)?;
    Ok(Expanded { template, elements: expansion.elements })
}

struct Expansion<'p> {
    parts: &'p dyn Parts,
    /// The parts being expanded, outermost first.
    within: Vec<usize>,
    elements: usize,
    text: usize,
}

impl Expansion<'_> {
    fn add(&mut self, size: Size, line: usize) -> Result<(), SyntaxError> {
        self.elements += size.elements;
        self.text += size.text;
        if self.elements > MAX_ELEMENTS {
            return Err(
                self.wrong(line, format!("a template may have at most {MAX_ELEMENTS} elements, with all its parts"))
            );
        }
        if self.text > MAX_TEXT {
            return Err(self.wrong(line, "a template may have at most 128 KiB of text, with all its parts".to_owned()));
        }
        Ok(())
    }

    fn wrong(&self, line: usize, detail: String) -> SyntaxError {
        let number = self.within.last().copied().unwrap_or_default();
        SyntaxError { name: self.parts.name_of(number).to_owned(), line, detail }
    }

    /// `block` is the caller's block, already expanded.
    fn template(&mut self, template: &Template, block: Option<&Template>) -> Result<Template, SyntaxError> {
        let mut expanded = Template::new();
        for (element, mapping) in template.elements.iter().zip(&template.mapping) {
            self.element(element, mapping, block, &mut expanded)?;
        }
        Ok(expanded)
    }

    fn element(
        &mut self,
        element: &TemplateElement,
        mapping: &TemplateMapping,
        block: Option<&Template>,
        into: &mut Template,
    ) -> Result<(), SyntaxError> {
        let line = mapping.0;
        let unwrapped = unwrapped(element);
        let element = unwrapped.as_ref().unwrap_or(element);
        self.add(Size::of(element), line)?;
        let mut place = mapping.clone();
        place.0 = line_of(self.within.last().copied().unwrap_or_default(), line);
        let mut put = |element| {
            into.elements.push(element);
            into.mapping.push(place.clone());
        };
        match element {
            TemplateElement::Comment(_) => {}
            TemplateElement::RawString(text) => put(TemplateElement::RawString(without_indents(text))),
            TemplateElement::HelperBlock(helper) => {
                let mut expanded = self.block(helper, block)?;
                if helper.name.as_name() == Some("each") {
                    put(iteration_counter(helper, 1));
                    if let Some(body) = &mut expanded.template {
                        body.elements.insert(0, iteration_counter(helper, 0));
                        body.mapping.insert(0, place.clone());
                    }
                }
                put(TemplateElement::HelperBlock(Box::new(expanded)));
            }
            TemplateElement::PartialExpression(part) | TemplateElement::PartialBlock(part) => {
                match self.part(part, line, block)? {
                    Inserted::Here(template) => {
                        into.elements.extend(template.elements);
                        into.mapping.extend(template.mapping);
                    }
                    Inserted::Called(part) => put(TemplateElement::PartialBlock(Box::new(part))),
                }
            }
            other => put(other.clone()),
        }
        Ok(())
    }

    fn block(&mut self, helper: &HelperTemplate, block: Option<&Template>) -> Result<HelperTemplate, SyntaxError> {
        let mut expanded = helper.clone();
        for template in [&mut expanded.template, &mut expanded.inverse].into_iter().flatten() {
            *template = self.template(template, block)?;
        }
        Ok(expanded)
    }

    fn part(
        &mut self,
        part: &DecoratorTemplate,
        line: usize,
        block: Option<&Template>,
    ) -> Result<Inserted, SyntaxError> {
        let name = part.name.as_name().unwrap_or_default();
        if name == BLOCK {
            let Some(block) = block else {
                return Err(self.wrong(line, "no block was passed to this part: call it as {{#> …}}…{{/…}}".to_owned()));
            };
            self.add(Size::of_all(block), line)?;
            return Ok(Inserted::Here(block.clone()));
        }
        let parts = self.parts;
        let Some((number, template)) = parts.find(name) else {
            return Err(self.wrong(line, format!("there is no part {name}")));
        };
        if self.within.contains(&number) {
            return Err(self.wrong(line, format!("{name} contains itself")));
        }
        if self.within.len() > MAX_PARTS {
            return Err(self.wrong(line, format!("parts are nested more than {MAX_PARTS} deep")));
        }
        let passed = part.template.as_ref().map(|inner| self.template(inner, block)).transpose()?;
        self.within.push(number);
        let inner = self.template(template, passed.as_ref());
        self.within.pop();
        let inner = inner?;
        if part.params.is_empty() && part.hash.is_empty() {
            return Ok(Inserted::Here(inner));
        }
        // Parameters change the part's data, so it is not inlined: it becomes a call of an unknown part whose block
        // is its fallback.
        self.add(Size { elements: CALL, text: 0 }, line)?;
        let mut called = part.clone();
        called.name = Parameter::Name(format!("{name} with values"));
        called.template = Some(inner);
        Ok(Inserted::Called(called))
    }
}

enum Inserted {
    Here(Template),
    Called(DecoratorTemplate),
}

/// Replaces `{{(cut …)}}` by `{{cut …}}`. Handlebars would look up a helper by the call's result, which the author of
/// the value chooses.
fn unwrapped(element: &TemplateElement) -> Option<TemplateElement> {
    match element {
        TemplateElement::Expression(helper) => match &helper.name {
            Parameter::Subexpression(call) => {
                let inner = (*call.element).clone();
                Some(unwrapped(&inner).unwrap_or(inner))
            }
            _ => None,
        },
        _ => None,
    }
}

/// Removes white space after line breaks. No JSON string contains a line break, so none of it belongs to a value.
fn without_indents(text: &str) -> String {
    let mut lines = text.split('\n');
    let first = lines.next().unwrap_or_default().to_owned();
    lines.fold(first, |kept, line| kept + "\n" + line.trim_start_matches([' ', '\t']))
}

/// The counter's call: with the list before a loop, and without at the start of each iteration.
fn iteration_counter(each: &HelperTemplate, params: usize) -> TemplateElement {
    let mut counter = each.clone();
    counter.name = Parameter::Name(ITERATIONS.to_owned());
    counter.params.truncate(params);
    counter.hash.clear();
    counter.block_param = None;
    counter.template = None;
    counter.inverse = None;
    counter.block = false;
    TemplateElement::Expression(Box::new(counter))
}

/// Elements and bytes of text.
#[derive(Debug, Clone, Copy, Default)]
struct Size {
    elements: usize,
    text: usize,
}

impl Size {
    /// The size of an element with its parameters, without its content.
    fn of(element: &TemplateElement) -> Self {
        let (elements, text) = match element {
            TemplateElement::RawString(text) => (1, text.len()),
            TemplateElement::Expression(helper) | TemplateElement::HelperBlock(helper) => {
                (1 + values(&helper.params, &helper.hash), 0)
            }
            TemplateElement::PartialExpression(part) | TemplateElement::PartialBlock(part) => {
                (1 + values(&part.params, &part.hash), 0)
            }
            _ => (1, 0),
        };
        Self { elements, text }
    }

    /// The size of a complete template.
    fn of_all(template: &Template) -> Self {
        let add =
            |one: Self, other: Self| Self { elements: one.elements + other.elements, text: one.text + other.text };
        let inside = |element: &TemplateElement| match element {
            TemplateElement::HelperBlock(helper) => {
                [&helper.template, &helper.inverse].into_iter().flatten().map(Self::of_all).fold(Self::default(), add)
            }
            TemplateElement::PartialBlock(part) => part.template.as_ref().map(Self::of_all).unwrap_or_default(),
            _ => Self::default(),
        };
        template.elements.iter().map(|element| add(Self::of(element), inside(element))).fold(Self::default(), add)
    }
}

/// Counts the parameters of a tag and of the calls among them.
fn values(params: &[Parameter], hash: &HashMap<String, Parameter>) -> usize {
    let of = |value: &Parameter| match value {
        Parameter::Subexpression(call) => {
            1 + call.params().map_or(0, |params| values(params, call.hash().unwrap_or(&HashMap::new())))
        }
        _ => 0,
    };
    params.iter().chain(hash.values()).map(|value| 1 + of(value)).sum()
}
