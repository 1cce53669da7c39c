//! Errors name the template and the line at fault.

use serde_json::{Value, json};

use super::{error, rendered, set, stored};
use crate::store::endpoints::Channel;

#[test]
fn invalid_json_is_reported_with_its_line_in_loops_blocks_and_parts() {
    let data = || json!({"items": ["one", "two", "three"]});
    let text = "{\n\"list\": [\n{{#each items}}\n\"{{this}}\",\n{{/each}}\n],\n\"x\": 1\n}";
    let error = |text: &str| error(text, data());
    assert!(error(text).contains("teams/request.voted.hbs, line 6: the output is not JSON"), "{}", error(text));
    assert!(error("{\n\"a\": \"x\"\n\"b\": 1}").contains("line 3"));
    let parts = [stored("request.voted", "[\n{{> _item}}\n]"), stored("_item", "\n{{#if items}}\n\"a\" b\n{{/if}}\n")];
    let set = set(Channel::Teams, &parts).expect("expands");
    let error = set.render("request.voted", &mut data()).map(|_| ()).expect_err("no JSON").to_string();
    assert!(error.contains("template teams/_item.hbs, line 3"), "{error}");
}

#[test]
fn a_schema_violation_is_reported_with_its_line() {
    let text = "{\n\"a\": [\n{{#each items}}\n{\"n\":\n\"{{this}}\"}{{#unless @last}},{{/unless}}\n{{/each}}]}";
    let set = set(Channel::Custom, &[stored("default", text)]).expect("compiles");
    let mut data = json!({"items": ["one", "two"]});
    let output = set.render("ping", &mut data).expect("renders");
    assert_eq!(output.place("/a/1/n", &mut data), ("custom/default.hbs".to_owned(), 5));
    assert_eq!(output.place("/a", &mut data).1, 2);
    assert_eq!(output.place("/nowhere", &mut data).1, 0);
    assert_eq!(data["items"][1], "two", "the data is unchanged");
}

#[test]
fn missing_values_are_errors_with_their_line() {
    let error = error("{\n\"a\": \"{{nothing}}\"}", json!({}));
    assert!(error.contains("line 2") && error.contains("nothing"), "{error}");
}

#[test]
fn an_else_with_a_condition_is_rendered_and_has_its_line() {
    let text = "{{#if a}}1{{else if b}}2{{else each c}}{{this}}{{else unless d}}4{{else}}\n{{#if e}}5{{else if f}}6{{else}}7{{/if}}\n{{/if}}";
    let all = json!({"a": false, "b": false, "c": [], "d": true, "e": false, "f": false});
    let with = |name: &str, value: Value| {
        let mut data = all.clone();
        data[name] = value;
        rendered(Channel::Teams, text, data).expect(name)
    };
    assert_eq!(with("a", json!(1)), json!(1));
    assert_eq!(with("b", json!(1)), json!(2));
    assert_eq!(with("c", json!([3])), json!(3));
    assert_eq!(with("d", json!(false)), json!(4));
    assert_eq!(with("e", json!(1)), json!(5));
    assert_eq!(with("f", json!(1)), json!(6));
    assert_eq!(with("g", json!(1)), json!(7));
    let fails =
        |branch: &str| error(&format!("{{{{#if a}}}}\n1\n{{{{else if b}}}}\n{branch}\n{{{{/if}}}}"), json!({"b": 1}));
    assert!(fails("{{nothing}}").contains("line 4: there is no value nothing"), "{}", fails("{{nothing}}"));
    assert!(fails("\"x\" y").contains("line 4: the output is not JSON"), "{}", fails("\"x\" y"));
    let part =
        [stored("ping", "{{#if a}}1{{else if b}}{{> _p}}{{/if}}"), stored("_p", "[{{#if a}}1{{else if b}}2{{/if}}]")];
    let made =
        set(Channel::Teams, &part).expect("parses").render("ping", &mut json!({"a": 0, "b": 1})).map(|it| it.body());
    assert_eq!(made.expect("renders"), json!([2]));
}
