//! Output of commands: results to standard output, everything else to standard error.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use serde_json::Value;

use crate::channels::text::visible;

/// Prints a result for a person, with control characters made visible: much of it was written by others, and must not
/// control the terminal. A closed pipe (`| head`) is not an error.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    write(visible(text).as_bytes())
}

/// Prints a result for a program, byte for byte; on a terminal, control characters are made visible.
pub(super) fn print_exact(text: &[u8]) -> anyhow::Result<()> {
    if io::stdout().is_terminal() { print(&String::from_utf8_lossy(text)) } else { write(text) }
}

fn write(bytes: &[u8]) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}

/// Prints a line to standard error for a person, with control characters made visible.
pub(super) fn eprint(text: &str) {
    // When standard error is closed, there is nowhere to report that.
    let _closed = writeln!(io::stderr(), "{}", visible(text));
}

/// Prints a line to standard error for a program, byte for byte; on a terminal, control characters are made visible.
pub(super) fn eprint_exact(line: &str) {
    if io::stderr().is_terminal() {
        return eprint(line);
    }
    let _closed = writeln!(io::stderr(), "{line}");
}

/// Prints the hub's answer: its JSON, or its description for a person.
pub(super) fn print_answer(json: bool, answer: &Value, describe: impl FnOnce(&Value) -> String) -> anyhow::Result<()> {
    if json { print_exact(format!("{answer:#}\n").as_bytes()) } else { print(&describe(answer)) }
}

/// Prints why a command failed, cause by cause.
pub(super) fn failed(error: &anyhow::Error) -> ExitCode {
    eprint(&format!("countersign: {error}"));
    for cause in error.chain().skip(1) {
        eprint(&format!("  because: {cause}"));
    }
    ExitCode::FAILURE
}
