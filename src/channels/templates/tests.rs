//! What templates may do, and how their errors name the place.

mod agreement;

use serde_json::{Value, json};

use super::*;
use crate::channels::chat::fitted;
use crate::channels::samples::{Example, Sample};
use crate::channels::schema::Validators;
use crate::store::events::KINDS;
use crate::time::Timestamp;

fn stored(name: &str, text: &str) -> Override {
    let at = Timestamp::from_micros(1_700_000_000_000_000);
    Override { id: TemplateId::mint(at), name: name.to_owned(), text: text.into(), strength: 0 }
}

fn set(channel: Channel, overrides: &[Override]) -> Layer {
    Templates::load(None).expect("loads").try_out(channel, overrides)
}

/// What a text in place of `request.voted` makes of the data.
fn rendered(channel: Channel, text: &str, mut data: Value) -> Result<Value, RenderError> {
    let set = set(channel, &[stored("request.voted", text)]).expect(text);
    set.render("request.voted", &mut data).map(|output| output.body())
}

fn error(text: &str, data: Value) -> String {
    rendered(Channel::Teams, text, data).expect_err("fails").to_string()
}

#[test]
fn every_built_in_template_can_be_put_together() {
    let templates = Templates::load(None).expect("loads");
    for channel in Channel::ALL {
        let set = templates.layers(channel, &[]).next().expect("a set").expect("loads");
        set.check().expect("goes together");
        assert!(set.is_built_in());
    }
}

/// In a release build, what built-in templates render is sent without being read first.
#[test]
fn compact_bodies_say_the_same() {
    let validators = Validators::new().expect("compiles");
    let templates = Templates::load(None).expect("loads");
    let set = templates.layers(Channel::Teams, &[]).next().expect("a set").expect("loads");
    for (kind, sort) in KINDS.iter().flat_map(|kind| Sample::ALL.map(|sort| (kind, sort))) {
        let example = Example::new(kind, sort);
        let declaration = set.declaration();
        let limits = declaration.limits.expect("a chat channel");
        let mut data = fitted(declaration, limits, &set, &validators, &example.notice()).expect("fits").data;
        let output = set.render(kind, &mut data).expect("renders");
        let compact: Value = serde_json::from_str(&output.compact()).expect("JSON");
        assert_eq!(compact, output.body(), "{kind}, {}", sort.as_str());
        validators.check(set.declaration().schema, &compact).expect("valid");
    }
}

#[test]
fn folders_and_names_that_nothing_would_use_are_refused() {
    let missing = Templates::load(Some(Path::new("/nonexistent"))).map(drop).expect_err("no folder");
    assert!(missing.to_string().contains("/nonexistent"));
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("teams")).expect("a folder");
    let file = |name: &str, text: &str| fs::write(folder.path().join("teams").join(name), text).expect("a file");
    file("request.aproved.hbs", "{}");
    let misspelt = Templates::load(Some(folder.path())).map(drop).expect_err("no event").to_string();
    assert!(misspelt.contains("request.aproved.hbs"), "{misspelt}");
    fs::remove_file(folder.path().join("teams/request.aproved.hbs")).expect("removed");
    for name in ["teems", "teams/endpoint"] {
        fs::create_dir(folder.path().join(name)).expect("a folder");
        let odd = Templates::load(Some(folder.path())).map(drop).expect_err(name).to_string();
        assert!(odd.contains(name) && odd.contains("is none of"), "{odd}");
        fs::remove_dir(folder.path().join(name)).expect("removed");
    }
    file("request.voted.hbs", "\n{{> _nowhere}}");
    let broken = Templates::load(Some(folder.path())).map(drop).expect_err("no part").to_string();
    assert_eq!(broken, "template teams/request.voted.hbs, line 2: there is no part _nowhere");
}

