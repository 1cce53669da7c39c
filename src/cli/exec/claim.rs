//! What stands between an approval and a run: the claim, which only one can have, and the report, which ends it.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::capture::Captured;
use crate::approval::{Digest, Payload};
use crate::cli::connection::{Call, CallError, Connection, Outage};
use crate::cli::exit::Stopped;
use crate::cli::progress::Progress;
use crate::cli::shown::Shown;
use crate::cli::waiting::path;
use crate::ids::RequestId;

/// Seconds after the last heartbeat until the hub counts a run as one of unknown outcome.
const LEASE_SECONDS: u32 = 900;

/// The right to run an approved request.
#[derive(Debug)]
pub(super) struct Claim {
    /// The request.
    pub(super) id: RequestId,
    /// What is to be run, by the hub's word.
    pub(super) payload: Payload,
    digest: Digest,
    fence: i64,
}

/// The hub's answer.
#[derive(Deserialize)]
struct Answer {
    fence: i64,
    command: String,
    language: Option<String>,
    context: Option<Value>,
    digest: Digest,
}

/// What is reported.
pub(super) struct Report<'a> {
    /// 0 when it went well.
    pub(super) exit_code: u8,
    /// What the command printed, or why it was not run.
    pub(super) output: &'a Captured,
}

impl Report<'_> {
    const fn status(&self) -> &'static str {
        if self.exit_code == 0 { "succeeded" } else { "failed" }
    }

    /// Whether the request as the hub shows it says of the run what this report says.
    fn check_recorded(&self, request: &Value) -> Result<(), CallError> {
        let field = |name: &str| request.pointer(&format!("/execution/{name}")).unwrap_or(&Value::Null);
        let said = [
            ("status", json!(self.status())),
            ("exit_code", json!(self.exit_code)),
            ("output_digest", json!(self.output.digest)),
        ];
        match said.iter().find(|(name, value)| field(name) != value) {
            None => Ok(()),
            Some((name, value)) => Err(CallError::Nonsense(format!(
                "the hub has {name} {} on record, and not {value} as was reported: look at the audit trail",
                field(name)
            ))),
        }
    }
}

impl Claim {
    /// Takes the right to run what was approved; however often the call is repeated, it is taken once.
    pub(super) async fn take(hub: &Connection, approved: &Shown, progress: &Progress) -> Result<Self, CallError> {
        let body = json!({"digest": approved.digest, "lease_seconds": LEASE_SECONDS});
        let call = Call::post(path(approved.id, "/claim"), body).once();
        let answer = hub.insist(&call, hub.pace.reporting, progress).await?;
        let answer: Answer = serde_path_to_error::deserialize(answer)
            .map_err(|error| CallError::Nonsense(format!("it is no claim: {error}")))?;
        let Answer { fence, command, language, context, digest } = answer;
        let payload = Payload { command, language, context, duration_seconds: None };
        Ok(Self { id: approved.id, payload, digest, fence })
    }

    /// Whether what is to be run is what was approved: worked out here, from the text itself.
    pub(super) fn verify(&self, approved: &Shown) -> Result<(), Stopped> {
        let digest = self.payload.digest().map_err(|error| Stopped::NoAnswer(error.to_string()))?;
        if digest != approved.digest || self.digest != approved.digest {
            return Err(Stopped::NoAnswer(format!(
                "the hub handed out something else than what was approved, so nothing was run: digest {digest} instead of {}",
                approved.digest
            )));
        }
        Ok(())
    }

    /// Prolongs the lease until told to stop. A hub that is away is no reason to stop what runs, nor is one that says no.
    pub(super) async fn keep_alive(&self, hub: &Connection, progress: &Progress) {
        let call = Call::post(path(self.id, "/heartbeat"), json!({"fence": self.fence}));
        let mut outage = Outage::new(hub.pace);
        loop {
            tokio::time::sleep(hub.pace.beat).await;
            while let Err(error) = hub.send(&call).await {
                if let Err(error) = outage.sit_out(error, None, progress).await {
                    let text = format!("the hub no longer follows this run: {error}; the command goes on");
                    return progress.tell("lease_lost", json!({"error": error.to_string()}), &text);
                }
            }
            outage.over(progress);
        }
    }

    /// Reports how it went, and makes sure that this is what the hub has on record then. What the hub will not take of the output is left
    /// out, so that at least the outcome is known.
    pub(super) async fn report(
        &self,
        hub: &Connection,
        report: &Report<'_>,
        patience: Duration,
        progress: &Progress,
    ) -> Result<(), CallError> {
        let Report { exit_code, output } = report;
        let mut body = json!({
            "fence": self.fence, "status": report.status(), "exit_code": exit_code,
            "output": output.text, "output_digest": output.digest, "output_truncated": output.truncated,
        });
        let to = path(self.id, "/result");
        let first = hub.insist(&Call::post(to.clone(), body.clone()), patience, progress).await;
        let answer = match first {
            Err(CallError::Refused(problem)) if matches!(problem.status, 413 | 422) => {
                if let Value::Object(members) = &mut body {
                    members.insert("output".to_owned(), Value::Null);
                    members.insert("output_truncated".to_owned(), Value::Bool(true));
                }
                hub.insist(&Call::post(to, body), patience, progress).await
            }
            // The answer to an earlier attempt was lost, or somebody else has reported.
            Err(CallError::Refused(problem)) if problem.code == "already_finished" => {
                hub.insist(&Call::get(path(self.id, "")), patience, progress).await
            }
            other => other,
        };
        report.check_recorded(&answer?)
    }
}
