//! No file needs a file that needs it: read off the `use` lines of `src/`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::sources;

/// A module: its path without `crate`, for example `["delivery", "egress"]`.
type Module = Vec<String>;

/// One file's `use` lines.
struct Source {
    file: String,
    /// Full paths of what it takes from this crate.
    uses: Vec<Module>,
    /// Names that it passes on from elsewhere, with where they come from.
    passes_on: BTreeMap<String, Module>,
}

/// The module of a file under `src/`: `delivery/egress/mod.rs` is `delivery::egress`.
fn module_of(file: &str) -> Module {
    let path = file.trim_end_matches(".rs");
    let path = path.strip_suffix("/mod").unwrap_or(path);
    if path == "lib" { Vec::new() } else { path.split('/').map(str::to_owned).collect() }
}

/// `a::{b, c::{d, e as f}}` as `a::b`, `a::c::d` and `a::c::e`, each with the name that it has here.
fn expand(tree: &str) -> Vec<(Vec<String>, String)> {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else {
        let (path, alias) = tree.split_once(" as ").map_or((tree, None), |(path, alias)| (path, Some(alias.trim())));
        let mut path: Vec<String> = path.trim().split("::").map(|name| name.trim().to_owned()).collect();
        if path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        let name = alias.map(str::to_owned).or_else(|| path.last().cloned()).unwrap_or_default();
        return vec![(path, name)];
    };
    let prefix: Vec<String> =
        tree[..open].trim_end_matches("::").split("::").map(|name| name.trim().to_owned()).collect();
    let inside = tree[open + 1..].trim_end().strip_suffix('}').expect("a brace closes");
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (at, c) in inside.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&inside[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&inside[start..]);
    let whole = parts.into_iter().filter(|part| !part.trim().is_empty()).flat_map(expand);
    whole.map(|(path, name)| ([prefix.clone(), path].concat(), name)).collect()
}

/// A path from inside a module as one from the crate's root; nothing for other crates.
fn absolute(module: &Module, path: &[String], modules: &BTreeMap<Module, Source>) -> Option<Module> {
    let mut base = match path.first()?.as_str() {
        "crate" => Vec::new(),
        "self" | "super" => module.clone(),
        // A child is named without `self::`.
        first if modules.contains_key(&[module.clone(), vec![first.to_owned()]].concat()) => {
            return Some([module.clone(), path.to_vec()].concat());
        }
        _ => return None,
    };
    for (at, name) in path.iter().enumerate() {
        match name.as_str() {
            "crate" | "self" if at == 0 => {}
            "super" => {
                base.pop();
            }
            _ => base.push(name.clone()),
        }
    }
    Some(base)
}

/// The module in which what a path names is written, through names that are passed on.
fn home(path: &Module, modules: &BTreeMap<Module, Source>, depth: u8) -> Module {
    let mut module = Module::new();
    for (at, name) in path.iter().enumerate() {
        let child = [module.clone(), vec![name.clone()]].concat();
        if modules.contains_key(&child) {
            module = child;
        } else {
            let passed_on = modules.get(&module).and_then(|source| source.passes_on.get(name));
            return match passed_on {
                Some(from) if depth > 0 => home(&[from.clone(), path[at + 1..].to_vec()].concat(), modules, depth - 1),
                _ => module,
            };
        }
    }
    module
}

/// A file's `use` lines outside of its tests: whether each passes on what it takes, and what that is.
fn use_lines(text: &str) -> Vec<(bool, String)> {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let mut found = Vec::new();
    let mut rest = code;
    while let Some(at) = rest.find("use ") {
        let line = rest[..at].rsplit('\n').next().unwrap_or_default();
        let is_line = line.is_empty() || line.starts_with("pub") && line.ends_with(' ');
        let after = &rest[at + 4..];
        let end = after.find(';').unwrap_or(after.len());
        if is_line {
            found.push((!line.is_empty(), after[..end].to_owned()));
        }
        rest = &after[if is_line { end } else { 0 }..];
    }
    found
}

fn modules() -> BTreeMap<Module, Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let texts: Vec<(String, String)> = sources()
        .into_iter()
        .filter_map(|(path, text)| Some((path.strip_prefix(&root).ok()?.to_str()?.to_owned(), text)))
        .filter(|(file, _)| !file.contains("tests"))
        .collect();
    let mut modules: BTreeMap<Module, Source> = texts
        .iter()
        .map(|(file, _)| {
            let source = Source { file: file.clone(), uses: Vec::new(), passes_on: BTreeMap::new() };
            (module_of(file), source)
        })
        .collect();
    for (file, text) in &texts {
        let module = module_of(file);
        let (mut uses, mut passes_on) = (Vec::new(), BTreeMap::new());
        for (is_passed_on, tree) in use_lines(text) {
            for (path, name) in expand(&tree) {
                let Some(path) = absolute(&module, &path, &modules) else { continue };
                if is_passed_on {
                    passes_on.insert(name, path);
                } else {
                    uses.push(path);
                }
            }
        }
        let source = modules.get_mut(&module).expect("it was just put there");
        (source.uses, source.passes_on) = (uses, passes_on);
    }
    modules
}

/// What each file needs, by its path under `src/`.
fn needs() -> BTreeMap<String, BTreeSet<String>> {
    let modules = modules();
    let file_of = |path: &Module| modules[&home(path, &modules, 8)].file.clone();
    let needs = modules.values().map(|source| {
        let needed = source.uses.iter().map(file_of).filter(|needed| *needed != source.file);
        (source.file.clone(), needed.collect())
    });
    needs.collect()
}

/// All files that a file needs, directly or through others.
fn reached<'a>(from: &'a str, needs: &'a BTreeMap<String, BTreeSet<String>>) -> BTreeSet<&'a str> {
    let (mut reached, mut waiting) = (BTreeSet::new(), vec![from]);
    while let Some(file) = waiting.pop() {
        for needed in needs.get(file).into_iter().flatten() {
            if reached.insert(needed.as_str()) {
                waiting.push(needed);
            }
        }
    }
    reached
}

#[test]
fn no_file_needs_a_file_that_needs_it() {
    let needs = needs();
    let within: BTreeSet<&str> =
        needs.keys().map(String::as_str).filter(|file| reached(file, &needs).contains(file)).collect();
    let ties: Vec<String> = within
        .iter()
        .flat_map(|file| {
            let tied = needs[*file].iter().filter(|needed| reached(needed, &needs).contains(file));
            tied.map(move |needed| format!("{file} needs {needed}"))
        })
        .collect();
    assert!(ties.is_empty(), "circles of files:\n{}", ties.join("\n"));
}

#[test]
fn needs_are_followed_to_where_a_name_is_written() {
    let needs = needs();
    let directly = &needs["delivery/launcher.rs"];
    assert!(
        directly.contains("delivery/scheduler/mod.rs") && directly.contains("delivery/scheduler/endpoint_queue.rs")
    );
    // `use crate::delivery::TargetPolicy`, which `delivery/mod.rs` passes on.
    assert!(needs["hub/services.rs"].contains("delivery/target/mod.rs"), "{:?}", needs["hub/services.rs"]);
    assert!(reached("delivery/dispatcher/mod.rs", &needs).contains("delivery/egress/dns.rs"));
    assert!(!reached("delivery/launcher.rs", &needs).contains("delivery/dispatcher/mod.rs"), "the loop is above it");
}