#[test]
fn the_strongest_layer_comes_first_and_is_compiled_once() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("custom")).expect("a folder");
    fs::write(folder.path().join("custom/default.hbs"), "1").expect("a file");
    let templates = Templates::load(Some(folder.path())).expect("loads");
    let overrides = [stored("default", "2")];
    let bodies = |channel| -> Vec<Value> {
        let layers = templates.layers(channel, &overrides);
        layers
            .map(|set| set.expect("compiles").render("ping", &mut json!({})).expect("renders").body())
            .take(2)
            .collect()
    };
    assert_eq!(bodies(Channel::Custom), [json!(2), json!(1)]);
    assert_eq!(templates.layers(Channel::Custom, &[]).count(), 2);
    assert_eq!(templates.layers(Channel::Teams, &[]).count(), 1);
    let one = || templates.layers(Channel::Custom, &overrides).next().expect("one").expect("compiles");
    assert!(Arc::ptr_eq(&one(), &one()));
    assert_eq!(templates.below(Channel::Custom, "default"), Some(("1".to_owned(), false)));
    assert!(templates.below(Channel::Teams, "_ask").is_some_and(|(text, built_in)| built_in && text.contains("_card")));
    assert_eq!(templates.below(Channel::Teams, "_none"), None);
}

#[test]
fn broken_json_names_the_templates_line_behind_loops_blocks_and_parts() {
    let data = || json!({"items": ["one", "two", "three"]});
    let text = "{\n\"list\": [\n{{#each items}}\n\"{{this}}\",\n{{/each}}\n],\n\"x\": 1\n}";
    let error = |text: &str| error(text, data());
    assert!(error(text).contains("teams/request.voted.hbs, line 6: what it renders is not JSON"), "{}", error(text));
    assert!(error("{\n\"a\": \"x\"\n\"b\": 1}").contains("line 3"));
    let parts = [stored("request.voted", "[\n{{> _item}}\n]"), stored("_item", "\n{{#if items}}\n\"a\" b\n{{/if}}\n")];
    let set = set(Channel::Teams, &parts).expect("goes together");
    let error = set.render("request.voted", &mut data()).map(|_| ()).expect_err("no JSON").to_string();
    assert!(error.contains("template teams/_item.hbs, line 3"), "{error}");
}

#[test]
fn what_a_schema_refuses_has_its_line_too() {
    let text = "{\n\"a\": [\n{{#each items}}\n{\"n\":\n\"{{this}}\"}{{#unless @last}},{{/unless}}\n{{/each}}]}";
    let set = set(Channel::Custom, &[stored("default", text)]).expect("compiles");
    let mut data = json!({"items": ["one", "two"]});
    let output = set.render("ping", &mut data).expect("renders");
    assert_eq!(output.place("/a/1/n", &mut data), ("custom/default.hbs".to_owned(), 5));
    assert_eq!(output.place("/a", &mut data).1, 2);
    assert_eq!(output.place("/nowhere", &mut data).1, 0);
    assert_eq!(data["items"][1], "two", "it is given back");
}

#[test]
fn missing_values_are_errors_with_their_line() {
    let error = error("{\n\"a\": \"{{nothing}}\"}", json!({}));
    assert!(error.contains("line 2") && error.contains("nothing"), "{error}");
}

#[test]
fn values_cannot_leave_their_string() {
    let data = json!({"x": "\", \"evil\": \"[y](z)\u{202e}", "links": []});
    let value = rendered(Channel::Teams, "{\"a\": \"{{x}}\", \"b\": \"{{plain x}}\", \"c\": {{json x}}}", data)
        .expect("renders");
    assert_eq!(value["a"], "\", \"evil\": \"\\[y\\]\\(z\\)⟨U\\+202E⟩");
    assert_eq!(value["b"], "\", \"evil\": \"[y](z)⟨U+202E⟩");
    assert_eq!(value["c"], value["a"], "for people, each text in it is made harmless");
    assert!(value.get("evil").is_none());
}

#[test]
fn parts_are_where_they_are_named() {
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
    assert!(refused("{{> _frame}}").contains("no block was handed"));
    let itself =
        set(Channel::Teams, &[stored("_a", "{{> _b}}"), stored("_b", "\n{{> _a}}"), stored("ping", "{{> _a}}")]);
    assert_eq!(
        itself.and_then(|set| set.check()).expect_err("a circle").to_string(),
        "template teams/_b.hbs, line 2: _a is part of itself"
    );
}

