//! Which templates exist, which one renders a message, and what happens when one fails.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use super::stored;
use crate::channels::Declaration;
use crate::channels::chat::fitted;
use crate::channels::samples::{Example, Sample};
use crate::channels::schema::Validators;
use crate::channels::templates::{Override, Templates, is_name};
use crate::store::endpoints::Channel;
use crate::store::events::KINDS;

/// The kinds are listed twice, in `KINDS` and in `built_in_chat!`.
#[test]
fn chat_channels_have_one_template_for_each_kind_of_event() {
    for channel in Channel::ALL.into_iter().filter(|channel| Declaration::of(*channel).is_chat()) {
        let names = Declaration::of(channel).templates.iter().map(|(name, _)| *name);
        let events: Vec<&str> = names.filter(|name| !name.starts_with('_')).collect();
        assert_eq!(events, KINDS, "{}", channel.as_str());
    }
}

#[test]
fn every_built_in_template_can_be_expanded() {
    let templates = Templates::load(None).expect("loads");
    for channel in Channel::ALL {
        let set = templates.layers(channel, &[]).next().expect("a set").expect("loads");
        set.check().expect("expands");
        assert!(set.is_built_in());
    }
}

/// A release build sends the output of built-in templates without parsing it first.
#[test]
fn compact_bodies_have_the_same_value() {
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
fn unknown_folders_and_names_are_rejected() {
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
        assert!(odd.contains(name) && odd.contains("unknown folder"), "{odd}");
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
fn a_failing_template_falls_back_layer_by_layer_and_affects_no_other() {
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
fn names_are_those_of_events_and_parts() {
    for name in ["request.created", "ping", "default", "_ask", "_my_part"] {
        assert!(is_name(name), "{name}");
    }
    for name in ["request.aproved", "_", "", "_Ask", "_a.b", "../x", &format!("_{}", "a".repeat(41))] {
        assert!(!is_name(name), "{name}");
    }
}
