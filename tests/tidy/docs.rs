//! What has to be documented. `missing_docs` would demand a sentence for each field as well, also where the name says it all.

use crate::tidy::sources;

/// What leaves a module: everything that is `pub` without a restriction.
const ITEMS: &[&str] =
    &["fn", "async fn", "const fn", "struct", "enum", "trait", "type", "const", "static", "mod", "macro"];

/// Lines of product files that declare a public item without a doc comment; and files that do not say what they are.
fn undocumented(name: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    if !text.starts_with("//!") {
        found.push(format!("{name} does not begin with what it is (`//!`)"));
    }
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    for (at, line) in lines.iter().enumerate() {
        let Some(item) = line.strip_prefix("pub ") else { continue };
        // A module's own file says what it is.
        if !ITEMS.iter().any(|kind| item.starts_with(&format!("{kind} "))) || item.starts_with("mod ") {
            continue;
        }
        let mut before = lines.iter().take(at).rev().skip_while(|line| line.starts_with("#["));
        if !before
            .next()
            .is_some_and(|line| line.starts_with("///") || line.starts_with("$(#[") || line.ends_with(")]"))
        {
            found.push(format!("{name}:{} {line}", at + 1));
        }
    }
    found
}

#[test]
fn public_items_say_what_they_are() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let found: Vec<String> = sources()
        .iter()
        .filter_map(|(path, text)| Some((path.strip_prefix(root).ok()?, text)))
        .filter(|(path, _)| path.starts_with("src"))
        .flat_map(|(path, text)| undocumented(&path.display().to_string(), text))
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn an_item_without_a_sentence_is_found() {
    let text = "//! A file.\n\n/// A thing.\n#[derive(Debug)]\npub struct Thing {\n    pub field: u8,\n}\n\npub fn bare() {}\n";
    assert_eq!(undocumented("file.rs", text), ["file.rs:9 pub fn bare() {}"]);
    assert_eq!(undocumented("file.rs", "use std::io;\n").len(), 1);
}
