//! What is asked for, and what is run of what came back: words, never a shell's line.

use std::ffi::OsString;

use serde_json::{Map, Value};

use crate::approval::{Kind, Payload, limits};
use crate::cli::exit::Stopped;

/// Member of the context that holds the command of a script.
const ARGV: &str = "argv";

/// What would be run, as it is put before people.
#[derive(Debug)]
pub(super) struct Plan {
    /// What is asked for.
    pub(super) payload: Payload,
    /// Whether the text is a script for the command's standard input, and not the command itself.
    pub(super) script: bool,
}

/// What is run.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Runnable {
    /// The program, found by `PATH`.
    pub(super) program: String,
    /// Its arguments.
    pub(super) arguments: Vec<String>,
    /// What it reads; without, what `exec` would read.
    pub(super) stdin: Option<String>,
}

impl Plan {
    /// A command's words are what is approved.
    pub(super) fn of_command(
        argv: Vec<OsString>,
        language: Option<String>,
        context: Option<Value>,
    ) -> Result<Self, Stopped> {
        let command = shell_words::join(&words(argv)?);
        Self { payload: payload(command, language, "argv", context), script: false }.checked()
    }

    /// A script is what is approved; the command that reads it goes into the context, so that the digest covers it too.
    pub(super) fn of_script(
        script: &[u8],
        argv: Vec<OsString>,
        language: Option<String>,
        context: Option<Value>,
    ) -> Result<Self, Stopped> {
        let usage = |text: &str| Stopped::Usage(text.to_owned());
        if script.len() > limits::COMMAND {
            return Err(Stopped::Usage(format!("the script is too long: at most {} bytes", limits::COMMAND)));
        }
        let script = std::str::from_utf8(script).map_err(|_| usage("the script is not UTF-8"))?.to_owned();
        let mut members = match context {
            None => Map::new(),
            Some(Value::Object(members)) => members,
            Some(_) => return Err(usage("with --stdin the context must be a JSON object: the command is added to it")),
        };
        if members.insert(ARGV.to_owned(), words(argv)?.into()).is_some() {
            return Err(usage("with --stdin the context must not have a member \"argv\": the command is put there"));
        }
        Self { payload: payload(script, language, "script", Some(members.into())), script: true }.checked()
    }

    fn checked(self) -> Result<Self, Stopped> {
        self.payload.validate(Kind::Action).map_err(|error| Stopped::Usage(error.to_string()))?;
        if self.payload.command.contains('\0') {
            return Err(Stopped::Usage("what is asked for holds the character U+0000".to_owned()));
        }
        // What people approve must be what is run, to the byte.
        if self.payload.command.len() > limits::COMMAND {
            return Err(Stopped::Usage(format!("the command is too long: at most {} bytes", limits::COMMAND)));
        }
        Ok(self)
    }
}

fn payload(command: String, language: Option<String>, default: &str, context: Option<Value>) -> Payload {
    // A context that says `null` and none at all are one thing to the hub.
    let context = context.filter(|context| !context.is_null());
    Payload { command, language: Some(language.unwrap_or_else(|| default.to_owned())), context, duration_seconds: None }
}

/// The words of the command line. What would not come back as it was is refused before anybody is asked.
fn words(argv: Vec<OsString>) -> Result<Vec<String>, Stopped> {
    let words: Vec<String> = argv
        .into_iter()
        .map(|word| word.into_string())
        .collect::<Result<_, _>>()
        .map_err(|word| Stopped::Usage(format!("the command holds what is not UTF-8: {}", word.display())))?;
    if words.iter().any(|word| word.contains('\0')) {
        return Err(Stopped::Usage("the command holds the character U+0000".to_owned()));
    }
    if shell_words::split(&shell_words::join(&words)).as_ref() != Ok(&words) {
        return Err(Stopped::Usage("the command cannot be written as text and read back".to_owned()));
    }
    Ok(words)
}

