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
/// When the filter is none, or logging was started before.
pub(super) fn start(settings: &Settings) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&settings.log)
        .with_context(|| format!("{:?} is no log filter: try info, or countersign=debug", settings.log))?;
    for target in unknown_log_targets(&settings.log) {
        output::tell(&format!(
            "COUNTERSIGN_LOG (or --log) names {target:?}, under which nothing is logged; the hub's own lines are countersign's"
        ));
    }
    let builder = tracing_subscriber::fmt().with_env_filter(filter);
    let started = match settings.log_format {
        LogFormat::Text => builder.with_ansi(false).with_target(false).with_writer(|| Lines(text_line)).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).with_writer(|| Lines(ascii_json)).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("cannot start logging: {error}"))
}

/// Standard error, a line at a time, each made safe to look at: much of what is logged comes from elsewhere. Hence no colours: their
/// escapes could not be told from somebody else's.
struct Lines(fn(&str) -> String);

impl Write for Lines {
    /// Is given a line as a whole.
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
    fn a_line_stays_one_and_steers_no_terminal() {
        assert_eq!(text_line("WARN x=\u{1b}[2J\nINFO forged\u{202e}"), "WARN x=⟨U+001B⟩[2J ⏎ INFO forged⟨U+202E⟩");
    }
}
