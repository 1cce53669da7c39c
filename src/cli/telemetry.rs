//! Logging, to standard error.

use std::io::{self, Write};

use anyhow::Context;
use tracing_subscriber::EnvFilter;

use super::output;
use crate::channels::text::{ascii_json, one_line, visible};
use crate::config::{LogFormat, Settings, unknown_log_targets};

/// Starts logging.
///
/// # Errors
/// The filter is invalid, or logging was already started.
pub(super) fn start(settings: &Settings) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&settings.log)
        .with_context(|| format!("invalid log filter {:?}: try info, or countersign=debug", settings.log))?;
    for target in unknown_log_targets(&settings.log) {
        output::eprint(&format!(
            "COUNTERSIGN_LOG (or --log) has the target {target:?}, which logs nothing; the hub's own target is countersign"
        ));
    }
    let builder = tracing_subscriber::fmt().with_env_filter(filter);
    let started = match settings.log_format {
        LogFormat::Text => builder.with_ansi(false).with_target(false).with_writer(|| Lines(text_line)).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).with_writer(|| Lines(ascii_json)).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("cannot start logging: {error}"))
}

/// Writes log lines to standard error, with control characters made visible: much of what is logged was written by
/// others. Hence no colours: their escape sequences would look like those in the logged text.
struct Lines(fn(&str) -> String);

impl Write for Lines {
    /// Writes `line`, which is always a whole line.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        writeln!(io::stderr().lock(), "{}", (self.0)(text.trim_end_matches('\n')))?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

fn text_line(line: &str) -> String {
    visible(&one_line(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one_line_without_control_characters() {
        assert_eq!(text_line("WARN x=\u{1b}[2J\nINFO forged\u{202e}"), "WARN x=⟨U+001B⟩[2J ⏎ INFO forged⟨U+202E⟩");
    }
}