/// What to run of an approved payload.
///
/// # Errors
/// When it is none: somebody changed the text to one that holds no words.
pub(super) fn runnable(approved: &Payload, script: bool) -> Result<Runnable, Stopped> {
    let refused = |why: &str| Stopped::NotRunnable(format!("what was approved cannot be run: {why}"));
    let (words, stdin) = if script {
        let argv = approved.context.as_ref().and_then(|context| context.get(ARGV)).and_then(Value::as_array);
        let words: Option<Vec<String>> = argv.map_or_else(Vec::new, Clone::clone).into_iter().map(text).collect();
        (
            words.ok_or_else(|| refused("\"argv\" in the context holds other things than texts"))?,
            Some(&approved.command),
        )
    } else {
        (shell_words::split(&approved.command).map_err(|error| refused(&error.to_string()))?, None)
    };
    if words.iter().any(|word| word.contains('\0')) {
        return Err(refused("it holds the character U+0000"));
    }
    let mut words = words.into_iter();
    let program = words.next().ok_or_else(|| refused("it holds no words"))?;
    Ok(Runnable { program, arguments: words.collect(), stdin: stdin.cloned() })
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt as _;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn os(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    fn approved(command: &str) -> Payload {
        payload(command.to_owned(), None, "argv", None)
    }

    proptest! {
        #[test]
        fn what_is_asked_for_is_what_is_run(
            argv in prop::collection::vec(any::<String>().prop_map(|word| word.replace('\0', "")), 1..8),
        ) {
            // A command that shows nothing at all is refused; every other one comes back word by word.
            match Plan::of_command(argv.iter().map(OsString::from).collect(), None, None) {
                Err(Stopped::Usage(_)) => prop_assert!(approved(&shell_words::join(&argv)).validate(Kind::Action).is_err()),
                Err(other) => prop_assert!(false, "{other}"),
                Ok(plan) => {
                    let Runnable { program, arguments, stdin } = runnable(&plan.payload, false).unwrap();
                    prop_assert_eq!([vec![program], arguments].concat(), argv);
                    prop_assert_eq!(stdin, None);
                }
            }
        }

        #[test]
        fn words_that_shells_give_a_meaning_to_come_back(
            argv in prop::collection::vec("[ \t\n'\"\\\\$`#~*?\\[\\]{}()<>|&;!=%a-z-]{0,12}", 1..8),
        ) {
            prop_assert_eq!(shell_words::split(&shell_words::join(&argv)), Ok(argv));
        }
    }

    #[test]
    fn an_approvers_text_is_words_and_no_shell_line() {
        let Runnable { program, arguments, .. } = runnable(&approved("echo a && rm -rf $HOME > 'x y'"), false).unwrap();
        assert_eq!(
            (program.as_str(), arguments),
            ("echo", ["a", "&&", "rm", "-rf", "$HOME", ">", "x y"].map(str::to_owned).to_vec())
        );
        for none in ["", "  \n", "# only a remark", "echo 'open", "a\0b"] {
            assert_eq!(runnable(&approved(none), false).unwrap_err().code(), 126, "{none:?}");
        }
    }

    #[test]
    fn a_script_is_read_by_the_command_in_the_context() {
        let plan =
            Plan::of_script(b"select 1;\n", os(&["psql", "-X"]), None, Some(json!({"table": "orders"}))).unwrap();
        assert_eq!(plan.payload.context, Some(json!({"table": "orders", "argv": ["psql", "-X"]})));
        assert_eq!(plan.payload.language.as_deref(), Some("script"));
        let run = runnable(&plan.payload, plan.script).unwrap();
        assert_eq!((run.program.as_str(), run.stdin.as_deref()), ("psql", Some("select 1;\n")));
        for context in [json!({"argv": []}), json!([1]), json!("x")] {
            assert_eq!(Plan::of_script(b"x", os(&["sh"]), None, Some(context)).unwrap_err().code(), 2);
        }
        for wrong in [json!({"argv": [1]}), json!({"argv": []}), json!({})] {
            let payload = payload("x".to_owned(), None, "script", Some(wrong));
            assert_eq!(runnable(&payload, true).unwrap_err().code(), 126);
        }
    }

    #[test]
    fn what_cannot_be_asked_for_is_a_usage_error() {
        let latin = vec![OsString::from("echo"), OsString::from_vec(vec![0xe9])];
        let long = "x".repeat(limits::COMMAND + 1);
        for argv in [latin, os(&["a\0b"]), os(&["\u{200b}"]), os(&[&long])] {
            assert_eq!(Plan::of_command(argv, None, None).unwrap_err().code(), 2);
        }
        for script in [&b""[..], b" \n", b"\xff", b"a\0b", long.as_bytes()] {
            assert_eq!(Plan::of_script(script, os(&["sh"]), None, None).unwrap_err().code(), 2);
        }
    }
}
