//! What commands print: results to standard output, everything else to standard error.

use std::io::{self, Write};
use std::process::ExitCode;

/// Prints a result. A reader that went away (`| head`) is no failure of ours.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    write(text.as_bytes())
}

/// Writes bytes of a result.
pub(super) fn write(bytes: &[u8]) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}

/// Tells something to the person at the terminal.
pub(super) fn tell(text: &str) {
    // Nobody is left to be told that standard error is gone.
    let _gone = writeln!(io::stderr(), "{text}");
}

/// Tells why a command failed, cause by cause.
pub(super) fn failed(error: &anyhow::Error) -> ExitCode {
    tell(&format!("countersign: {error}"));
    for cause in error.chain().skip(1) {
        tell(&format!("  because: {cause}"));
    }
    ExitCode::FAILURE
}
