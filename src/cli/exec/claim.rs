//! The claim of an approved request: acquired once, extended by heartbeats, ended by the report.

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

/// Seconds after the last heartbeat until the hub sets the execution to `unknown`.
const LEASE_SECONDS: u32 = 900;

/// The right to run an approved request.
#[derive(Debug)]
pub(super) struct Claim {
    /// The request's id.
    pub(super) id: RequestId,
    /// The payload to run, as the hub returned it; not trusted until [`Claim::verify`].
    pub(super) payload: Payload,
    digest: Digest,
    /// The fencing token, which every heartbeat and report carries.
    fence: i64,
}

/// The hub's answer to a claim.
#[derive(Deserialize)]
struct Answer {
    fence: i64,
    command: String,
    language: Option<String>,
    context: Option<Value>,
    digest: Digest,
}

/// The result of a run.
pub(super) struct RunReport<'a> {
    pub(super) exit_code: u8,
    /// The command's output, or why it was not run.
    pub(super) output: &'a Captured,
}

impl RunReport<'_> {
    const fn status(&self) -> &'static str {
        if self.exit_code == 0 { "succeeded" } else { "failed" }
    }

    /// Checks that the request, as the hub shows it, has the execution that this report describes.
    fn check_recorded(&self, request: &Value) -> Result<(), CallError> {
        let field = |name: &str| request.pointer(&format!("/execution/{name}")).unwrap_or(&Value::Null);
        let reported = [
            ("status", json!(self.status())),
            ("exit_code", json!(self.exit_code)),
            ("output_digest", json!(self.output.digest)),
        ];
        match reported.iter().find(|(name, value)| field(name) != value) {
            None => Ok(()),
            Some((name, value)) => Err(CallError::InvalidAnswer(format!(
                "the hub recorded {name} {}, but {value} was reported: see the audit trail",
                field(name)
            ))),
        }
    }
}

impl Claim {
    /// Claims the execution of an approved request. The call has an idempotency key, so repeating it claims once.
    pub(super) async fn acquire(hub: &Connection, approved: &Shown, progress: &Progress) -> Result<Self, CallError> {
        let body = json!({"digest": approved.digest, "lease_seconds": LEASE_SECONDS});
        let call = Call::post(path(approved.id, "/claim"), body).with_idempotency_key();
        let answer = hub.send_with_retries(&call, hub.pace.reporting, progress).await?;
        let answer: Answer = serde_path_to_error::deserialize(answer)
            .map_err(|error| CallError::InvalidAnswer(format!("not a claim: {error}")))?;
        let Answer { fence, command, language, context, digest } = answer;
        let payload = Payload { command, language, context, duration_seconds: None };
        Ok(Self { id: approved.id, payload, digest, fence })
    }

    /// Checks that the claimed payload is the approved one. The digest is computed here, from the payload itself.
    pub(super) fn verify(&self, approved: &Shown) -> Result<(), Stopped> {
        let digest = self.payload.digest().map_err(|error| Stopped::NoAnswer(error.to_string()))?;
        if digest != approved.digest || self.digest != approved.digest {
            return Err(Stopped::NoAnswer(format!(
                "nothing was run: the hub returned another command than the approved one (digest {digest} instead of {})",
                approved.digest
            )));
        }
        Ok(())
    }

    /// Extends the lease by heartbeats until dropped. Neither an absent hub nor a refusal stops the command.
    pub(super) async fn keep_alive(&self, hub: &Connection, progress: &Progress) {
        let call = Call::post(path(self.id, "/heartbeat"), json!({"fence": self.fence}));
        let mut outage = Outage::new(hub.pace);
        loop {
            tokio::time::sleep(hub.pace.heartbeat).await;
            while let Err(error) = hub.send(&call).await {
                if let Err(error) = outage.back_off(error, None, progress).await {
                    let text = format!("the hub refused the heartbeat: {error}; the command continues");
                    return progress.emit("lease_lost", json!({"error": error.to_string()}), &text);
                }
            }
            outage.end(progress);
        }
    }

    /// Reports the result, and checks what the hub recorded. If the hub refuses the output (413 or 422), the report is
    /// sent again without it, so that at least the outcome is recorded.
    pub(super) async fn report(
        &self,
        hub: &Connection,
        report: &RunReport<'_>,
        timeout: Duration,
        progress: &Progress,
    ) -> Result<(), CallError> {
        let RunReport { exit_code, output } = report;
        let mut body = json!({
            "fence": self.fence, "status": report.status(), "exit_code": exit_code,
            "output": output.text, "output_digest": output.digest, "output_truncated": output.truncated,
        });
        let to = path(self.id, "/result");
        let first = hub.send_with_retries(&Call::post(to.clone(), body.clone()), timeout, progress).await;
        let answer = match first {
            Err(CallError::Refused(problem)) if matches!(problem.status, 413 | 422) => {
                if let Value::Object(members) = &mut body {
                    members.insert("output".to_owned(), Value::Null);
                    members.insert("output_truncated".to_owned(), Value::Bool(true));
                }
                hub.send_with_retries(&Call::post(to, body), timeout, progress).await
            }
            // The answer to an earlier attempt was lost, or another process has reported.
            Err(CallError::Refused(problem)) if problem.code == "already_finished" => {
                hub.send_with_retries(&Call::get(path(self.id, "")), timeout, progress).await
            }
            other => other,
        };
        report.check_recorded(&answer?)
    }
}
