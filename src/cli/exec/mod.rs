//! `countersign exec` asks for approval of a command, waits for the decision, claims the approval, runs the approved
//! command, and reports the result.
//!
//! # Types
//! [`ExecPlan`] is the payload that is asked for. [`Run`] carries one call through all steps. [`Claim`] is the right to
//! run, with its fencing token; [`plan::Runnable`] is the program and arguments from the claimed payload. [`RunReport`]
//! is the result. [`Stopped`] says why nothing was run, and has the exit code.
//!
//! # Steps, and what happens when the hub is away
//! 1. **Ask.** Creates the request with an `Idempotency-Key`, and retries for a minute. The key makes repeated calls
//!    create one request. If no answer arrives, nothing runs (123); a request that was created expires.
//! 2. **Wait.** Long-polls until the request is decided. An absent hub is retried until some time after the deadline:
//!    it may return with a decision that was made in time. Giving up is safe, because an approval alone runs nothing.
//! 3. **Claim.** Claims the execution for the approved digest, with an `Idempotency-Key`, and retries for five minutes.
//!    The hub grants a request's claim once; a repeated call with the same key returns that same claim. If no answer
//!    arrives, nothing runs (123). A claim that the hub granted meanwhile becomes `unknown` when its lease ends.
//! 4. **Verify.** Computes the digest of the claimed payload here. If it is not the approved digest, nothing runs, and
//!    the run is reported as failed. So the claim cannot bring another command than the one that was shown as approved.
//! 5. **Run.** Starts the program without a shell, passes its output through, and keeps a bounded copy. A heartbeat a
//!    minute extends the lease of 15 minutes. Neither an absent hub nor a refused heartbeat stops the command.
//! 6. **Report.** Sends exit code, output and its digest with the fencing token, and retries for five minutes. Then
//!    it compares what the hub recorded with what it sent. If the hub stays away, only the record is incomplete:
//!    the execution becomes `unknown`, and the exit code is still the command's own.
//!
//! The command runs at most once: it starts only after a verified claim, and nothing after the start repeats it.
//!
//! # Signals and exit codes
//! A signal during steps 1 and 2 cancels the request, or revokes it when it was approved at the same time. Between
//! claim and start, it reports the run as failed. While the command runs, it goes to the command; afterwards, it ends the
//! report. The exit code is the command's own, 128+n when signal n ended it, 126 or 127 when it cannot start, or
//! [`Stopped::code`].

mod capture;
mod child;
mod claim;
mod plan;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::io::Read as _;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use self::capture::{Capture, Captured};
use self::claim::{Claim, RunReport};
use self::plan::ExecPlan;
use super::client::Client;
use super::connection::{Call, CallError, Connection};
use super::exit::Stopped;
use super::progress::Progress;
use super::request::{label, parse_json};
use super::shown::{RequestStatus, Shown};
use super::signals::{Completion, Signals};
use super::waiting;
use crate::approval::{Email, ResourceName, limits};
use crate::channels::text::indented;

/// Run a command once it is approved: asks, waits, and then runs exactly what was approved, without a shell.
#[derive(Debug, Args)]
#[command(after_help = "\
Approvers see the command and its arguments, and exactly these are run: no shell expands them. \
If an approver changes the command, the change is shown, and then the changed command is run. \
With --stdin, the approvers approve the text on standard input, and the command reads that text.

Ctrl-C while waiting cancels the request. If the hub is away, for example during a restart, exec waits for it.

Exit code: the command's own, 128+n when signal n ended it, or
  120  rejected
  121  expired: no decision before the deadline
  122  cancelled, replaced, revoked, not used in time, or Ctrl-C
  123  the hub cannot be reached, refuses, or returns an invalid answer
  126  the command cannot be run
  127  the program was not found

Examples:
  countersign exec --resource orders-db --reason 'Old carts' -- \\
    psql -c 'delete from carts where age > 90'
  countersign exec --resource orders-db --language sql --stdin -- \\
    psql -X -v ON_ERROR_STOP=1 <cleanup.sql")]