#[test]
fn parts_cannot_grow_without_end() {
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
            .contains("more than 4 parts")
    );
}

/// As deep as a template may be in all, on a thread as small as a server's.
#[test]
fn the_deepest_template_has_room_on_the_stack() {
    let nest = |inner: &str| "{{#if links}}".repeat(16) + inner + &"{{/if}}".repeat(16);
    let name = |n: usize| format!("_{}", "d".repeat(n));
    let parts = (1..4).map(|n| stored(&name(n), &nest(&format!("{{{{> {}}}}}", name(n + 1)))));
    let all: Vec<Override> = parts.chain([stored(&name(4), &nest("[1]")), stored("ping", &nest("{{> _d}}"))]).collect();
    let deep = std::thread::Builder::new().stack_size(2 * 1024 * 1024).spawn(move || {
        let set = set(Channel::Teams, &all).expect("goes together");
        set.render("ping", &mut json!({"links": [1]})).map(|output| output.body())
    });
    assert_eq!(deep.expect("a thread").join().expect("it ends").expect("renders"), json!([1]));
}

#[test]
fn texts_of_parts_are_bounded_and_what_they_are_given_counts() {
    let big = [stored("_big", &"x".repeat(60_000)), stored("ping", &"{{> _big}}".repeat(3))];
    let error = set(Channel::Teams, &big).and_then(|set| set.check()).expect_err("too big").to_string();
    assert!(error.contains("128 KiB of text"), "{error}");
    let handed = [
        stored("_f", &"{{> @partial-block}}".repeat(40)),
        stored("ping", &format!("{{{{#> _f}}}}{}{{{{/_f}}}}", "x".repeat(5_000))),
    ];
    assert!(
        set(Channel::Teams, &handed).and_then(|set| set.check()).expect_err("too big").to_string().contains("128 KiB")
    );
    let given = format!("{{{{#if (or {})}}}}{{{{/if}}}}", "(eq this this) ".repeat(2_000));
    let error =
        set(Channel::Teams, &[stored("ping", &given)]).and_then(|set| set.check()).expect_err("too much").to_string();
    assert!(error.contains("at most 4000 elements"), "{error}");
}

#[test]
fn one_that_fails_leaves_the_others_alone_and_gives_way_level_by_level() {
    let level = |strength: u8, name: &str, text: &str| Override { strength, ..stored(name, text) };
    let overrides =
        [level(0, "ping", "0"), level(2, "ping", "2"), level(4, "ping", "{{> _gone}}"), level(4, "request.voted", "4")];
    let templates = Templates::load(None).expect("loads");
    let made = |event: &str| -> Vec<Value> {
        let layers = templates.layers(Channel::Teams, &overrides).map(|set| set.expect("parses"));
        layers.take(3).filter_map(|set| Some(set.render(event, &mut json!({})).ok()?.body())).collect()
    };
    assert_eq!(made("ping"), [json!(2), json!(0)]);
    assert_eq!(made("request.voted")[0], json!(4));
}

#[test]
fn what_went_on_for_too_long_is_not_tried_again() {
    let set =
        set(Channel::Custom, &[stored("ping", "{{#each many}}{{#each ../many}}{{/each}}{{/each}}")]).expect("parses");
    let mut data = json!({"many": (0..30_000).collect::<Vec<u32>>()});
    let mut fails = || set.render("ping", &mut data).map(|_| ()).expect_err("too long").to_string();
    assert!(fails().contains("goes on for too long: fewer"));
    assert!(fails().contains("not tried again"));
    // There is nothing below the hub's own, so they are tried each time.
    let built_in = TemplateSet::new(Declaration::of(Channel::Custom), set.sources.clone(), true);
    let mut fails = || built_in.render("ping", &mut data).map(|_| ()).expect_err("too long").to_string();
    assert!(fails().contains("fewer") && fails().contains("fewer"));
}

