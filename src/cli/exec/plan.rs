//! The payload that `exec` asks for, and the program it runs from the approved payload: words, never a shell command
//! line.

use std::ffi::OsString;

use serde_json::{Map, Value};

use crate::approval::{Kind, Payload, limits};
use crate::cli::exit::Stopped;

/// Member of the context that holds the command of a script.
const ARGV: &str = "argv";

/// What `exec` asks approval for.
#[derive(Debug)]
pub(super) struct ExecPlan {
    pub(super) payload: Payload,
    /// Whether the text is a script for the command's standard input, and not the command itself.
    pub(super) script: bool,
}

/// The program to run, from an approved payload.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Runnable {
    /// A path, or a name that is searched in `PATH`.
    pub(super) program: String,
    pub(super) arguments: Vec<String>,
    /// The script for its standard input; `None` inherits that of `exec`.
    pub(super) stdin: Option<String>,
}

impl ExecPlan {
    /// Plans a command: its words are the text to approve.
    pub(super) fn of_command(
        argv: Vec<OsString>,
        language: Option<String>,
        context: Option<Value>,
    ) -> Result<Self, Stopped> {
        let command = shell_words::join(&words(argv)?);
        Self { payload: payload(command, language, "argv", context), script: false }.checked()
    }

    /// Plans a script: its text is approved. The command that reads it goes into the context, so that the digest covers
    /// it too.
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
            Some(_) => {
                return Err(usage("with --stdin, the context must be a JSON object: the command is added to it"));
            }
        };
        if members.insert(ARGV.to_owned(), words(argv)?.into()).is_some() {
            return Err(usage(
                "with --stdin, the context must not have a member \"argv\": the command is added as \"argv\"",
            ));
        }
        Self { payload: payload(script, language, "script", Some(members.into())), script: true }.checked()
    }

    fn checked(self) -> Result<Self, Stopped> {
        self.payload.validate(Kind::Action).map_err(|error| Stopped::Usage(error.to_string()))?;
        if self.payload.command.contains('\0') {
            return Err(Stopped::Usage("the script contains the character U+0000".to_owned()));
        }
        // The hub must keep the command unchanged, so that the approved bytes are the bytes that are run.
        if self.payload.command.len() > limits::COMMAND {
            return Err(Stopped::Usage(format!("the command is too long: at most {} bytes", limits::COMMAND)));
        }
        Ok(self)
    }
}

fn payload(command: String, language: Option<String>, default: &str, context: Option<Value>) -> Payload {
    // To the hub, a context of `null` and no context are the same.
    let context = context.filter(|context| !context.is_null());
    Payload { command, language: Some(language.unwrap_or_else(|| default.to_owned())), context, duration_seconds: None }
}

/// The words of the command line. Words that do not survive quoting and parsing are refused before anyone is asked.
fn words(argv: Vec<OsString>) -> Result<Vec<String>, Stopped> {
    let words: Vec<String> = argv
        .into_iter()
        .map(|word| word.into_string())
        .collect::<Result<_, _>>()
        .map_err(|word| Stopped::Usage(format!("the command is not UTF-8: {}", word.display())))?;
    if words.iter().any(|word| word.contains('\0')) {
        return Err(Stopped::Usage("the command contains the character U+0000".to_owned()));
    }
    if shell_words::split(&shell_words::join(&words)).as_ref() != Ok(&words) {
        return Err(Stopped::Usage("the command cannot be quoted and read back unchanged".to_owned()));
    }
    Ok(words)
}

/// Returns the program to run from an approved payload.
///
/// # Errors
/// [`Stopped::NotRunnable`] when the payload is not a command, for example because an approver changed it to text
/// without words.
pub(super) fn runnable(approved: &Payload, script: bool) -> Result<Runnable, Stopped> {
    let refused = |why: &str| Stopped::NotRunnable(format!("the approved command cannot be run: {why}"));
    let (words, stdin) = if script {
        let argv = approved.context.as_ref().and_then(|context| context.get(ARGV)).and_then(Value::as_array);
        let words: Option<Vec<String>> = argv.map_or_else(Vec::new, Clone::clone).into_iter().map(text).collect();
        (words.ok_or_else(|| refused("\"argv\" in the context is not a list of strings"))?, Some(&approved.command))
    } else {
        (shell_words::split(&approved.command).map_err(|error| refused(&error.to_string()))?, None)
    };
    if words.iter().any(|word| word.contains('\0')) {
        return Err(refused("it contains the character U+0000"));
    }
    let mut words = words.into_iter();
    let program = words.next().ok_or_else(|| refused("it is empty"))?;
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
        fn the_words_asked_for_are_the_words_run(
            argv in prop::collection::vec(any::<String>().prop_map(|word| word.replace('\0', "")), 1..8),
        ) {
            // A command without visible characters is refused; every other one is returned word by word.
            match ExecPlan::of_command(argv.iter().map(OsString::from).collect(), None, None) {
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
        fn words_with_shell_syntax_are_returned_unchanged(
            argv in prop::collection::vec("[ \t\n'\"\\\\$`#~*?\\[\\]{}()<>|&;!=%a-z-]{0,12}", 1..8),
        ) {
            prop_assert_eq!(shell_words::split(&shell_words::join(&argv)), Ok(argv));
        }
    }

    #[test]
    fn an_approvers_text_is_split_into_words_without_a_shell() {
        let Runnable { program, arguments, .. } = runnable(&approved("echo a && rm -rf $HOME > 'x y'"), false).unwrap();
        assert_eq!(
            (program.as_str(), arguments),
            ("echo", ["a", "&&", "rm", "-rf", "$HOME", ">", "x y"].map(str::to_owned).to_vec())
        );
        for invalid in ["", "  \n", "# only a comment", "echo 'open", "a\0b"] {
            assert_eq!(runnable(&approved(invalid), false).unwrap_err().code(), 126, "{invalid:?}");
        }
    }

    #[test]
    fn a_script_is_read_by_the_command_in_the_context() {
        let plan =
            ExecPlan::of_script(b"select 1;\n", os(&["psql", "-X"]), None, Some(json!({"table": "orders"}))).unwrap();
        assert_eq!(plan.payload.context, Some(json!({"table": "orders", "argv": ["psql", "-X"]})));
        assert_eq!(plan.payload.language.as_deref(), Some("script"));
        let run = runnable(&plan.payload, plan.script).unwrap();
        assert_eq!((run.program.as_str(), run.stdin.as_deref()), ("psql", Some("select 1;\n")));
        for context in [json!({"argv": []}), json!([1]), json!("x")] {
            assert_eq!(ExecPlan::of_script(b"x", os(&["sh"]), None, Some(context)).unwrap_err().code(), 2);
        }
        for wrong in [json!({"argv": [1]}), json!({"argv": []}), json!({})] {
            let payload = payload("x".to_owned(), None, "script", Some(wrong));
            assert_eq!(runnable(&payload, true).unwrap_err().code(), 126);
        }
    }

    #[test]
    fn invalid_commands_and_scripts_are_usage_errors() {
        let latin = vec![OsString::from("echo"), OsString::from_vec(vec![0xe9])];
        let long = "x".repeat(limits::COMMAND + 1);
        for argv in [latin, os(&["a\0b"]), os(&["\u{200b}"]), os(&[&long])] {
            assert_eq!(ExecPlan::of_command(argv, None, None).unwrap_err().code(), 2);
        }
        for script in [&b""[..], b" \n", b"\xff", b"a\0b", long.as_bytes()] {
            assert_eq!(ExecPlan::of_script(script, os(&["sh"]), None, None).unwrap_err().code(), 2);
        }
    }
}
