//! `countersign exec`

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
use self::claim::{Claim, Report};
use self::plan::Plan;
use super::client::Client;
use super::connection::{Call, CallError, Connection};
use super::exit::Stopped;
use super::progress::Progress;
use super::request::{label, parse_json};
use super::shown::{Shown, Standing};
use super::signals::{Cut, Signals};
use super::waiting;
use crate::approval::{Email, ResourceName, limits};
use crate::channels::text::indented;

/// Run a command once it is approved: asks, waits, and then runs exactly what was approved, without a shell.
#[derive(Debug, Args)]
#[command(after_help = "\
The command's words are what is put before the approvers, and what is run: \
nothing in them is expanded. If an approver changes them, the changed command is run, and the change is shown before. \
With --stdin, the text on standard input is what they approve, and the command only reads it.

Ctrl-C while waiting takes the request back. A hub that restarts is waited for.

Exit code: the command's own, 128+n when signal n ended it, or
  120  rejected
  121  nobody decided in time
  122  cancelled, replaced, revoked, not used in time, or Ctrl-C
  123  the hub cannot be reached, refuses, or answers nonsense
  126  it cannot be run
  127  there is no such program

Examples:
  countersign exec --resource orders-db --reason 'Old carts' -- \\
    psql -c 'delete from carts where age > 90'
  countersign exec --resource orders-db --language sql --stdin -- \\
    psql -X -v ON_ERROR_STOP=1 <cleanup.sql")]
pub(super) struct Exec {
    /// What is acted on
    #[arg(long, value_name = "NAME")]
    resource: ResourceName,
    /// Why, for those who decide
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// What language the text is in [default: argv, with --stdin script]
    #[arg(long, value_name = "NAME")]
    language: Option<String>,
    /// Facts for those who decide
    #[arg(long, value_name = "JSON", value_parser = parse_json)]
    context: Option<Value>,
    /// A tag; may be repeated
    #[arg(long = "label", value_name = "NAME=TEXT", value_parser = label)]
    labels: Vec<(String, String)>,
    /// Time to decide [default: the resource's]
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u32>,
    /// Who asks [default: the token's owner]
    #[arg(long, value_name = "EMAIL")]
    requester: Option<Email>,
    /// Ask for a script read from standard input, which the command then reads from its own
    #[arg(long)]
    stdin: bool,
    /// Tell the progress on standard error as one JSON object a line, the last one with the outcome
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    client: Client,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    argv: Vec<OsString>,
}

/// What is known at the end, for the last line of `--json`.
#[derive(Debug, Default)]
struct Story {
    request: Option<Shown>,
    ran: bool,
    reported: bool,
    output_digest: Option<String>,
}

impl Exec {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let progress = Progress::new(self.json);
        let mut story = Story::default();
        let result = match self.client.connect() {
            Ok(hub) => self.carry_out(&hub, &progress, &mut story).await,
            Err(error) => Err(Stopped::Usage(format!("{error:#}"))),
        };
        let (code, why) = match result {
            Ok(code) => (code, None),
            Err(stopped) => (stopped.code(), Some(stopped.to_string())),
        };
        if self.json {
            let facts = json!({
                "request": story.request.as_ref().map(|request| request.id),
                "status": story.request.as_ref().map(|request| request.status.as_str()),
                "ran": story.ran, "reported": story.reported, "exit_code": code, "output_digest": story.output_digest, "error": why,
            });
            progress.tell("done", facts, "");
        } else if let Some(why) = why {
            progress.tell("done", Value::Null, &why);
        }
        Ok(ExitCode::from(code))
    }

    async fn carry_out(&self, hub: &Connection, progress: &Progress, story: &mut Story) -> Result<u8, Stopped> {
        let plan = self.plan()?;
        let signals = Signals::listen().map_err(|error| Stopped::NoAnswer(format!("{error:#}")))?;
        Run { hub, progress, story, signals }.carry_out(&plan, self.body(&plan)).await
    }

    fn plan(&self) -> Result<Plan, Stopped> {
        let (argv, language, context) = (self.argv.clone(), self.language.clone(), self.context.clone());
        if !self.stdin {
            return Plan::of_command(argv, language, context);
        }
        let mut script = Vec::new();
        // One byte more than allowed tells that it is too long.
        let mut input = std::io::stdin().lock().take(limits::COMMAND as u64 + 1);
        input
            .read_to_end(&mut script)
            .map_err(|error| Stopped::Usage(format!("cannot read standard input: {error}")))?;
        Plan::of_script(&script, argv, language, context)
    }

    fn body(&self, plan: &Plan) -> Value {
        super::request::body(&super::request::Wish {
            resource: &self.resource,
            payload: &plan.payload,
            reason: self.reason.as_deref(),
            labels: &self.labels,
            timeout: self.timeout,
            requester: self.requester.as_ref(),
        })
    }
}