#[test]
fn what_goes_on_for_too_long_or_writes_too_much_is_stopped() {
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
        assert!(fails(text).contains("goes on for too long"), "{text}: {}", fails(text));
    }
    assert!(fails("\"{{#each many}}{{../text}}{{/each}}\"").contains("2 MiB"));
    assert!(started.elapsed().as_secs() < 60, "as wide as a slow machine needs: without bounds it would be hours");
    let once =
        rendered(Channel::Teams, "[{{#each many}}{{this}},{{/each}}0]", json!({"many": many})).expect("one long list");
    assert_eq!(once.as_array().map(Vec::len), Some(30_001));
}

#[test]
fn helpers_write_what_they_are_called_for() {
    let links = json!([{"review": "https://hub.example.com/c/x|)y"}]);
    let data = json!({
        "event": {"at": "2026-11-21T12:00:00Z"}, "then": "2026-11-21T11:58:30Z", "later": "2026-11-21T13:00:00Z",
        "links": links, "url": "https://hub.example.com/v1", "evil": "https://evil.example.com", "text": "[a](b) <!here> äöü",
        "who": {"name": "Nora [x]", "email": "nora@example.com"}, "mail": "dana@example.com", "nobody": {"name": null, "email": null},
    });
    let line = |channel, text: &str| {
        let body = rendered(channel, &format!("\"{text}\""), data.clone())?;
        Ok::<_, RenderError>(body.as_str().expect("text").to_owned())
    };
    let said = |channel, text: &str| line(channel, text).expect(text);
    assert_eq!(
        said(Channel::Custom, "{{ago then}}; {{until later}}; {{until then}}; {{ago later}}"),
        "1 min 30 s ago; 1 h 0 min; 0 s; just now"
    );
    assert_eq!(said(Channel::Custom, "{{cut text 7}}"), "[a](b)  ✂ 14 bytes more");
    assert_eq!(said(Channel::Teams, "{{plain (cut text 6)}}"), "[a](b) ✂ 15 bytes more");
    assert_eq!(said(Channel::Teams, "{{cut text 6}}"), "\\[a\\]\\(b\\) ✂ 15 bytes more");
    assert_eq!(
        said(Channel::Teams, "{{plain (person who)}}, {{plain (person mail)}}, {{person nobody}}"),
        "Nora [x] (nora@example.com), dana@example.com, a system"
    );
    assert_eq!(
        said(Channel::Slack, "{{#each links}}{{link review ../text}}{{/each}}"),
        "<https://hub.example.com/c/x%7C)y|[a](b) &lt;!here&gt; äöü>"
    );
    assert_eq!(
        said(Channel::Teams, "{{#each links}}{{link review \"See\"}}{{/each}}"),
        "[See](https://hub.example.com/c/x|%29y)"
    );
    assert_eq!(said(Channel::GoogleChat, "{{link url \"See\"}}"), "<a href=\"https://hub.example.com/v1\">See</a>");
    assert_eq!(
        said(Channel::Discord, "{{link 'https://wiki.example.com' \"See\"}}"),
        "[See](<https://wiki.example.com/>)"
    );
    assert_eq!(
        said(Channel::Custom, "{{link url \"See\"}}{{exact evil}}"),
        "https://hub.example.com/v1https://evil.example.com"
    );
    for text in [
        "{{link evil \"x\"}}",
        "{{exact text}}",
        "{{exact evil}}",
        "{{link 'javascript:x' \"x\"}}",
        "{{cut text}}",
        "{{cut text -1}}",
        "{{moment text}}",
        "{{turns who}}",
        "{{raw text}}",
        "{{log text}}",
    ] {
        line(Channel::Teams, text).expect_err(text);
    }
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
    assert!(fails("\"x\" y").contains("line 4: what it renders is not JSON"), "{}", fails("\"x\" y"));
    let part =
        [stored("ping", "{{#if a}}1{{else if b}}{{> _p}}{{/if}}"), stored("_p", "[{{#if a}}1{{else if b}}2{{/if}}]")];
    let made =
        set(Channel::Teams, &part).expect("parses").render("ping", &mut json!({"a": 0, "b": 1})).map(|it| it.body());
    assert_eq!(made.expect("renders"), json!([2]));
}

