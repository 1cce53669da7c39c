//! Helper processes of the benchmark: the same program with a hidden command. They read orders as lines of JSON, and
//! answer in the same way. They end when their standard input ends, so none of them outlives the benchmark.

use std::process::Stdio;

use anyhow::Context;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines, Stdin};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::super::output;

/// A running helper, as the benchmark sees it.
pub(super) struct Helper {
    name: &'static str,
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Helper {
    /// Starts this program under the command `name`.
    pub(super) fn start(name: &'static str, args: &[String], token: Option<&str>) -> anyhow::Result<Self> {
        let mut command = program()?;
        command.arg(name).args(args).stdin(Stdio::piped()).stdout(Stdio::piped());
        if let Some(token) = token {
            command.env(super::super::client::TOKEN_VARIABLE, token);
        }
        let mut child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let output = BufReader::new(output.context("no standard output")?).lines();
        Ok(Self { name, child, input: input.context("no standard input")?, output })
    }

    /// Sends an order.
    pub(super) async fn write(&mut self, order: &impl Serialize) -> anyhow::Result<()> {
        let line = format!("{}\n", serde_json::to_string(order)?);
        self.input.write_all(line.as_bytes()).await.with_context(|| format!("{} has ended", self.name))
    }

    /// Reads the next answer.
    pub(super) async fn read<T: DeserializeOwned>(&mut self) -> anyhow::Result<T> {
        let line = self.output.next_line().await?.with_context(|| format!("{} has ended", self.name))?;
        serde_json::from_str(&line).with_context(|| format!("{} answered {line:?}", self.name))
    }

    /// Sends an order, and waits for the answer.
    pub(super) async fn call<T: DeserializeOwned>(&mut self, order: &impl Serialize) -> anyhow::Result<T> {
        self.write(order).await?;
        self.read().await
    }

    /// Its process id.
    pub(super) fn process(&self) -> anyhow::Result<u32> {
        self.child.id().with_context(|| format!("{} has ended", self.name))
    }
}

/// Returns a command for this program, without the environment's settings for other hubs.
pub(super) fn program() -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("cannot find this program's file")?);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("COUNTERSIGN_") || text == "REVIEW_TIMEOUT_SEC" {
            command.env_remove(&name);
        }
    }
    command.kill_on_drop(true);
    Ok(command)
}

/// The orders that a helper process reads.
pub(super) struct Orders(Lines<BufReader<Stdin>>);

impl Orders {
    /// Reads orders from standard input.
    pub(super) fn from_stdin() -> Self {
        Self(BufReader::new(tokio::io::stdin()).lines())
    }

    /// Returns the next order, or `None` at the end.
    pub(super) async fn next<T: DeserializeOwned>(&mut self) -> anyhow::Result<Option<T>> {
        let line = self.0.next_line().await?;
        line.map(|line| serde_json::from_str(&line).with_context(|| format!("invalid order: {line:?}"))).transpose()
    }
}

/// Writes an answer to standard output.
pub(super) fn answer(answer: &impl Serialize) -> anyhow::Result<()> {
    output::print_exact(format!("{}\n", serde_json::to_string(answer)?).as_bytes())
}
