//! Expansion inserts parts, records lines and counts iterations; the output must not change. Any template renders the
//! same as plain Handlebars, except for white space after line breaks, which no JSON string contains.

use std::sync::LazyLock;

use handlebars::template::{Template, TemplateElement};
use handlebars::{Context, Handlebars};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::stored;
use crate::channels::Declaration;
use crate::channels::templates::{Templates, fuel, set};
use crate::store::endpoints::Channel;

static TEMPLATES: LazyLock<Templates> = LazyLock::new(|| Templates::load(None).expect("loads"));

fn data() -> Value {
    json!({
        "yes": true, "no": false, "zero": 0, "text": "x < \"y\" & {{z}}", "empty": "", "nothing": null,
        "list": ["a", "b"], "none": [], "people": [{"name": "Ann", "text": "1"}, {"name": "Bo", "text": ""}],
        "object": {"name": "inner", "yes": false, "list": [1, 2, 3]}, "labels": {"team": "shop"},
    })
}

fn one_of(of: &'static [&'static str]) -> impl Strategy<Value = String> {
    proptest::sample::select(of).prop_map(str::to_owned)
}

fn value() -> impl Strategy<Value = String> {
    one_of(&[
        "yes",
        "no",
        "zero",
        "text",
        "empty",
        "list",
        "none",
        "people",
        "object",
        "object.name",
        "labels.team",
        "@root.text",
        "this",
        "people.[0].name",
        "list.1",
        "../text",
        "nothing",
        "labels.absent",
        "\"said\"",
        "7",
    ])
}

/// The parameter of a condition, a loop or a scope.
fn condition() -> impl Strategy<Value = String> {
    let called = (one_of(&["eq", "ne", "gt", "lte", "and", "or"]), value(), value());
    prop_oneof![
        4 => value(),
        1 => called.prop_map(|(name, one, other)| format!("({name} {one} {other})")),
        1 => value().prop_map(|value| format!("(not {value})")),
        1 => one_of(&["(lookup labels \"team\")", "(lookup labels \"absent\")", "(and yes (not (eq text empty)))"]),
    ]
}

/// Elements without content: text, values, comments and parts.
fn plain() -> impl Strategy<Value = String> {
    prop_oneof![
        one_of(&["x", " ", "\n", "\n  ", "a b", "\"", "é🙂", "}", " {\n"]),
        one_of(&[
            "{{text}}",
            "{{~text}}",
            "{{text~}}",
            "{{plain text}}",
            "{{cut text 3}}",
            "{{plain (cut text 4)}}",
            "{{json object}}"
        ]),
        one_of(&[
            "{{! a }}",
            "{{!-- {{#if yes}} --}}",
            "\n{{! alone }}\n",
            "{{@index}}",
            "{{@key}}",
            "{{this}}",
            "{{name}}"
        ]),
        one_of(&[
            "{{> _leaf}}",
            "\n  {{> _leaf}}\n",
            "{{> _leaf text=\"other\"}}",
            "{{> _tree}}",
            "{{~> _leaf ~}}",
            "{{> _leaf object}}"
        ]),
    ]
}

fn tag(inner: &str, (left, right): (bool, bool)) -> String {
    format!("{{{{{}{inner}{}}}}}", if left { "~" } else { "" }, if right { "~" } else { "" })
}

fn tildes() -> impl Strategy<Value = (bool, bool)> {
    (proptest::bool::weighted(0.2), proptest::bool::weighted(0.2))
}

fn line_end() -> impl Strategy<Value = String> {
    one_of(&["", "", "\n", "\n    "])
}

