//! Parts put where they are named, once, so that rendering looks nothing up and its work can be told before.

use std::collections::HashMap;

use handlebars::template::{DecoratorTemplate, HelperTemplate, Parameter, Template, TemplateElement, TemplateMapping};

use super::error::SyntaxError;

/// Parts within parts.
const MAX_PARTS: usize = 4;
/// Elements of a template with all its parts, and values that they are given.
const MAX_ELEMENTS: usize = 4_000;
/// Bytes of its text.
const MAX_TEXT: usize = 128 * 1024;
/// What a part that is called with values counts, beside its elements: rendering copies what it sees.
const CALL: usize = 50;
/// Lines of the part with number n begin behind n times this.
const LINES: usize = 1_000_000;
/// The block that is handed to a part.
const BLOCK: &str = "@partial-block";
/// The helper that counts a loop's turns, and the time. No template can call it by such a name.
pub(super) const TURNS: &str = "turns of a loop";

/// Finds templates by their names, and numbers them.
pub(super) trait Parts {
    fn find(&self, name: &str) -> Option<(usize, &Template)>;
    /// What a number's template is called in errors.
    fn called(&self, number: usize) -> &str;
}

/// A template with its parts in place.
pub(super) struct Expanded {
    pub(super) template: Template,
    /// How many elements it has at most: what one turn of a loop may have to do.
    pub(super) elements: usize,
}

/// The number of a template, and the line in it, that a line of an expanded one stands for.
pub(super) const fn place(line: usize) -> (usize, usize) {
    (line / LINES, line % LINES)
}

/// The line of an expanded template for a line of the template of that number.
pub(super) const fn line_of(number: usize, line: usize) -> usize {
    number * LINES + line
}

/// Puts all parts of the template of that name in their places.
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
    /// The parts that it is inside of, outermost first.
    within: Vec<usize>,
    elements: usize,
    text: usize,
}

impl Expansion<'_> {
    fn add(&mut self, size: Size, line: usize) -> Result<(), SyntaxError> {
        self.elements += size.elements;
        self.text += size.text;
        if self.elements > MAX_ELEMENTS {
            return Err(self.wrong(line, format!("with all its parts a template has at most {MAX_ELEMENTS} elements")));
        }
        if self.text > MAX_TEXT {
            return Err(self.wrong(line, "with all its parts a template has at most 128 KiB of text".to_owned()));
        }
        Ok(())
    }

    fn wrong(&self, line: usize, detail: String) -> SyntaxError {
        let number = self.within.last().copied().unwrap_or_default();
        SyntaxError { name: self.parts.called(number).to_owned(), line, detail }
    }

    /// `block` is what takes the place of the block that was handed in; it is expanded already.
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
        let called = called(element);
        let element = called.as_ref().unwrap_or(element);
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
                    put(turns(helper, 1));
                    if let Some(body) = &mut expanded.template {
                        body.elements.insert(0, turns(helper, 0));
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
                return Err(
                    self.wrong(line, "no block was handed to this part: it is used as {{#> …}}…{{/…}}".to_owned())
                );
            };
            self.add(Size::of_all(block), line)?;
            return Ok(Inserted::Here(block.clone()));
        }
        let parts = self.parts;
        let Some((number, template)) = parts.find(name) else {
            return Err(self.wrong(line, format!("there is no part {name}")));
        };
        if self.within.contains(&number) {
            return Err(self.wrong(line, format!("{name} is part of itself")));
        }
        if self.within.len() > MAX_PARTS {
            return Err(self.wrong(line, format!("more than {MAX_PARTS} parts within each other")));
        }
        let handed = part.template.as_ref().map(|inner| self.template(inner, block)).transpose()?;
        self.within.push(number);
        let inner = self.template(template, handed.as_ref());
        self.within.pop();
        let inner = inner?;
        if part.params.is_empty() && part.hash.is_empty() {
            return Ok(Inserted::Here(inner));
        }
        // Values for a part make it see others: it is called, as a block that falls back to what stands in it.
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

/// `{{cut …}}` in place of `{{(cut …)}}`. Handlebars would look for a helper by the name that the call makes, which whoever wrote the
/// value chooses.
fn called(element: &TemplateElement) -> Option<TemplateElement> {
    match element {
        TemplateElement::Expression(helper) => match &helper.name {
            Parameter::Subexpression(call) => {
                let inner = (*call.element).clone();
                Some(called(&inner).unwrap_or(inner))
            }
            _ => None,
        },
        _ => None,
    }
}

/// Text without the white space behind its line breaks. No string of JSON goes over a line break, so it is nobody's.
fn without_indents(text: &str) -> String {
    let mut lines = text.split('\n');
    let first = lines.next().unwrap_or_default().to_owned();
    lines.fold(first, |kept, line| kept + "\n" + line.trim_start_matches([' ', '\t']))
}

/// What stands in front of a loop, with its list, and at the beginning of each turn, without.
fn turns(each: &HelperTemplate, params: usize) -> TemplateElement {
    let mut counter = each.clone();
    counter.name = Parameter::Name(TURNS.to_owned());
    counter.params.truncate(params);
    counter.hash.clear();
    counter.block_param = None;
    counter.template = None;
    counter.inverse = None;
    counter.block = false;
    TemplateElement::Expression(Box::new(counter))
}

/// What there is of something.
#[derive(Debug, Clone, Copy, Default)]
struct Size {
    elements: usize,
    text: usize,
}

impl Size {
    /// An element alone, without what is inside of it, but with the values that it is given.
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

    /// All of a template.
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

/// Values that a tag is given, and those that calls among them are given.
fn values(params: &[Parameter], hash: &HashMap<String, Parameter>) -> usize {
    let of = |value: &Parameter| match value {
        Parameter::Subexpression(call) => {
            1 + call.params().map_or(0, |params| values(params, call.hash().unwrap_or(&HashMap::new())))
        }
        _ => 0,
    };
    params.iter().chain(hash.values()).map(|value| 1 + of(value)).sum()
}
