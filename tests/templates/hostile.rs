//! Hostile templates: each is refused or rendered, quickly and without a crash.

use std::sync::LazyLock;

use countersign::channels::samples::Sample;
use countersign::channels::{Channels, Override, Samples};
use countersign::ids::TemplateId;
use countersign::store::endpoints::Channel;
use countersign::time::Timestamp;
use proptest::prelude::*;

static CHANNELS: LazyLock<Channels> = LazyLock::new(|| Channels::new(None).unwrap());

/// Pieces of templates.
const PIECES: [&str; 66] = [
    "{{",
    "}}",
    "{{{",
    "}}}",
    "{{#if command}}",
    "{{/if}}",
    "{{else}}",
    "{{else if links}}",
    "{{^}}",
    "{{#each command}}",
    "{{/each}}",
    "{{#each links}}",
    "{{#with event}}",
    "{{/with}}",
    "{{#unless several}}",
    "{{/unless}}",
    "{{this}}",
    "{{../word}}",
    "{{word}}",
    "{{plain reason}}",
    "{{code this}}",
    "{{json event}}",
    "{{exact url}}",
    "{{moment expires_at}}",
    "{{ago created_at}}",
    "{{until expires_at}}",
    "{{cut reason 9}}",
    "{{link url word}}",
    "{{person requester}}",
    "{{> _card}}",
    "{{> _command}}",
    "{{#> _card}}",
    "{{/_card}}",
    "{{> @partial-block}}",
    "{{> _ask word=\"x\"}}",
    "{{!-- --}}",
    "{{! x }}",
    "{{~",
    "~}}",
    "(",
    ")",
    "[",
    "]",
    "|",
    "as |x|",
    "\"",
    "'",
    "\\",
    "\\{{",
    "{",
    "}",
    ":",
    ",",
    "null",
    "\n",
    " ",
    "{{lookup links 0}}",
    "{{len command}}",
    "{{eq tone \"good\"}}",
    "{{#*inline \"x\"}}",
    "{{/inline}}",
    "{{{{raw}}}}",
    "{{{{/raw}}}}",
    "@root.",
    "@index",
    "ä\u{202e}",
];

/// Pieces of templates in random order.
fn text() -> impl Strategy<Value = String> {
    let any = any::<String>().prop_map(|text| text.chars().take(12).collect::<String>());
    let pieces = prop_oneof![8 => proptest::sample::select(&PIECES[..]).prop_map(str::to_owned), 1 => any];
    proptest::collection::vec(pieces, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Random text as a template: there is an answer, and a fault has a description.
    #[test]
    fn any_text_as_a_template_is_rendered_or_refused(text in text(), part in text(), channel in proptest::sample::select(&Channel::ALL[..])) {
        let id = || TemplateId::mint(Timestamp::from_micros(1_700_000_000_000_000));
        let named = |name: &str, text: &str| Override { id: id(), name: name.to_owned(), text: text.into(), strength: 0 };
        let overrides = [named("_command", &part), named("request.created", &text)];
        let samples = Samples { events: vec!["request.created"], sorts: vec![Sample::Plain, Sample::Hostile] };
        for preview in CHANNELS.preview(channel, &overrides, &samples) {
            prop_assert_eq!(preview.problem.is_some(), preview.body.is_none());
            if let Some(problem) = preview.problem {
                prop_assert!(problem.detail.len() < 2_000, "{}", problem.detail);
            }
        }
    }
}
