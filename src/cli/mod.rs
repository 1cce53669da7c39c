//! The command line: one file or folder for each command. Commands that call a running hub read `COUNTERSIGN_URL` and
//! `COUNTERSIGN_TOKEN`, or use the session of `countersign login`.

mod analytics;
mod apply;
mod backup;
mod bench;
mod caller;
mod client;
mod connection;
mod credentials;
mod decide;
mod demo;
mod endpoint;
mod exec;
mod exit;
mod explain;
mod hub_url;
mod keyring;
mod keys;
mod login;
mod oauth;
mod output;
mod pages;
mod progress;
mod request;
mod serve;
mod shown;
mod sign_in_link;
mod signals;
mod slack;
mod telemetry;
mod template;
mod token;
mod waiting;
mod workload;

use std::ffi::OsStr;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

/// An approval hub: systems request approval, people decide in their own chat, and every step is delivered, audited and
/// counted.
#[derive(Debug, Parser)]
#[command(
    name = "countersign",
    version,
    max_term_width = 100,
    after_help = "\
Try it:     countersign demo                   a hub with a sample policy, and a page with its cards
Run it:     countersign serve                  keeps all data in ./countersign-data
Set it up:  countersign apply -f hub.toml      groups, people, resources, endpoints
Sign in:    countersign login URL              in your browser; all commands then use that session
Use it:     countersign exec --resource orders-db -- psql -c 'delete from carts'
                                               waits for approval, then runs the approved command"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the hub
    Serve(Box<serve::Serve>),
    /// Run a temporary hub with a sample policy, sample requests, and a page that shows the cards it sends
    Demo(demo::Demo),
    /// Apply a file of groups, people, resources, endpoints and templates to a running hub
    Apply(apply::Apply),
    /// Run a command after its approval
    Exec(exec::Exec),
    /// Create, list, show, wait for and cancel requests
    Request(request::Request),
    /// Approve a request, or a changed command instead
    Approve(decide::Approve),
    /// Reject a request
    Reject(decide::Reject),
    /// Explain a request's status, and who can decide it
    Explain(explain::Explain),
    /// Show, test, pause and resume endpoints, and replay their deliveries
    Endpoint(endpoint::Endpoint),
    /// Try message templates, and change those of a running hub
    Template(template::Template),
    /// Create, list, rotate and revoke API tokens
    Token(token::Token),
    /// Sign in to a hub in your browser
    Login(login::Login),
    /// Sign out of a hub
    Logout(login::Logout),
    /// Show as whom you call which hub, and until when
    Whoami(login::Whoami),
    /// Make a link with which a person can sign in once
    SignInLink(sign_in_link::SignInLink),
    /// Link your Slack account
    Slack(slack::Slack),
    /// List and rotate the keys that sign links
    Keys(keys::Keys),
    /// Copy a hub's database and keys, also while the hub runs
    Backup(backup::Backup),
    /// Report and export statistics of requests
    Analytics(analytics::Analytics),
    /// Measure a hub's performance on this machine
    Bench(bench::Bench),
    /// Receive the messages of a benchmark
    #[command(hide = true)]
    BenchSink(bench::BenchSink),
    /// Create the requests of a benchmark
    #[command(hide = true)]
    BenchLoad(bench::BenchLoad),
}

impl Command {
    /// The runtime. The helper processes of a benchmark need one thread only; more would add overhead to the
    /// measurement.
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
            Command::Token(command) => command.run().await,
            Command::Login(command) => done(command.run().await),
            Command::Logout(command) => done(command.run().await),
            Command::Whoami(command) => done(command.run().await),
            Command::SignInLink(command) => done(command.run().await),
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

/// Treats a variable that is set but blank as absent: deployment templates leave a blank variable for a value that was
/// not given.
fn without_blank_variables(command: clap::Command) -> clap::Command {
    let is_blank = |name: &OsStr| std::env::var(name).is_ok_and(|value| crate::unicode::unwrapped(&value).is_empty());
    let command = command.mut_args(|argument| match argument.get_env() {
        Some(name) if is_blank(name) => argument.env(None),
        _ => argument,
    });
    command.mut_subcommands(without_blank_variables)
}

/// The exit code of commands that have no special ones.
fn done(result: anyhow::Result<()>) -> anyhow::Result<ExitCode> {
    result.map(|()| ExitCode::SUCCESS)
}

/// Prints what is wrong with the command line and exits. If the invalid value came from the environment, it names the
/// variable.
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
            output::eprint(&format!("countersign: the environment variable {} is invalid", variable.display()));
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
