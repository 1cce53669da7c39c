//! The command line: one file a command. Commands that talk to a running hub read `COUNTERSIGN_URL` and `COUNTERSIGN_TOKEN`.

mod analytics;
mod apply;
mod client;
mod demo;
mod output;
mod serve;
mod telemetry;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

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
    let Cli { command } = Cli::parse();
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Cli::command().debug_assert();
    }
}
