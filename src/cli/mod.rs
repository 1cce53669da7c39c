//! The command line: one file a command. Commands that talk to a running hub read `COUNTERSIGN_URL` and `COUNTERSIGN_TOKEN`.

mod analytics;
mod apply;
mod backup;
mod bench;
mod client;
mod connection;
mod decide;
mod demo;
mod endpoint;
mod exec;
mod exit;
mod explain;
mod hub_url;
mod keys;
mod output;
mod pages;
mod progress;
mod request;
mod serve;
mod shown;
mod signals;
mod slack;
mod telemetry;
mod template;
mod waiting;

use std::ffi::OsStr;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

/// An approval hub: systems ask, people decide where they already are, every step is delivered, proven and counted.
#[derive(Debug, Parser)]
#[command(
    name = "countersign",
    version,
    max_term_width = 100,
    after_help = "\
Try it:   countersign demo                     a hub, a sample policy and a page that shows the cards it sends
Run it:   countersign serve                    keeps everything in ./countersign-data
Fill it:  countersign apply -f hub.toml        groups, people, resources, endpoints
Use it:   countersign exec --resource orders-db -- psql -c 'delete from carts'
                                               asks, waits, and runs exactly what was approved"
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
    /// Make a running hub's groups, people, resources, endpoints and templates what a file says
    Apply(apply::Apply),
    /// Run a command once it is approved
    Exec(exec::Exec),
    /// Ask for approvals, look at them, wait for them, take them back
    Request(request::Request),
    /// Approve a request, or something else in its place
    Approve(decide::Approve),
    /// Reject a request
    Reject(decide::Reject),
    /// Say why a request is as it is, and who can decide it
    Explain(explain::Explain),
    /// Look at what endpoints are sent, try them out, hold them back, send again
    Endpoint(endpoint::Endpoint),
    /// Try out message templates, and change those of a running hub
    Template(template::Template),
    /// Say that an account in Slack is yours
    Slack(slack::Slack),
    /// Look at the keys that links are signed with, and replace them
    Keys(keys::Keys),
    /// Copy a hub's database and keys, also while it runs
    Backup(backup::Backup),
    /// See how approving goes
    Analytics(analytics::Analytics),
    /// Measure what a hub does on this machine
    Bench(bench::Bench),
    /// Take messages for a benchmark
    #[command(hide = true)]
    BenchSink(bench::BenchSink),
    /// Ask for a benchmark
    #[command(hide = true)]
    BenchLoad(bench::BenchLoad),
}

impl Command {
    /// What a benchmark's helpers do fits one thread, and handing it to others would only cost.
    fn runtime(&self) -> tokio::runtime::Builder {
        match self {
            Self::BenchSink(_) | Self::BenchLoad(_) => tokio::runtime::Builder::new_current_thread(),
            _ => tokio::runtime::Builder::new_multi_thread(),
        }
    }
}

/// Runs the program.
pub fn main() -> ExitCode {
    let arguments = without_blank_variables(Cli::command()).try_get_matches();
    let parsed = arguments.and_then(|arguments| Cli::from_arg_matches(&arguments));
    let Cli { command } = parsed.unwrap_or_else(|error| exit_with(&error));
    let runtime = match command.runtime().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output::failed(&error.into()),
    };
    let result = runtime.block_on(async {
        match command {
            Command::Serve(command) => done(command.run().await),
            Command::Demo(command) => done(command.run().await),
            Command::Apply(command) => done(command.run().await),
            Command::Exec(command) => command.run().await,
            Command::Request(command) => command.run().await,
            Command::Approve(command) => done(command.run().await),
            Command::Reject(command) => done(command.run().await),
            Command::Explain(command) => done(command.run().await),
            Command::Endpoint(command) => command.run().await,
            Command::Template(command) => command.run().await,
            Command::Slack(command) => done(command.run().await),
            Command::Keys(command) => done(command.run()),
            Command::Backup(command) => done(command.run().await),
            Command::Analytics(command) => done(command.run().await),
            Command::Bench(command) => command.run().await,
            Command::BenchSink(command) => done(command.run().await),
            Command::BenchLoad(command) => done(command.run().await),
        }
    });
    result.unwrap_or_else(|error| output::failed(&error))
}

/// A variable that is set but blank counts as absent: that is what deployment templates leave of a value that nobody gave.
fn without_blank_variables(command: clap::Command) -> clap::Command {
    let is_blank = |name: &OsStr| std::env::var(name).is_ok_and(|value| crate::unicode::unwrapped(&value).is_empty());
    let command = command.mut_args(|argument| match argument.get_env() {
        Some(name) if is_blank(name) => argument.env(None),
        _ => argument,
    });
    command.mut_subcommands(without_blank_variables)
}

/// Commands that either do it or fail have no other exit codes.
fn done(result: anyhow::Result<()>) -> anyhow::Result<ExitCode> {
    result.map(|()| ExitCode::SUCCESS)
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
