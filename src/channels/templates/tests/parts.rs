//! Parts: insertion, parameters, blocks, and their bounds.

use serde_json::json;

use super::{set, stored};
use crate::channels::templates::{Override, RenderError};
use crate::store::endpoints::Channel;

#[test]
fn parts_are_inserted_where_they_are_named() {
    let data = json!({"word": "old", "items": [{"word": "a"}, {"word": "b"}]});
    let parts = |text: &str| {
        let part = "[\"{{plain word}}\"{{#if items}}, {{> _inner}}{{/if}}]";
        let overrides = [stored("request.voted", text), stored("_part", part), stored("_inner", "\"{{plain word}}!\"")];
        let block = stored("_frame", "{\"in\": [{{> @partial-block}}]}");
        let all: Vec<Override> = overrides.into_iter().chain([block]).collect();
        let set = set(Channel::Teams, &all)?;
        Ok::<_, RenderError>(set.render("request.voted", &mut data.clone())?.body())
    };
    assert_eq!(parts("{{> _part}}").expect("renders"), json!(["old", "old!"]));
    assert_eq!(parts("{{> _part word=\"new\"}}").expect("renders"), json!(["new", "new!"]));
    assert_eq!(
        parts("{{#> _frame}}{{#each items}}\"{{plain word}}\",{{/each}}0{{/_frame}}").expect("renders"),
        json!({"in": ["a", "b", 0]})
    );
    assert_eq!(
        parts("{{#> _frame word=\"new\"}}{{> _part}}{{/_frame}}").expect("renders"),
        json!({"in": [["new", "new!"]]})
    );
    let refused = |text: &str| parts(text).expect_err(text).to_string();
    assert!(refused("{{> _nowhere}}").contains("there is no part _nowhere"));
    assert!(refused("{{> _frame}}").contains("no block was passed"));
    let itself =
        set(Channel::Teams, &[stored("_a", "{{> _b}}"), stored("_b", "\n{{> _a}}"), stored("ping", "{{> _a}}")]);
    assert_eq!(
        itself.and_then(|set| set.check()).expect_err("a circle").to_string(),
        "template teams/_b.hbs, line 2: _a contains itself"
    );
}

#[test]
fn parts_are_bounded() {
    let mut bombs: Vec<Override> = (0..4)
        .map(|n| stored(&format!("_b{}", "x".repeat(n)), &format!("{{{{> _b{}}}}}", "x".repeat(n + 1)).repeat(30)))
        .collect();
    bombs.push(stored("_bxxxx", "x"));
    bombs.push(stored("ping", "{{> _bx}}"));
    let error = set(Channel::Teams, &bombs).and_then(|set| set.check()).expect_err("too big").to_string();
    assert!(error.contains("at most 4000 elements"), "{error}");
    let deep: Vec<Override> = (1..8)
        .map(|n| stored(&format!("_{}", "d".repeat(n)), &format!("{{{{> _{}}}}}", "d".repeat(n + 1))))
        .chain([stored("ping", "{{> _d}}"), stored("_dddddddd", "1")])
        .collect();
    assert!(
        set(Channel::Teams, &deep)
            .and_then(|set| set.check())
            .expect_err("too deep")
            .to_string()
            .contains("more than 4 deep")
    );
}

/// The deepest template, on a thread with the stack of a server's thread.
#[test]
fn the_deepest_template_fits_on_the_stack() {
    let nest = |inner: &str| "{{#if links}}".repeat(16) + inner + &"{{/if}}".repeat(16);
    let name = |n: usize| format!("_{}", "d".repeat(n));
    let parts = (1..4).map(|n| stored(&name(n), &nest(&format!("{{{{> {}}}}}", name(n + 1)))));
    let all: Vec<Override> = parts.chain([stored(&name(4), &nest("[1]")), stored("ping", &nest("{{> _d}}"))]).collect();
    let deep = std::thread::Builder::new().stack_size(2 * 1024 * 1024).spawn(move || {
        let set = set(Channel::Teams, &all).expect("expands");
        set.render("ping", &mut json!({"links": [1]})).map(|output| output.body())
    });
    assert_eq!(deep.expect("a thread").join().expect("it ends").expect("renders"), json!([1]));
}

#[test]
fn texts_and_parameters_of_parts_are_bounded() {
    let big = [stored("_big", &"x".repeat(60_000)), stored("ping", &"{{> _big}}".repeat(3))];
    let error = set(Channel::Teams, &big).and_then(|set| set.check()).expect_err("too big").to_string();
    assert!(error.contains("128 KiB of text"), "{error}");
    let passed = [
        stored("_f", &"{{> @partial-block}}".repeat(40)),
        stored("ping", &format!("{{{{#> _f}}}}{}{{{{/_f}}}}", "x".repeat(5_000))),
    ];
    assert!(
        set(Channel::Teams, &passed).and_then(|set| set.check()).expect_err("too big").to_string().contains("128 KiB")
    );
    let given = format!("{{{{#if (or {})}}}}{{{{/if}}}}", "(eq this this) ".repeat(2_000));
    let error =
        set(Channel::Teams, &[stored("ping", &given)]).and_then(|set| set.check()).expect_err("too much").to_string();
    assert!(error.contains("at most 4000 elements"), "{error}");
}