pub(super) struct Exec {
    /// The resource that the command acts on
    #[arg(long, value_name = "NAME")]
    resource: ResourceName,
    /// The reason, shown to the approvers
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Language of the command or script [default: argv; with --stdin: script]
    #[arg(long, value_name = "NAME")]
    language: Option<String>,
    /// More facts for the approvers
    #[arg(long, value_name = "JSON", value_parser = parse_json)]
    context: Option<Value>,
    /// A label; may be repeated
    #[arg(long = "label", value_name = "NAME=TEXT", value_parser = label)]
    labels: Vec<(String, String)>,
    /// Time until the request expires [default: the resource's timeout]
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u32>,
    /// The person who asks [default: the token's owner]
    #[arg(long, value_name = "EMAIL")]
    requester: Option<Email>,
    /// Ask for approval of the script on standard input; the command then reads it as its standard input
    #[arg(long)]
    stdin: bool,
    /// Report progress on standard error, one JSON object a line; the last one has the outcome
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    client: Client,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    argv: Vec<OsString>,
}

/// The facts of the last line of `--json`.
#[derive(Debug, Default)]
struct RunSummary {
    request: Option<Shown>,
    ran: bool,
    reported: bool,
    output_digest: Option<String>,
}

impl Exec {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let progress = Progress::new(self.json);
        let mut summary = RunSummary::default();
        let result = match self.client.connect().await {
            Ok(hub) => self.carry_out(&hub, &progress, &mut summary).await,
            Err(error) => Err(Stopped::Usage(format!("{error:#}"))),
        };
        let (code, why) = match result {
            Ok(code) => (code, None),
            Err(stopped) => (stopped.code(), Some(stopped.to_string())),
        };
        if self.json {
            let facts = json!({
                "request": summary.request.as_ref().map(|request| request.id),
                "status": summary.request.as_ref().map(|request| request.status.as_str()),
                "ran": summary.ran, "reported": summary.reported, "exit_code": code, "output_digest": summary.output_digest, "error": why,
            });
            progress.emit("done", facts, "");
        } else if let Some(why) = why {
            progress.emit("done", Value::Null, &why);
        }
        Ok(ExitCode::from(code))
    }

    async fn carry_out(&self, hub: &Connection, progress: &Progress, summary: &mut RunSummary) -> Result<u8, Stopped> {
        let plan = self.plan()?;
        let signals = Signals::listen().map_err(|error| Stopped::NoAnswer(format!("{error:#}")))?;
        Run { hub, progress, summary, signals }.carry_out(&plan, self.body(&plan)).await
    }

    fn plan(&self) -> Result<ExecPlan, Stopped> {
        let (argv, language, context) = (self.argv.clone(), self.language.clone(), self.context.clone());
        if !self.stdin {
            return ExecPlan::of_command(argv, language, context);
        }
        let mut script = Vec::new();
        // One byte over the limit is enough to see that the script is too long.
        let mut input = std::io::stdin().lock().take(limits::COMMAND as u64 + 1);
        input
            .read_to_end(&mut script)
            .map_err(|error| Stopped::Usage(format!("cannot read standard input: {error}")))?;
        ExecPlan::of_script(&script, argv, language, context)
    }

    fn body(&self, plan: &ExecPlan) -> Value {
        super::request::body(&super::request::RequestInput {
            resource: &self.resource,
            payload: &plan.payload,
            reason: self.reason.as_deref(),
            labels: &self.labels,
            timeout: self.timeout,
            requester: self.requester.as_ref(),
        })
    }
}

/// One run, from the request to the report.
struct Run<'a> {
    hub: &'a Connection,
    progress: &'a Progress,
    summary: &'a mut RunSummary,
    signals: Signals,
}

