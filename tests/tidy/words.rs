//! Words that have a plainer one: who reads the code or the documentation should not stop at a word.

use std::path::Path;

use crate::tidy::sources;

/// The word, and what to write instead.
const PLAINER: &[(&str, &str)] = &[
    ("anew", "again"),
    ("hears of", "is notified of, receives"),
    ("looks after", "manages"),
    ("cannot be meant", "is invalid"),
    ("taken away", "deleted, revoked"),
    ("takes away", "deletes, revokes"),
    ("becomes of", "is the result of"),
    ("nought", "zero"),
    ("sets out", "starts, is sent"),
    ("whoever", "the caller, everyone who, anyone who"),
];

fn offences(name: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let words = line.to_ascii_lowercase();
        for (word, plainer) in PLAINER {
            let is_whole = |(at, _): (usize, &str)| {
                let is_letter = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
                let bytes = words.as_bytes();
                !is_letter(at.checked_sub(1).and_then(|at| bytes.get(at))) && !is_letter(bytes.get(at + word.len()))
            };
            if words.match_indices(word).any(is_whole) {
                found.push(format!("{name}:{}: \"{word}\": write {plainer}", at + 1));
            }
        }
    }
    found
}

#[test]
fn plain_words_are_used() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut texts = sources();
    for folder in ["docs", "examples", "templates/pages", "templates/pages/settings", "."] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let is_prose = path.extension().is_some_and(|end| ["md", "toml", "html"].iter().any(|known| end == *known));
            if is_prose {
                texts.push((path.clone(), std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let own = root.join("tests/tidy/words.rs");
    let found: Vec<String> = texts
        .iter()
        .filter(|(path, _)| *path != own)
        .flat_map(|(path, text)| offences(&path.strip_prefix(root).unwrap_or(path).display().to_string(), text))
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn only_whole_words_count() {
    assert_eq!(offences("x", "Whoever asks, asks anew.").len(), 2);
    assert_eq!(offences("x", "renewed, manewal, whoevers"), Vec::<String>::new());
}
