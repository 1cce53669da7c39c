//! What commands print: results to standard output, everything else to standard error.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use serde_json::Value;

use crate::channels::text::visible;

/// Prints a result for a person. Much of it comes from elsewhere, so nothing in it may steer the terminal. A reader that went away
/// (`| head`) is no failure of ours.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    write(visible(text).as_bytes())
}

/// Prints a result for a program, to the byte; a terminal is shown no hidden character all the same.
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

/// Tells something to the person at the terminal.
pub(super) fn tell(text: &str) {
    // Nobody is left to be told that standard error is gone.
    let _gone = writeln!(io::stderr(), "{}", visible(text));
}

/// Tells a line to a program that reads standard error, to the byte; a terminal is shown no hidden character all the same.
pub(super) fn tell_exact(line: &str) {
    if io::stderr().is_terminal() {
        return tell(line);
    }
    let _gone = writeln!(io::stderr(), "{line}");
}

/// Prints the hub's answer: its JSON, or what it says to a person.
pub(super) fn print_answer(json: bool, answer: &Value, describe: impl FnOnce(&Value) -> String) -> anyhow::Result<()> {
    if json { print_exact(format!("{answer:#}\n").as_bytes()) } else { print(&describe(answer)) }
}

/// Tells why a command failed, cause by cause.
pub(super) fn failed(error: &anyhow::Error) -> ExitCode {
    tell(&format!("countersign: {error}"));
    for cause in error.chain().skip(1) {
        tell(&format!("  because: {cause}"));
    }
    ExitCode::FAILURE
}