impl Run<'_> {
    async fn carry_out(mut self, plan: &ExecPlan, body: Value) -> Result<u8, Stopped> {
        let asked = self.ask(plan, body).await?;
        let decided = self.wait(asked).await?;
        Stopped::unless_approved(&decided)?;
        self.report_approved(&decided);
        let claim = self.claim(&decided).await?;
        let run = match claim.verify(&decided).and_then(|()| plan::runnable(&claim.payload, plan.script)) {
            Ok(run) => run,
            Err(stopped) => {
                self.report_failure(&claim, stopped.code(), &stopped.to_string()).await;
                return Err(stopped);
            }
        };
        self.execute(&claim, run).await
    }

    /// Creates the request. After a signal it still waits a short time for the answer, which has the id to cancel.
    async fn ask(&mut self, plan: &ExecPlan, body: Value) -> Result<Shown, Stopped> {
        let parting = self.hub.pace.after_signal;
        let ask = waiting::ask(self.hub, body, self.progress);
        let asked = match self.signals.until_signal(parting, ask).await {
            Completion::Done(asked) => asked.map_err(|error| Stopped::by(&error))?,
            Completion::Interrupted(Some(Ok(asked))) => return Err(self.cancel(&asked).await),
            Completion::Interrupted(_) => {
                return Err(Stopped::Cancelled("stopped while creating the request".to_owned()));
            }
        };
        self.summary.request = Some(asked.clone());
        let digest = plan.payload.digest().map_err(|error| Stopped::Usage(error.to_string()))?;
        if asked.revision == 1 && asked.digest != digest {
            let text = format!("{}: the hub recorded a different command from the requested one", asked.id);
            return Err(Stopped::NoAnswer(text));
        }
        // Who can decide is useful, but not required: an older hub may not know it, and a token may not be allowed to
        // see it.
        let explained = match asked.status {
            RequestStatus::Pending => self.hub.send(&Call::get(waiting::path(asked.id, "/explain"))).await.ok(),
            _ => None,
        };
        waiting::report_asked(&asked, explained.as_ref(), self.progress);
        Ok(asked)
    }

    async fn wait(&mut self, asked: Shown) -> Result<Shown, Stopped> {
        let wait = waiting::until_decided(self.hub, asked.clone(), self.progress);
        match self.signals.until_signal(std::time::Duration::ZERO, wait).await {
            Completion::Done(Ok(decided)) => {
                self.summary.request = Some(decided.clone());
                Ok(decided)
            }
            Completion::Done(Err(error)) => Err(Stopped::by(&error)),
            Completion::Interrupted(_) => Err(self.cancel(&asked).await),
        }
    }

    /// Cancels the request, since this process no longer waits for it.
    async fn cancel(&mut self, asked: &Shown) -> Stopped {
        self.summary.request = Some(asked.clone());
        let mut cancelled = self.call_off(asked, "/cancel").await;
        // It was approved at the same time: no other process may claim it later.
        if matches!(&cancelled, Err(CallError::Refused(problem)) if problem.outcome.as_deref() == Some("approved")) {
            cancelled = self.call_off(asked, "/revoke").await;
        }
        let id = asked.id;
        Stopped::Cancelled(match cancelled.and_then(|answer| Shown::read(answer, Some(id))) {
            Ok(request) => {
                let text = request.outcome();
                self.summary.request = Some(request);
                text
            }
            Err(CallError::Refused(problem)) => format!("{id} could not be cancelled; nothing was run: {problem}"),
            Err(error) => {
                format!("{id} may still be pending until {}, but nothing will be run: {error}", asked.expires_at)
            }
        })
    }

    /// Cancels or revokes the request; a second signal ends the attempt.
    async fn call_off(&mut self, asked: &Shown, action: &str) -> Result<Value, CallError> {
        let call = Call::post(waiting::path(asked.id, action), json!({"reason": "stopped while waiting"}));
        let answer = self.hub.send_with_retries(&call, self.hub.pace.after_signal, self.progress);
        tokio::select! {
            answer = answer => answer,
            _ = self.signals.next() => Err(CallError::InvalidAnswer("stopped again before it arrived".to_owned())),
        }
    }

    fn report_approved(&self, approved: &Shown) {
        let decision = approved.decision.as_ref();
        let facts = json!({
            "request": approved.id, "digest": approved.digest, "revision": approved.revision,
            "method": decision.map(|decision| &decision.method), "by": decision.map(|decision| &decision.by),
            "reason": decision.and_then(|decision| decision.reason.as_ref()),
        });
        self.progress.emit("approved", facts, &approved.outcome());
        if approved.revision == 1 && approved.modified_by.is_none() {
            return;
        }
        let change = approved.change.as_ref();
        let facts = json!({
            "by": change.and_then(|change| change.by.as_ref()).or(approved.modified_by.as_ref()), "role": change.map(|change| &change.role),
            "reason": change.and_then(|change| change.reason.as_ref()), "diff": change.map(|change| &change.diff),
            "command": approved.command,
        });
        let mut text = match change {
            Some(change) => format!("changed by {}{}", change.who(), indented(&change.diff)),
            None => "changed".to_owned(),
        };
        text.push_str(&format!("\n  the approved command, which will be run:{}", indented(&approved.command)));
        self.progress.emit("modified", facts, &text);
    }

    async fn claim(&mut self, approved: &Shown) -> Result<Claim, Stopped> {
        let claim = Claim::acquire(self.hub, approved, self.progress);
        match self.signals.until_signal(self.hub.pace.after_signal, claim).await {
            Completion::Done(claim) => claim.map_err(|error| match &error {
                CallError::Refused(_) => Stopped::by(&error),
                error => Stopped::NoAnswer(format!("{} was approved, but not run: {error}", approved.id)),
            }),
            Completion::Interrupted(claim) => {
                let stopped =
                    Stopped::Cancelled(format!("{} was approved, but a signal arrived before it was run", approved.id));
                if let Some(Ok(claim)) = claim {
                    self.report_failure(&claim, stopped.code(), &stopped.to_string()).await;
                }
                Err(stopped)
            }
        }
    }

    async fn execute(&mut self, claim: &Claim, run: plan::Runnable) -> Result<u8, Stopped> {
        let child = match child::start(&run) {
            Ok(child) => child,
            Err(error) => {
                let (code, text) = (error.code(), error.to_string());
                self.progress.emit("not_started", json!({"error": text}), &text);
                self.report_failure(claim, code, &text).await;
                return Ok(code);
            }
        };
        self.summary.ran = true;
        self.progress.emit("running", json!({"request": claim.id, "program": run.program}), "running it");
        let (hub, progress) = (self.hub, self.progress);
        let streams = (tokio::io::stdout(), tokio::io::stderr());
        let heartbeats = claim.keep_alive(hub, progress);
        let ended = child::supervise(child, run.stdin, streams, heartbeats, &mut self.signals, progress).await;
        let ended = ended.map_err(|error| Stopped::NotRunnable(format!("cannot wait for the command: {error}")))?;
        self.summary.output_digest = Some(ended.output.digest.clone());
        self.report(claim, &RunReport { exit_code: ended.code, output: &ended.output }).await;
        Ok(ended.code)
    }

    /// Reports to the hub why nothing was run.
    async fn report_failure(&mut self, claim: &Claim, exit_code: u8, why: &str) {
        let mut output = Capture::default();
        output.append(format!("countersign exec: {why}\n").as_bytes());
        let output: Captured = output.finish();
        self.report(claim, &RunReport { exit_code, output: &output }).await;
    }

    /// Reports the result to the hub. If that fails, only the hub's record is incomplete: the exit code stays as it is.
    async fn report(&mut self, claim: &Claim, report: &RunReport<'_>) {
        let pace = self.hub.pace;
        let reported = claim.report(self.hub, report, pace.reporting, self.progress);
        let error = match self.signals.until_signal(std::time::Duration::ZERO, reported).await {
            Completion::Done(Ok(())) => {
                self.summary.reported = true;
                return;
            }
            Completion::Done(Err(error)) => error.to_string(),
            Completion::Interrupted(_) => "stopped by a signal".to_owned(),
        };
        let text =
            format!("the result of {} (exit code {}) was not reported to the hub: {error}", claim.id, report.exit_code);
        self.progress.emit("not_reported", json!({"error": error}), &text);
    }
}
