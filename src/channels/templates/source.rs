//! The text of one template, and the syntax that is allowed in it.
//!
//! Parsing and rendering recurse into blocks, so nesting is bounded before the parser reads the text.

use handlebars::TemplateError;
use handlebars::template::{DecoratorTemplate, HelperTemplate, Parameter, Template, TemplateElement, TemplateMapping};

use super::error::SyntaxError;
use super::{lines, origin};
use crate::shape::without_mark;

/// Largest template, in bytes.
pub const MAX_TEMPLATE: usize = 64 * 1024;
/// Nesting of blocks.
const MAX_DEPTH: usize = 16;
/// Most blocks of a template, including `else` with a condition.
const MAX_BLOCKS: usize = 64;
/// Nesting of calls.
const MAX_CALLS: usize = 6;

/// A parsed template and its text.
#[derive(Debug)]
pub(super) struct TemplateSource {
    /// The name in errors: channel and template.
    pub(super) name: String,
    pub(super) text: String,
    pub(super) template: Template,
}

impl TemplateSource {
    pub(super) fn new(name: String, text: &str) -> Result<Self, SyntaxError> {
        let text = without_mark(text);
        let wrong = |line, detail: &str| SyntaxError { name: name.clone(), line, detail: detail.to_owned() };
        if text.len() > MAX_TEMPLATE {
            return Err(wrong(0, "a template may have at most 64 KiB"));
        }
        if text.contains(lines::MARK) || text.contains(origin::MARK) {
            return Err(wrong(0, "a template may not contain the characters U+F0001 to U+F0004"));
        }
        check_text(text).map_err(|(line, detail)| wrong(line, detail))?;
        let template = parse(text)
            .map_err(|error| wrong(error.pos().map_or(0, |(line, _)| line), error.reason().to_string().trim()))?;
        check(&template, 0).map_err(|(line, detail)| wrong(line, detail))?;
        Ok(Self { name, text: text.to_owned(), template })
    }

    /// The twin with marks at the ends of lines; `None` when a mark breaks a tag that spans lines.
    pub(super) fn marked(&self) -> Option<Template> {
        parse(&lines::mark(&self.text)).ok()
    }
}

/// Parses a text and gives each element a line.
fn parse(text: &str) -> Result<Template, TemplateError> {
    let mut template = Template::compile(text)?;
    place_all(&mut template, None);
    Ok(template)
}

