//! One template's text, and what it may be made of.
//!
//! Parsing and rendering go down into blocks, so how deep they nest is bounded before the parser sees the text.

use handlebars::TemplateError;
use handlebars::template::{DecoratorTemplate, HelperTemplate, Parameter, Template, TemplateElement, TemplateMapping};

use super::error::SyntaxError;
use super::{lines, origin};
use crate::shape::without_mark;

/// Largest template, in bytes.
pub const MAX_TEMPLATE: usize = 64 * 1024;
/// Blocks within blocks.
const MAX_DEPTH: usize = 16;
/// Blocks, and `else`s with a condition, of one template.
const MAX_BLOCKS: usize = 64;
/// Calls within calls.
const MAX_CALLS: usize = 6;

/// A template's text that parses.
#[derive(Debug)]
pub(super) struct TemplateSource {
    /// Channel and event, as errors call it.
    pub(super) name: String,
    pub(super) text: String,
    pub(super) template: Template,
}

impl TemplateSource {
    pub(super) fn new(name: String, text: &str) -> Result<Self, SyntaxError> {
        let text = without_mark(text);
        let wrong = |line, detail: &str| SyntaxError { name: name.clone(), line, detail: detail.to_owned() };
        if text.len() > MAX_TEMPLATE {
            return Err(wrong(0, "a template has at most 64 KiB"));
        }
        if text.contains(lines::MARK) || text.contains(origin::MARK) {
            return Err(wrong(0, "U+F0001 to U+F0004 may not stand in a template"));
        }
        check_text(text).map_err(|(line, detail)| wrong(line, detail))?;
        let template = parse(text)
            .map_err(|error| wrong(error.pos().map_or(0, |(line, _)| line), error.reason().to_string().trim()))?;
        check(&template, 0).map_err(|(line, detail)| wrong(line, detail))?;
        Ok(Self { name, text: text.to_owned(), template })
    }

    /// The same with marks at the ends of lines; none when marking breaks a tag that spans lines.
    pub(super) fn marked(&self) -> Option<Template> {
        parse(&lines::mark(&self.text)).ok()
    }
}

/// Parses a text, such that each element has a place.
fn parse(text: &str) -> Result<Template, TemplateError> {
    let mut template = Template::compile(text)?;
    place_all(&mut template, None);
    Ok(template)
}

/// Gives each element of a template, and of the blocks in it, a place. The parser notes none for the block that an `else` with a
/// condition opens: that block counts as standing where its branch begins, or else where the block around it does.
fn place_all(template: &mut Template, around: Option<&TemplateMapping>) {
    let Template { elements, mapping, .. } = template;
    for (index, element) in elements.iter_mut().enumerate() {
        if mapping.len() <= index {
            let branch = match element {
                TemplateElement::HelperBlock(block) => block.template.as_ref().and_then(|inner| inner.mapping.first()),
                _ => None,
            };
            // At the top, the parser notes all.
            mapping.extend(branch.or(around).cloned());
        }
        let place = mapping.get(index);
        match element {
            TemplateElement::HelperBlock(block) => {
                [&mut block.template, &mut block.inverse]
                    .into_iter()
                    .flatten()
                    .for_each(|inner| place_all(inner, place));
            }
            TemplateElement::PartialBlock(part) => part.template.iter_mut().for_each(|inner| place_all(inner, place)),
            _ => {}
        }
    }
}

