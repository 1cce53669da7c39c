//! The threat model names tests that exist.

use std::path::Path;

const MODEL: &str = include_str!("../../docs/threat-model.md");

/// The rows of its tables, as cells.
fn rows() -> impl Iterator<Item = Vec<&'static str>> {
    let cells = |line: &'static str| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>();
    MODEL.lines().filter(|line| line.starts_with('|')).map(cells)
}

/// Whether there is a function of that name in the file that the path names.
fn is_test(path: &str) -> bool {
    let Some((module, name)) = path.rsplit_once("::") else { return false };
    let folder = module.replace("::", "/");
    let unit = folder.strip_suffix("/tests").unwrap_or(&folder);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let candidates = [
        format!("tests/{folder}.rs"),
        format!("tests/{folder}/mod.rs"),
        format!("src/{unit}.rs"),
        format!("src/{unit}/mod.rs"),
        format!("src/{unit}/tests.rs"),
    ];
    let texts = candidates.iter().filter_map(|file| std::fs::read_to_string(root.join(file)).ok());
    texts.into_iter().any(|text| text.contains(&format!("fn {name}(")))
}

#[test]
fn every_row_of_the_threat_model_names_tests_that_exist() {
    let mut named = 0;
    for row in rows().filter(|row| !row.iter().all(|cell| cell.starts_with("---")) && row.first() != Some(&"wants to"))
    {
        assert_eq!(row.len(), 3, "{row:?}");
        let tests: Vec<&str> = row[2].split(", ").map(|test| test.trim_matches('`')).collect();
        for test in &tests {
            assert!(is_test(test), "docs/threat-model.md names the test {test}, which does not exist");
        }
        named += tests.len();
    }
    assert!(named > 60, "{named}");
    assert!(!is_test("identity::threats::no_such_test") && !is_test("a_call_from_another_site_changes_nothing"));
}

#[test]
fn every_section_of_the_threat_model_says_what_remains() {
    let sections: Vec<&str> = MODEL.split("\n## ").skip(1).collect();
    assert!(sections.len() >= 12, "{}", sections.len());
    for section in sections {
        assert_eq!(section.matches("**Remains:**").count(), 1, "{}", section.lines().next().unwrap_or_default());
    }
}
