//! How long a file and a function may be.

use crate::tidy::sources;

/// Lines of a file.
const FILE: usize = 400;
/// Lines of a function, from its name to its closing brace.
const FUNCTION: usize = 60;

/// Functions with more than [`FUNCTION`] lines. The text is formatted, so a function ends at the first closing brace that
/// stands as far to the right as its beginning.
fn long_functions(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let margin = line.len() - code.len();
        let Some(name) = declared(code) else { continue };
        let end = lines.iter().skip(at).position(|line| {
            line.strip_prefix(&" ".repeat(margin)).is_some_and(|rest| rest.starts_with('}') || is_whole(rest))
        });
        let length = end.map_or(0, |end| end + 1);
        if length > FUNCTION {
            found.push((name.to_owned(), length));
        }
    }
    found
}

/// A declaration without a body, or with its body on the same line.
fn is_whole(line: &str) -> bool {
    declared(line).is_some() && (line.ends_with(';') || line.ends_with('}'))
}

/// The name of the function that the line declares.
fn declared(line: &str) -> Option<&str> {
    let words: Vec<&str> = line.split(' ').collect();
    let at = words.iter().position(|word| *word == "fn")?;
    let modifiers = words.get(..at)?;
    let all_are = |known: &[&str]| modifiers.iter().all(|word| word.starts_with("pub") || known.contains(word));
    all_are(&["async", "const", "extern"]).then_some(())?;
    words.get(at + 1)?.split(['(', '<']).next()
}

#[test]
fn no_file_is_too_long() {
    for (path, text) in sources() {
        assert!(text.lines().count() <= FILE, "{} has more than {FILE} lines: cut it by subject", path.display());
    }
}

/// ARCHITECTURE.md is read in fifteen minutes, and its changes are reviewed line by line.
#[test]
fn the_architecture_stays_short() {
    let text = include_str!("../../ARCHITECTURE.md");
    assert!(text.lines().count() <= 250, "move what is about one module into its documentation");
    let wide: Vec<&str> = text.lines().filter(|line| line.chars().count() > 100).collect();
    assert!(wide.is_empty(), "wrap at 100 columns:\n{}", wide.join("\n"));
}

#[test]
fn no_function_is_too_long() {
    let mut found = Vec::new();
    for (path, text) in sources() {
        for (name, length) in long_functions(&text) {
            found.push(format!("{} {name}: {length} lines", path.display()));
        }
    }
    assert!(found.is_empty(), "give a function one job, and {FUNCTION} lines at most:\n{}", found.join("\n"));
}

#[test]
fn a_long_function_is_found_and_what_stands_behind_it_is_not_counted() {
    let body = "        let _ = 1;\n".repeat(FUNCTION);
    let text =
        format!("impl Thing {{\n    pub(crate) async fn long<T>(&self) {{\n{body}    }}\n\n    fn short(&self);\n}}\n");
    assert_eq!(long_functions(&text), [("long".to_owned(), FUNCTION + 2)]);
    assert_eq!(long_functions("fn short() {}\n"), []);
}