fn template() -> impl Strategy<Value = String> {
    let body = plain();
    body.prop_recursive(4, 40, 5, |inner| {
        let piece = prop_oneof![3 => inner.clone(), 1 => plain()];
        let pieces = proptest::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat()).boxed();
        let helper = || one_of(&["if", "unless", "each", "with"]);
        let branch = (one_of(&["else ", "^"]), helper(), condition(), tildes(), line_end(), pieces.clone());
        let last = (one_of(&["else", "^"]), tildes(), pieces.clone());
        let chain = proptest::collection::vec(branch, 0..3);
        let block =
            (helper(), condition(), tildes(), pieces.clone(), chain, proptest::option::of(last), tildes(), line_end());
        let block = block.prop_map(|(name, of, open, first, chain, last, close, end)| {
            let mut text = tag(&format!("#{name} {of}"), open) + &end + &first;
            for (word, name, of, tildes, end, pieces) in chain {
                text += &(tag(&format!("{word}{name} {of}"), tildes) + &end + &pieces + &end);
            }
            if let Some((word, tildes, pieces)) = last {
                text += &(tag(&word, tildes) + &end + &pieces);
            }
            text + &end + &tag(&format!("/{name}"), close)
        });
        let named = (one_of(&["list", "people", "object", "none"]), pieces.clone());
        let named =
            named.prop_map(|(of, pieces)| format!("{{{{#each {of} as |one|}}}}{{{{json one}}}}{pieces}{{{{/each}}}}"));
        let framed = (one_of(&["_frame", "_frame text=\"new\""]), pieces.clone());
        let framed = framed.prop_map(|(name, pieces)| format!("{{{{#> {name}}}}}{pieces}{{{{/_frame}}}}"));
        prop_oneof![3 => block, 1 => named, 1 => framed, 1 => pieces]
    })
}

/// Parts. They use no `../`: here it refers to the place of insertion, which Handlebars in Rust resolves differently.
const PARTS: [(&str, &str); 3] = [
    ("_leaf", "<{{#if yes}}\n  y {{text}}\n{{else if no}}n{{else unless zero}}z{{/if}}>"),
    (
        "_tree",
        "{{#each @root.list}}{{> _leaf}}{{else}}-{{/each}}{{#if no}}1{{else if yes}}{{> _leaf text=\"2\"}}{{/if}}",
    ),
    ("_frame", "[{{> @partial-block}}|{{#if yes}}{{> @partial-block}}{{/if}}]"),
];

/// Renders with plain Handlebars.
fn plain_handlebars(text: &str) -> Option<String> {
    let mut registry: Handlebars<'_> = set::registry(Declaration::of(Channel::Teams));
    for (name, part) in PARTS {
        registry.register_partial(name, part).expect("a part");
    }
    let mut template = Template::compile(text).expect("a template");
    without_indents_of_parts(&mut template);
    registry.register_template("ping", template);
    fuel::fill(1, false);
    registry.render_with_context("ping", &Context::from(data())).ok()
}

/// Plain Handlebars indents a part that is alone on its line: white space between tokens, which expansion drops.
fn without_indents_of_parts(template: &mut Template) {
    for element in &mut template.elements {
        match element {
            TemplateElement::PartialExpression(part) => part.indent = None,
            TemplateElement::PartialBlock(part) => part.template.iter_mut().for_each(without_indents_of_parts),
            TemplateElement::HelperBlock(block) => {
                [&mut block.template, &mut block.inverse].into_iter().flatten().for_each(without_indents_of_parts);
            }
            _ => {}
        }
    }
}

/// Renders with expansion.
fn expanded(text: &str) -> Option<String> {
    let parts = PARTS.map(|(name, part)| stored(name, part));
    let all: Vec<_> = parts.into_iter().chain([stored("ping", text)]).collect();
    let set = TEMPLATES.try_out(Channel::Teams, &all).expect(text);
    set.text("ping", &mut data()).ok()
}

fn without_indents(text: &str) -> String {
    text.split('\n').map(|line| line.trim_start_matches([' ', '\t'])).collect::<Vec<_>>().join("\n")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_template_renders_the_same_as_in_handlebars(text in template()) {
        let same = |made: Option<String>| made.as_deref().map(without_indents);
        prop_assert_eq!(same(expanded(&text)), same(plain_handlebars(&text)), "{}", text);
    }
}