/// What an `else` with a condition opens is measured like all else.
#[test]
fn no_bound_ends_at_an_else() {
    let within = |inner: &str| format!("{{{{#if a}}}}{{{{else if b}}}}{inner}{{{{/if}}}}");
    let refused = |text: &str| {
        set(Channel::Teams, &[stored("ping", text)]).and_then(|set| set.check()).expect_err(text).to_string()
    };
    assert!(refused(&within("{{> _nowhere}}")).contains("there is no part _nowhere"));
    assert!(refused(&within(&"{{a}}".repeat(4_000))).contains("at most 4000 elements"));
    let many: Vec<u32> = (0..30_000).collect();
    let loops = within("{{#each many}}{{#each ../many}}{{/each}}{{/each}}");
    assert!(error(&loops, json!({"b": 1, "many": many})).contains("goes on for too long"));
    let chained = "{{#if a}}{{else each many}}{{#if a}}{{else each ../many}}{{/if}}{{/if}}";
    assert!(error(chained, json!({"many": many})).contains("goes on for too long"));
}

#[test]
fn a_key_that_is_not_there_is_false_and_cannot_be_written() {
    let data = json!({"labels": {"team": "shop", "none": null}, "list": [1], "n": 5, "links": []});
    let made = |text: &str| rendered(Channel::Teams, text, data.clone());
    for (condition, holds) in [
        ("(lookup labels \"team\")", true),
        ("(lookup labels \"x\")", false),
        ("(lookup list 0)", true),
        ("(lookup list 7)", false),
        ("(lookup n \"x\")", false),
        ("(eq (lookup labels \"x\") \"shop\")", false),
        ("(eq (lookup labels \"team\") \"shop\")", true),
        ("(ne (lookup labels \"x\") \"shop\")", true),
        ("(gt (lookup labels \"x\") 3)", false),
        ("(not (lookup labels \"x\"))", true),
        ("(and n (lookup labels \"x\"))", false),
        ("(or n (lookup labels \"x\"))", true),
        ("(lookup (lookup labels \"x\") \"y\")", false),
    ] {
        let text = format!("{{{{#if {condition}}}}}true{{{{else}}}}false{{{{/if}}}}");
        assert_eq!(made(&text).expect(condition), json!(holds), "{condition}");
    }
    assert_eq!(
        made("\"{{lookup labels \"team\"}}, {{plain (lookup labels \"team\")}}\"").expect("there"),
        "shop, shop"
    );
    assert_eq!(made("[{{json (lookup labels \"x\")}}]").expect("as JSON it is null"), json!([null]));
    assert_eq!(made("[{{#each (lookup labels \"x\")}}1{{else}}2{{/each}}]").expect("there is an else"), json!([2]));
    for text in
        ["\"{{lookup labels \"x\"}}\"", "\"{{plain (lookup labels \"x\")}}\"", "\"{{cut (lookup labels \"x\") 9}}\""]
    {
        let refused = made(text).expect_err(text).to_string();
        assert!(refused.contains("lookup finds none: ask by {{#if (lookup …)}} first"), "{refused}");
    }
    for text in [
        "{{#if (lookup lables \"x\")}}1{{/if}}0",
        "{{#if (eq nothing 1)}}1{{/if}}0",
        "[{{#each (lookup labels \"x\")}}1{{/each}}]",
    ] {
        assert!(made(text).expect_err(text).to_string().contains("there is no value"), "{text}");
    }
}

/// Or a requester could choose by the words of a value which helper is called.
#[test]
fn what_a_call_makes_is_no_name_of_a_helper() {
    let made =
        |text: &str| rendered(Channel::Teams, "\"{{(cut text 50)}}{{plain (cut text 50)}}\"", json!({"text": text}));
    for text in ["link", "json", "turns of a loop", "text", "hello"] {
        assert_eq!(made(text).expect(text), json!(format!("{text}{text}")));
    }
}

#[test]
fn names_are_those_of_events_and_parts() {
    for name in ["request.created", "ping", "default", "_ask", "_my_part"] {
        assert!(is_name(name), "{name}");
    }
    for name in ["request.aproved", "_", "", "_Ask", "_a.b", "../x", &format!("_{}", "a".repeat(41))] {
        assert!(!is_name(name), "{name}");
    }
}