/// A line, and what is wrong there.
type Wrong = (usize, &'static str);

/// Goes through the tags without parsing them. How deep blocks nest depends on where they end, of which only the parser is sure; so all
/// that begin are counted, wherever that may be.
fn check_text(text: &str) -> Result<(), Wrong> {
    let line_at = |place: usize| 1 + text.get(..place).unwrap_or_default().matches('\n').count();
    let begins = |place: usize| {
        let tag = text.get(place + 2..).unwrap_or_default().trim_start_matches(|c: char| c == '~' || c.is_whitespace());
        tag.starts_with(['#', '^']) || tag.starts_with("else")
    };
    let mut blocks = text.match_indices("{{").map(|(place, _)| place).filter(|place| begins(*place));
    if let Some(place) = blocks.nth(MAX_BLOCKS) {
        return Err((line_at(place), "more than 64 blocks: make parts of them"));
    }
    let mut from = 0;
    while let Some(place) = text.get(from..).and_then(|rest| rest.find("{{")).map(|place| from + place) {
        let wrong = |detail| (line_at(place), detail);
        let tag = text.get(place + 2..).unwrap_or_default();
        if tag.starts_with("{{") {
            return Err(wrong("blocks of raw text, {{{{…}}}}, are not taken"));
        }
        if text.get(..place).is_some_and(|before| before.ends_with('\\')) {
            return Err(wrong("a backslash in front of a tag is not taken"));
        }
        let (skipped, end) = if tag.starts_with("!--") { (3, "--}}") } else { (0, "}}") };
        let length = tag.get(skipped..).and_then(|rest| rest.find(end)).ok_or(wrong("a tag is not closed"))?;
        from = place + 2 + skipped + length + end.len();
        let tag = tag.get(..skipped + length).unwrap_or_default().trim_matches('~').trim();
        if !tag.starts_with('!') {
            check_tag(tag).map_err(wrong)?;
        }
    }
    Ok(())
}

/// Quotes may hide the end of a tag, so what is quoted holds no braces; parentheses nest as calls do.
fn check_tag(tag: &str) -> Result<(), &'static str> {
    // Raw output is refused when it is parsed, in words of its own.
    let tag = tag.strip_prefix('{').map_or(tag, |raw| raw.strip_suffix('}').unwrap_or(raw));
    let (mut quote, mut calls, mut previous) = (None, 0_usize, ' ');
    for character in tag.chars() {
        match (quote, character) {
            (_, '{' | '}') => return Err("braces inside a tag"),
            (Some(open), character) if character == open && previous != '\\' => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(character),
            (None, '[') if !matches!(previous, '.' | '/') => return Err("lists inside a tag"),
            (None, '(') => calls += 1,
            (None, ')') => calls = calls.saturating_sub(1),
            (None, _) => {}
        }
        if calls > MAX_CALLS {
            return Err("more than 6 calls within each other");
        }
        previous = if previous == '\\' { ' ' } else { character };
    }
    if quote.is_some() { Err("a quote is not closed in its tag") } else { Ok(()) }
}

/// Whether there is anything in it that no template may have.
fn check(template: &Template, depth: usize) -> Result<(), Wrong> {
    // Elements are looked at by their places: one without would be neither checked nor rendered.
    if template.mapping.len() != template.elements.len() {
        return Err((0, "there is something in it that stands nowhere"));
    }
    for (element, place) in template.elements.iter().zip(&template.mapping) {
        let line = place.0;
        let is_block = matches!(element, TemplateElement::HelperBlock(_) | TemplateElement::PartialBlock(_));
        if is_block && depth >= MAX_DEPTH {
            return Err((line, "more than 16 blocks within each other; each else with a condition is one"));
        }
        match element {
            TemplateElement::HtmlExpression(_) => {
                return Err((line, "{{{…}}} puts text into the message unescaped: write {{…}}"));
            }
            TemplateElement::DecoratorExpression(_) | TemplateElement::DecoratorBlock(_) => {
                return Err((line, "decorators, {{*…}}, are not taken: write a part of its own"));
            }
            TemplateElement::HelperBlock(block) => check_block(block, depth + 1)?,
            TemplateElement::PartialExpression(part) | TemplateElement::PartialBlock(part) => {
                check_part(part, line, depth + 1)?;
            }
            // Text, values, comments.
            _ => {}
        }
    }
    Ok(())
}

fn check_block(block: &HelperTemplate, depth: usize) -> Result<(), Wrong> {
    [&block.template, &block.inverse].into_iter().flatten().try_for_each(|inner| check(inner, depth))
}

