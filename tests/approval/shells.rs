//! Commands that an allow pattern accepts, run by real shells: nothing beyond the pattern may happen.

use std::path::Path;
use std::process::{Command, Stdio};

use countersign::approval::{Guardrail, Guardrails, Payload, Ruling};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

/// The shells that are tried: bash is always there, and dash is `sh` unless it has a name of its own.
const SHELLS: [&str; 5] = ["bash", "dash", "sh", "zsh", "ksh"];

/// Pieces of command lines, some of which leave a mark.
const PIECES: [&str; 47] = [
    "touch m",
    " touch m ",
    "touch m;",
    "a",
    "b c",
    " ",
    " ",
    "'",
    "'",
    "\"",
    "\"",
    "\\",
    "$",
    "(",
    ")",
    "`",
    "{",
    "}",
    "|",
    "&",
    ";",
    "\n",
    ">",
    "<",
    "#",
    " # ",
    "m",
    "=",
    "!",
    "[",
    "]",
    "@P",
    "x:=",
    "$(",
    "<(",
    "&& ",
    "|| ",
    "; ",
    "echo ",
    "$'",
    "$\"",
    "*",
    "~",
    "%",
    "^",
    "-",
    "eval ",
];

fn allows(rules: &Guardrails, command: &str, language: Option<&str>) -> bool {
    let language = language.map(str::to_owned);
    let payload = Payload { command: command.to_owned(), language, context: None, duration_seconds: None };
    matches!(rules.judge(&payload).verdict, Ruling::Allowed { .. })
}

/// Whether a shell did more than print, that is, left a file in its working folder.
fn leaves_a_mark(shell: &str, command: &str) -> Option<bool> {
    let folder = tempfile::tempdir().expect("a folder");
    let mut run = Command::new(shell);
    run.args(["-c", command])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    run.status().ok()?;
    Some(!is_empty(folder.path()))
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).expect("a folder").next().is_none()
}

fn rules() -> Guardrails {
    let rules = json!([{"name": "echo", "effect": "allow", "pattern": "(?s)echo .*"}]);
    Guardrails::compile(&serde_json::from_value::<Vec<Guardrail>>(rules).expect("rules")).expect("a set of rules")
}

#[test]
fn an_allowed_command_does_nothing_else_in_any_shell() {
    let rules = rules();
    let shells: Vec<_> = SHELLS.into_iter().filter(|shell| leaves_a_mark(shell, "touch mark") == Some(true)).collect();
    assert!(shells.contains(&"bash") && shells.contains(&"sh"), "{shells:?}");
    let lines = prop::collection::vec(prop::sample::select(&PIECES[..]), 1..12)
        .prop_map(|pieces| format!("echo {}", pieces.concat()));
    let language = prop::sample::select(vec![None, Some("bash"), Some("sql"), Some("python")]);
    let mut runner = TestRunner::new(Config { cases: 6_000, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&(lines, language), |(line, language)| {
        if !allows(&rules, &line, language) {
            return Ok(());
        }
        for shell in &shells {
            prop_assert_eq!(leaves_a_mark(shell, &line), Some(false), "{:?} in {}", line, shell);
        }
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

#[test]
fn each_way_to_run_more_is_effective_in_bash_and_not_allowed() {
    let rules = rules();
    for line in [
        "echo a && touch m",
        "echo a & touch m; wait",
        "echo a; touch m",
        "echo a\ntouch m",
        "echo a | tee m",
        "echo a > m",
        "echo $(touch m)",
        "echo \"$(touch m)\"",
        "echo `touch m`",
        "echo \"`touch m`\"",
        "echo a # '\ntouch m #'",
        "echo <(touch m); sleep 0.2",
        "echo ${x:='$(touch m)'}${x@P}",
        "echo $((x[$(touch m)1]))",
        "echo $'a\\'' ; touch m #'",
    ] {
        assert_eq!(leaves_a_mark("bash", line), Some(true), "{line:?} does nothing in bash");
        assert!(!allows(&rules, line, Some("bash")), "{line:?} passes");
    }
    for line in ["echo 'a; touch m'", "echo \"a > m\" && echo b", "echo 'a | tee m' & echo \"it's\""] {
        assert_eq!(leaves_a_mark("bash", line), Some(false), "{line:?}");
        assert!(allows(&rules, line, Some("bash")), "{line:?} does not pass");
    }
}