/// Completes the line mapping of a template and its blocks. The parser records no line for the block of an `else`
/// with a condition: it gets the line of its branch's first element, or of the block around it.
fn place_all(template: &mut Template, around: Option<&TemplateMapping>) {
    let Template { elements, mapping, .. } = template;
    for (index, element) in elements.iter_mut().enumerate() {
        if mapping.len() <= index {
            let branch = match element {
                TemplateElement::HelperBlock(block) => block.template.as_ref().and_then(|inner| inner.mapping.first()),
                _ => None,
            };
            // At the top level, the parser records all lines.
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

/// A line and its fault.
type Wrong = (usize, &'static str);

/// Checks the tags without parsing them. The depth of blocks depends on where they end, which only the parser knows;
/// so this counts every start of a block.
fn check_text(text: &str) -> Result<(), Wrong> {
    let line_at = |place: usize| 1 + text.get(..place).unwrap_or_default().matches('\n').count();
    let begins = |place: usize| {
        let tag = text.get(place + 2..).unwrap_or_default().trim_start_matches(|c: char| c == '~' || c.is_whitespace());
        tag.starts_with(['#', '^']) || tag.starts_with("else")
    };
    let mut blocks = text.match_indices("{{").map(|(place, _)| place).filter(|place| begins(*place));
    if let Some(place) = blocks.nth(MAX_BLOCKS) {
        return Err((line_at(place), "more than 64 blocks: move some into parts"));
    }
    let mut from = 0;
    while let Some(place) = text.get(from..).and_then(|rest| rest.find("{{")).map(|place| from + place) {
        let wrong = |detail| (line_at(place), detail);
        let tag = text.get(place + 2..).unwrap_or_default();
        if tag.starts_with("{{") {
            return Err(wrong("raw blocks, {{{{…}}}}, are not supported"));
        }
        if text.get(..place).is_some_and(|before| before.ends_with('\\')) {
            return Err(wrong("a backslash before a tag is not supported"));
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

/// Checks one tag. Quotes could hide the end of a tag, so quoted text may not contain braces; parentheses count as
/// nested calls.
fn check_tag(tag: &str) -> Result<(), &'static str> {
    // Raw output is rejected after parsing, with its own message.
    let tag = tag.strip_prefix('{').map_or(tag, |raw| raw.strip_suffix('}').unwrap_or(raw));
    let (mut quote, mut calls, mut previous) = (None, 0_usize, ' ');
    for character in tag.chars() {
        match (quote, character) {
            (_, '{' | '}') => return Err("braces inside a tag are not supported"),
            (Some(open), character) if character == open && previous != '\\' => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(character),
            (None, '[') if !matches!(previous, '.' | '/') => return Err("lists inside a tag are not supported"),
            (None, '(') => calls += 1,
            (None, ')') => calls = calls.saturating_sub(1),
            (None, _) => {}
        }
        if calls > MAX_CALLS {
            return Err("calls are nested more than 6 deep");
        }
        previous = if previous == '\\' { ' ' } else { character };
    }
    if quote.is_some() { Err("a quote is not closed in its tag") } else { Ok(()) }
}

/// Rejects syntax that no template may use.
fn check(template: &Template, depth: usize) -> Result<(), Wrong> {
    // Elements are paired with their lines: one without a line would be neither checked nor rendered.
    if template.mapping.len() != template.elements.len() {
        return Err((0, "the template has an element without a line"));
    }
    for (element, place) in template.elements.iter().zip(&template.mapping) {
        let line = place.0;
        let is_block = matches!(element, TemplateElement::HelperBlock(_) | TemplateElement::PartialBlock(_));
        if is_block && depth >= MAX_DEPTH {
            return Err((line, "blocks are nested more than 16 deep; each else with a condition counts as one"));
        }
        match element {
            TemplateElement::HtmlExpression(_) => {
                return Err((line, "{{{…}}} puts text into the message unescaped: write {{…}}"));
            }
            TemplateElement::DecoratorExpression(_) | TemplateElement::DecoratorBlock(_) => {
                return Err((line, "decorators, {{*…}}, are not supported: use a part instead"));
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
        return Err((line, "the name of a part must be a literal"));
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
    fn forbidden_syntax_is_rejected_with_its_line() {
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
        assert!(wrong("{{> (lookup this \"x\")}}").contains("literal"));
        for hidden in ["{{#*inline \"x\"}}{{/inline}}", "{{*x y}}", "{{> (lookup this \"x\")}}"] {
            wrong(&format!("{{{{#if a}}}}{{{{else if b}}}}{hidden}{{{{/if}}}}"));
        }
        assert!(wrong("{{{{raw}}}} {{x}} {{{{/raw}}}}").contains("raw blocks"));
        assert!(wrong("{\n\"a\": {{#if}\n}").contains("line 2"));
        assert!(wrong(&" ".repeat(MAX_TEMPLATE + 1)).contains("64 KiB"));
        assert!(wrong("\u{f0001}").contains("U+F0001") && wrong("x\u{f0004}").contains("U+F0004"));
    }

    #[test]
    fn nesting_is_bounded_before_parsing() {
        let nested = |count: usize| "{{#if a}}".repeat(count) + &"{{/if}}".repeat(count);
        TemplateSource::new("x".to_owned(), &nested(16)).expect("allowed");
        assert!(wrong(&nested(17)).contains("16 deep") && wrong(&nested(64)).contains("16 deep"));
        assert!(wrong(&nested(3_000)).contains("64 blocks"));
        let chained = |link: &str, count: usize| format!("{{{{#if a}}}}{}{{{{/if}}}}", link.repeat(count));
        TemplateSource::new("x".to_owned(), &chained("{{else if b}}", 15)).expect("allowed");
        assert!(wrong(&chained("{{else if b}}", 16)).contains("16 deep"));
        for link in ["{{else if b}}", "{{^if b}}", "{{elseif b}}", "{{else(if b)}}", "{{~ else if b}}", "{{ ^if b}}"] {
            assert!(wrong(&chained(link, 2_000)).contains("64 blocks"), "{link}");
        }
        let calls = |count: usize| format!("{{{{x {}a b{}}}}}", "(and ".repeat(count), ")".repeat(count));
        TemplateSource::new("x".to_owned(), &calls(6)).expect("allowed");
        assert!(wrong(&calls(5_000)).contains("6 deep"));
        assert!(wrong(&format!("{{{{x {}1{}}}}}", "[".repeat(9_000), "]".repeat(9_000))).contains("lists"));
        assert!(wrong(&format!("{{{{x {}}}}}", "{\"a\":".repeat(9_000))).contains("braces"));
    }

    /// A check that finds ends of blocks differently from the parser would count too little depth.
    #[test]
    fn false_ends_hide_no_depth() {
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
    fn quotes_hide_no_end() {
        let hidden = "{{#if a}}{{x \"{{/if}}\"}}".repeat(50);
        assert!(wrong(&hidden).contains("brace") || wrong(&hidden).contains("quote"), "{}", wrong(&hidden));
        assert!(wrong("{{x '}}{{/if}}'}}").contains("quote"));
        TemplateSource::new("x".to_owned(), "{{x 'it''s' \"a\\\"b\" a.[b c]}}").expect("quotes and names of their own");
        TemplateSource::new("x".to_owned(), "{{!-- {{#if a}} --}}{{! { }}").expect("comments");
    }
}
