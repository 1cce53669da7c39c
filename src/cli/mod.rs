//! The command line: one file a command. Commands that talk to a running hub read `COUNTERSIGN_URL` and `COUNTERSIGN_TOKEN`.

mod analytics;
mod apply;
mod client;
mod demo;
mod output;
mod serve;
mod telemetry;

use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, Parser, Subcommand};

/// An approval hub: systems ask, people decide where they already are, every step is delivered, proven and counted.
#[derive(Debug, Parser)]
#[command(
    name = "countersign",
    version,
    max_term_width = 100,
    after_help = "\
Try it:   countersign demo                     a hub, a sample policy and a page that shows the cards it sends
Run it:   countersign serve                    keeps everything in ./countersign-data
Fill it:  countersign apply -f hub.toml        groups, people, resources, endpoints"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the hub
    Serve(serve::Serve),
    /// Run a throwaway hub with a sample policy, a receiver that shows the cards, and requests to decide
    Demo(demo::Demo),
    /// Make a running hub's groups, people, resources and endpoints what a file says
    Apply(apply::Apply),
    /// See how approving goes
    Analytics(analytics::Analytics),
}

/// Runs the program.
pub fn main() -> ExitCode {
    let Cli { command } = Cli::try_parse().unwrap_or_else(|error| exit_with(&error));
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return output::failed(&error.into()),
    };
    let result = runtime.block_on(async {
        match command {
            Command::Serve(command) => command.run().await,
            Command::Demo(command) => command.run().await,
            Command::Apply(command) => command.run().await,
            Command::Analytics(command) => command.run().await,
        }
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => output::failed(&error),
    }
}

/// Says what is wrong with the command line, and when the value came from the environment, from which variable.
fn exit_with(error: &clap::Error) -> ! {
    if let (Some(ContextValue::String(argument)), true) = (error.get(ContextKind::InvalidArg), error.use_stderr()) {
        let flag = argument.split(' ').next().unwrap_or_default();
        let given = std::env::args().any(|word| word == flag || word.starts_with(&format!("{flag}=")));
        let command = Cli::command();
        let variable = command
            .get_subcommands()
            .flat_map(clap::Command::get_arguments)
            .find(|known| known.get_long().is_some_and(|long| flag.strip_prefix("--") == Some(long)))
            .and_then(clap::Arg::get_env);
        if let (Some(variable), false) = (variable, given) {
            output::tell(&format!("countersign: the environment variable {} cannot be used", variable.display()));
        }
    }
    error.exit()
}

#[cfg(test)]
mod tests {
    use super::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Cli::command().debug_assert();
    }
}
