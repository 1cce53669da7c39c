//! Bounds of rendering: work, time, and output.

use serde_json::json;

use super::{error, rendered, set, stored};
use crate::channels::Declaration;
use crate::channels::templates::TemplateSet;
use crate::store::endpoints::Channel;

#[test]
fn a_template_that_took_too_long_is_not_rendered_again() {
    let set =
        set(Channel::Custom, &[stored("ping", "{{#each many}}{{#each ../many}}{{/each}}{{/each}}")]).expect("parses");
    let mut data = json!({"many": (0..30_000).collect::<Vec<u32>>()});
    let mut fails = || set.render("ping", &mut data).map(|_| ()).expect_err("too long").to_string();
    assert!(fails().contains("takes too long: use fewer"));
    assert!(fails().contains("not rendered again"));
    // There is nothing below built-in templates, so they are rendered each time.
    let built_in = TemplateSet::new(Declaration::of(Channel::Custom), set.sources.clone(), true);
    let mut fails = || built_in.render("ping", &mut data).map(|_| ()).expect_err("too long").to_string();
    assert!(fails().contains("fewer") && fails().contains("fewer"));
}

#[test]
fn a_template_that_takes_too_long_or_writes_too_much_is_stopped() {
    let many: Vec<u32> = (0..30_000).collect();
    let fails = |text: &str| error(text, json!({"many": many, "text": "x".repeat(60_000), "links": []}));
    let started = std::time::Instant::now();
    for text in [
        "{{#each many}}{{#each ../many}}{{/each}}{{/each}}",
        "{{#each many}}{{#each ../many}}{{#each ../../many}}{{#if @first}}x{{/if}}{{/each}}{{/each}}{{/each}}",
        "{{#each many}}{{#if (eq ../many ../many)}}{{/if}}{{/each}}",
        "{{#each many}}{{#if (cut ../many 1)}}{{/if}}{{/each}}",
        "{{#each many}}{{#if (eq (cut ../text 50000) \"\")}}{{/if}}{{#if (eq (cut ../text 50000) \"\")}}{{/if}}{{/each}}",
    ] {
        assert!(fails(text).contains("takes too long"), "{text}: {}", fails(text));
    }
    assert!(fails("\"{{#each many}}{{../text}}{{/each}}\"").contains("2 MiB"));
    assert!(started.elapsed().as_secs() < 60, "wide enough for a slow machine: without bounds it would take hours");
    let once =
        rendered(Channel::Teams, "[{{#each many}}{{this}},{{/each}}0]", json!({"many": many})).expect("one long list");
    assert_eq!(once.as_array().map(Vec::len), Some(30_001));
}

/// The block of an `else` with a condition is measured like any other.
#[test]
fn bounds_apply_inside_an_else() {
    let within = |inner: &str| format!("{{{{#if a}}}}{{{{else if b}}}}{inner}{{{{/if}}}}");
    let refused = |text: &str| {
        set(Channel::Teams, &[stored("ping", text)]).and_then(|set| set.check()).expect_err(text).to_string()
    };
    assert!(refused(&within("{{> _nowhere}}")).contains("there is no part _nowhere"));
    assert!(refused(&within(&"{{a}}".repeat(4_000))).contains("at most 4000 elements"));
    let many: Vec<u32> = (0..30_000).collect();
    let loops = within("{{#each many}}{{#each ../many}}{{/each}}{{/each}}");
    assert!(error(&loops, json!({"b": 1, "many": many})).contains("takes too long"));
    let chained = "{{#if a}}{{else each many}}{{#if a}}{{else each ../many}}{{/if}}{{/if}}";
    assert!(error(chained, json!({"many": many})).contains("takes too long"));
}
