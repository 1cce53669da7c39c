//! House rules that a machine can check: which layer may know which, what has to be documented, how long a file may be.

mod circles;
mod docs;
mod lengths;
mod threats;
mod words;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn sources() -> Vec<(PathBuf, String)> {
    fn walk(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push((path.clone(), std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let mut found = Vec::new();
    for folder in ["src", "tests"] {
        walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut found);
    }
    found
}

/// Files under `src/{layer}` that hold any of the words.
fn offenders(layer: &str, words: &[&str]) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    for (path, text) in sources() {
        let Ok(inside) = path.strip_prefix(&root) else { continue };
        if !inside.starts_with(layer) {
            continue;
        }
        for word in words.iter().filter(|word| text.contains(**word)) {
            found.push(format!("{} knows {word}", inside.display()));
        }
    }
    found
}

#[test]
fn only_the_store_speaks_sql() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let strangers: Vec<_> = sources()
        .into_iter()
        .filter(|(path, _)| path.starts_with(&root) && !path.starts_with(root.join("store")))
        .filter(|(_, text)| text.contains("sqlx::"))
        .map(|(path, _)| path)
        .collect();
    assert!(strangers.is_empty(), "{strangers:?}");
}

#[test]
fn the_core_knows_no_clock_no_runtime_and_no_layer_above_it() {
    let io = [
        "tokio", "reqwest", "axum", "sqlx", "std::fs", "std::net", "std::env", "Clock", "::now(", "async ", "random::",
    ];
    let above = ["crate::store", "crate::hub", "crate::http", "crate::delivery", "crate::channels", "crate::cli"];
    assert_eq!(offenders("approval", &[&io[..], &above[..]].concat()), Vec::<String>::new());
}

#[test]
fn data_flows_downwards() {
    for (layer, above) in [
        (
            "store",
            &["crate::hub", "crate::http", "crate::cli", "crate::delivery", "crate::channels", "crate::server"][..],
        ),
        ("channels", &["crate::hub", "crate::http", "crate::cli", "crate::delivery", "crate::server"]),
        ("delivery", &["crate::hub", "crate::http", "crate::cli", "crate::server"]),
        ("hub", &["crate::http", "crate::cli", "crate::server", "axum"]),
        ("http", &["crate::cli", "crate::server"]),
        ("links", &["crate::store", "crate::hub", "crate::http", "crate::delivery", "tokio"]),
        ("audit", &["crate::store", "crate::hub", "crate::http", "tokio"]),
        ("analytics", &["crate::store", "crate::hub", "crate::http", "tokio"]),
        ("identity", &["crate::store", "crate::hub", "crate::http", "tokio"]),
        ("oidc", &["crate::store", "crate::hub", "crate::http", "crate::delivery", "crate::cli", "crate::server"]),
    ] {
        assert_eq!(offenders(layer, above), Vec::<String>::new(), "{layer}");
    }
}

#[test]
fn one_place_reads_the_machines_time() {
    let readers = offenders("", &["SystemTime::now", "jiff::Timestamp::now"]);
    assert_eq!(readers, ["time.rs knows jiff::Timestamp::now"]);
}

/// What others wrote is made safe to look at by `channels/text`; each file that cuts, prints or logs without it has to be listed here.
#[test]
fn text_of_others_goes_one_way() {
    let cutters = offenders("", &["floor_char_boundary", "ceil_char_boundary"]);
    let files: BTreeSet<&str> = cutters.iter().filter_map(|found| found.split(' ').next()).collect();
    let expected = ["approval/diff.rs", "channels/templates/lines.rs", "channels/text/cut.rs", "cli/exec/capture.rs"];
    assert_eq!(files, expected.into());
    let printers = offenders("", &["std::io::stdout", " io::stdout()", "io::stderr()"]);
    let files: BTreeSet<&str> = printers.iter().filter_map(|found| found.split(' ').next()).collect();
    assert_eq!(files, ["cli/exec/mod.rs", "cli/output.rs", "cli/telemetry.rs"].into());
    assert_eq!(offenders("", &["tracing_subscriber::fmt"]), ["cli/telemetry.rs knows tracing_subscriber::fmt"]);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages =
        ["templates/pages", "templates/pages/settings"].map(|folder| std::fs::read_dir(root.join(folder)).unwrap());
    for path in pages.into_iter().flatten().map(|page| page.unwrap().path()).filter(|path| path.is_file()) {
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains("safe"), "{} writes something unescaped", path.display());
    }
}

/// What a page shows is on the page: nobody decides beside a box that has to be scrolled, and blanks do not vanish where lines wrap.
#[test]
fn no_style_hides_a_part_of_a_text() {
    let styles = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/css");
    for style in std::fs::read_dir(styles).unwrap() {
        let path = style.unwrap().path();
        // In a list, a command is one line that leads to the whole: nobody decides there.
        let lines = std::fs::read_to_string(&path).unwrap();
        let text: String =
            lines.lines().filter(|line| !line.starts_with(".clip {") && !line.starts_with("@media")).collect();
        for hiding in ["max-height", "overflow: auto", "overflow: scroll", "overflow-y", "text-overflow", "line-clamp"]
        {
            assert!(!text.contains(hiding), "{} holds {hiding}", path.display());
        }
    }
    for (style, rule) in [
        (
            include_str!("../../assets/css/base.css"),
            ".words .l { display: block; min-height: 1.45em; white-space: break-spaces;",
        ),
        (
            include_str!("../../assets/css/code.css"),
            ".code .l { display: block; position: relative; white-space: break-spaces;",
        ),
    ] {
        assert!(style.contains(rule), "{rule}");
    }
}

#[test]
fn nothing_is_left_over() {
    for (path, text) in sources() {
        // Written so that this file does not hold them itself.
        for word in [
            concat!("TO", "DO"),
            concat!("FIX", "ME"),
            concat!("to", "do!("),
            concat!("unimple", "mented!("),
            concat!("dbg", "!("),
        ] {
            assert!(!text.contains(word), "{} holds {word}", path.display());
        }
    }
}