/// One run, from the question to the report.
struct Run<'a> {
    hub: &'a Connection,
    progress: &'a Progress,
    story: &'a mut Story,
    signals: Signals,
}

impl Run<'_> {
    async fn carry_out(mut self, plan: &Plan, body: Value) -> Result<u8, Stopped> {
        let asked = self.ask(plan, body).await?;
        let decided = self.wait(asked).await?;
        Stopped::unless_approved(&decided)?;
        self.tell_approved(&decided);
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

    /// Asks. When Ctrl-C comes in between, the answer is still waited for a moment: it alone says what to take back.
    async fn ask(&mut self, plan: &Plan, body: Value) -> Result<Shown, Stopped> {
        let parting = self.hub.pace.parting;
        let ask = waiting::ask(self.hub, body, self.progress);
        let asked = match self.signals.unless_told_to_end(parting, ask).await {
            Cut::Done(asked) => asked.map_err(|error| Stopped::by(&error))?,
            Cut::Short(Some(Ok(asked))) => return Err(self.take_back(&asked).await),
            Cut::Short(_) => return Err(Stopped::Cancelled("stopped while asking".to_owned())),
        };
        self.story.request = Some(asked.clone());
        let digest = plan.payload.digest().map_err(|error| Stopped::Usage(error.to_string()))?;
        if asked.revision == 1 && asked.digest != digest {
            let text = format!("{}: the hub took down something else than what was asked for", asked.id);
            return Err(Stopped::NoAnswer(text));
        }
        // Who can decide is good to know, but not needed: an older hub, or one that keeps it to itself, may refuse.
        let explained = match asked.status {
            Standing::Pending => self.hub.send(&Call::get(waiting::path(asked.id, "/explain"))).await.ok(),
            _ => None,
        };
        waiting::tell_asked(&asked, explained.as_ref(), self.progress);
        Ok(asked)
    }

    async fn wait(&mut self, asked: Shown) -> Result<Shown, Stopped> {
        let wait = waiting::until_decided(self.hub, asked.clone(), self.progress);
        match self.signals.unless_told_to_end(std::time::Duration::ZERO, wait).await {
            Cut::Done(Ok(decided)) => {
                self.story.request = Some(decided.clone());
                Ok(decided)
            }
            Cut::Done(Err(error)) => Err(Stopped::by(&error)),
            Cut::Short(_) => Err(self.take_back(&asked).await),
        }
    }

    /// Cancels the request, since nobody waits for it any more.
    async fn take_back(&mut self, asked: &Shown) -> Stopped {
        self.story.request = Some(asked.clone());
        let mut cancelled = self.part(asked, "/cancel").await;
        // Approved in the same moment: nobody else is to use it later.
        if matches!(&cancelled, Err(CallError::Refused(problem)) if problem.outcome.as_deref() == Some("approved")) {
            cancelled = self.part(asked, "/revoke").await;
        }
        let id = asked.id;
        Stopped::Cancelled(match cancelled.and_then(|answer| Shown::read(answer, Some(id))) {
            Ok(request) => {
                let text = request.outcome();
                self.story.request = Some(request);
                text
            }
            Err(CallError::Refused(problem)) => format!("{id} could not be taken back, nothing was run: {problem}"),
            Err(error) => format!("{id} may still wait until {}, nothing will be run: {error}", asked.expires_at),
        })
    }

    /// Calls the request off; a second signal ends the attempt.
    async fn part(&mut self, asked: &Shown, how: &str) -> Result<Value, CallError> {
        let call = Call::post(waiting::path(asked.id, how), json!({"reason": "stopped while waiting"}));
        let call_off = self.hub.insist(&call, self.hub.pace.parting, self.progress);
        tokio::select! {
            answered = call_off => answered,
            _ = self.signals.next() => Err(CallError::Nonsense("stopped again before it came".to_owned())),
        }
    }

    fn tell_approved(&self, approved: &Shown) {
        let decision = approved.decision.as_ref();
        let facts = json!({
            "request": approved.id, "digest": approved.digest, "revision": approved.revision,
            "method": decision.map(|decision| &decision.method), "by": decision.map(|decision| &decision.by),
            "reason": decision.and_then(|decision| decision.reason.as_ref()),
        });
        self.progress.tell("approved", facts, &approved.outcome());
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
        text.push_str(&format!("\n  what was approved, and will be run:{}", indented(&approved.command)));
        self.progress.tell("modified", facts, &text);
    }

    async fn claim(&mut self, approved: &Shown) -> Result<Claim, Stopped> {
        let take = Claim::take(self.hub, approved, self.progress);
        match self.signals.unless_told_to_end(self.hub.pace.parting, take).await {
            Cut::Done(claim) => claim.map_err(|error| match &error {
                CallError::Refused(_) => Stopped::by(&error),
                error => Stopped::NoAnswer(format!("{} was approved, but not run: {error}", approved.id)),
            }),
            Cut::Short(claim) => {
                let stopped =
                    Stopped::Cancelled(format!("{} was approved, but stopped before it was run", approved.id));
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
                self.progress.tell("not_started", json!({"error": text}), &text);
                self.report_failure(claim, code, &text).await;
                return Ok(code);
            }
        };
        self.story.ran = true;
        self.progress.tell("running", json!({"request": claim.id, "program": run.program}), "running it");
        let (hub, progress) = (self.hub, self.progress);
        let streams = (tokio::io::stdout(), tokio::io::stderr());
        let beats = claim.keep_alive(hub, progress);
        let ended = child::attend(child, run.stdin, streams, beats, &mut self.signals, progress).await;
        let ended = ended.map_err(|error| Stopped::NotRunnable(format!("cannot follow the command: {error}")))?;
        self.story.output_digest = Some(ended.output.digest.clone());
        self.report(claim, &Report { exit_code: ended.code, output: &ended.output }).await;
        Ok(ended.code)
    }

    /// Says why nothing was run.
    async fn report_failure(&mut self, claim: &Claim, exit_code: u8, why: &str) {
        let mut output = Capture::default();
        output.take(format!("countersign exec: {why}\n").as_bytes());
        let output: Captured = output.finish();
        self.report(claim, &Report { exit_code, output: &output }).await;
    }

    /// Tells the hub. The command has ended as it has ended, so a hub that does not hear of it changes nothing but the record.
    async fn report(&mut self, claim: &Claim, report: &Report<'_>) {
        let pace = self.hub.pace;
        let told = claim.report(self.hub, report, pace.reporting, self.progress);
        let error = match self.signals.unless_told_to_end(std::time::Duration::ZERO, told).await {
            Cut::Done(Ok(())) => {
                self.story.reported = true;
                return;
            }
            Cut::Done(Err(error)) => error.to_string(),
            Cut::Short(_) => "stopped before".to_owned(),
        };
        let text = format!("the hub was not told how {} ended (exit code {}): {error}", claim.id, report.exit_code);
        self.progress.tell("not_reported", json!({"error": error}), &text);
    }
}