fn check_part(part: &DecoratorTemplate, line: usize, depth: usize) -> Result<(), Wrong> {
    if matches!(part.name, Parameter::Subexpression(_) | Parameter::Literal(_)) {
        return Err((line, "which part it is must be written out"));
    }
    part.template.as_ref().map_or(Ok(()), |inner| check(inner, depth))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> String {
        TemplateSource::new("x".to_owned(), text).map(drop).expect_err(text).to_string()
    }

    #[test]
    fn what_no_template_may_have_is_refused_with_its_line() {
        for text in [
            "\n\n{{{a}}}",
            "\n\n{{&a}}",
            "\n{{#if a}}\n{{{b}}}{{/if}}",
            "\n{{#each a}}x{{else}}\n{{~{b}~}}{{/each}}",
            "\n{{#if a}}\n{{else if b}}{{{c}}}{{/if}}",
            "{{#if a}}\n{{^if b}}{{else unless c}}\n{{&d}}{{/if}}",
            "{{#if a}}{{else if b}}x{{else}}\n\n{{{c}}}{{/if}}",
            "{{#if a}}{{else with b}}\n\n{{#each c}}{{{this}}}{{/each}}{{/if}}",
            "{{#> _p}}\n{{#if a}}\n{{else if b}}{{{c}}}{{/if}}{{/_p}}",
        ] {
            assert!(wrong(text).contains("line 3") && wrong(text).contains("unescaped"), "{}", wrong(text));
        }
        assert!(wrong("{{#*inline \"x\"}}{{/inline}}").contains("decorators"));
        assert!(wrong("{{> (lookup this \"x\")}}").contains("written out"));
        for hidden in ["{{#*inline \"x\"}}{{/inline}}", "{{*x y}}", "{{> (lookup this \"x\")}}"] {
            wrong(&format!("{{{{#if a}}}}{{{{else if b}}}}{hidden}{{{{/if}}}}"));
        }
        assert!(wrong("{{{{raw}}}} {{x}} {{{{/raw}}}}").contains("raw text"));
        assert!(wrong("{\n\"a\": {{#if}\n}").contains("line 2"));
        assert!(wrong(&" ".repeat(MAX_TEMPLATE + 1)).contains("64 KiB"));
        assert!(wrong("\u{f0001}").contains("U+F0001") && wrong("x\u{f0004}").contains("U+F0004"));
    }

    #[test]
    fn nesting_is_bounded_before_anything_is_parsed() {
        let nested = |count: usize| "{{#if a}}".repeat(count) + &"{{/if}}".repeat(count);
        TemplateSource::new("x".to_owned(), &nested(16)).expect("may be");
        assert!(wrong(&nested(17)).contains("16 blocks") && wrong(&nested(64)).contains("16 blocks"));
        assert!(wrong(&nested(3_000)).contains("64 blocks"));
        let chained = |link: &str, count: usize| format!("{{{{#if a}}}}{}{{{{/if}}}}", link.repeat(count));
        TemplateSource::new("x".to_owned(), &chained("{{else if b}}", 15)).expect("may be");
        assert!(wrong(&chained("{{else if b}}", 16)).contains("16 blocks"));
        for link in ["{{else if b}}", "{{^if b}}", "{{elseif b}}", "{{else(if b)}}", "{{~ else if b}}", "{{ ^if b}}"] {
            assert!(wrong(&chained(link, 2_000)).contains("64 blocks"), "{link}");
        }
        let calls = |count: usize| format!("{{{{x {}a b{}}}}}", "(and ".repeat(count), ")".repeat(count));
        TemplateSource::new("x".to_owned(), &calls(6)).expect("may be");
        assert!(wrong(&calls(5_000)).contains("6 calls"));
        assert!(wrong(&format!("{{{{x {}1{}}}}}", "[".repeat(9_000), "]".repeat(9_000))).contains("lists"));
        assert!(wrong(&format!("{{{{x {}}}}}", "{\"a\":".repeat(9_000))).contains("braces"));
    }

    /// Whoever looks for ends differently than the parser finds less depth than there is.
    #[test]
    fn ends_that_are_none_hide_no_depth() {
        for hidden in
            ["{{#if a}}\\{{/if}}", "{{#if a}}{{!--}}{{/if}}--}}", "{{#if a}}{{! {{/if}} }}", "\\{{!-- {{#if a}} --}}"]
        {
            let text = hidden.repeat(350) + &"{{/if}}".repeat(350);
            assert!(wrong(&text).contains("64 blocks"), "{hidden}: {}", wrong(&text));
            let few = hidden.repeat(20) + &"{{/if}}".repeat(20);
            wrong(&few);
        }
    }

    #[test]
    fn an_end_cannot_be_hidden_in_quotes() {
        let hidden = "{{#if a}}{{x \"{{/if}}\"}}".repeat(50);
        assert!(wrong(&hidden).contains("brace") || wrong(&hidden).contains("quote"), "{}", wrong(&hidden));
        assert!(wrong("{{x '}}{{/if}}'}}").contains("quote"));
        TemplateSource::new("x".to_owned(), "{{x 'it''s' \"a\\\"b\" a.[b c]}}").expect("quotes and names of their own");
        TemplateSource::new("x".to_owned(), "{{!-- {{#if a}} --}}{{! { }}").expect("comments");
    }
}
