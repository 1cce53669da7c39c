//! A request as the hub's API shows it: the fields that the commands use.

use serde::Deserialize;
use serde_json::{Value, json};

use super::connection::CallError;
use crate::approval::{Digest, Payload, who_asks};
use crate::channels::text::one_line;
use crate::ids::RequestId;
use crate::time::Timestamp;

/// The status of a request. Every status except `Pending` is final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RequestStatus {
    Pending,
    Approved,
    Rejected,
    Expired,
    Cancelled,
    Superseded,
}

impl RequestStatus {
    /// The name in JSON.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Superseded => "superseded",
        }
    }
}

/// A request. Fields that a newer hub adds are ignored; those that an older hub may lack have a default.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Shown {
    pub(super) id: RequestId,
    pub(super) revision: u32,
    pub(super) resource: String,
    pub(super) command: String,
    pub(super) language: Option<String>,
    pub(super) context: Option<Value>,
    pub(super) duration_seconds: Option<u32>,
    pub(super) digest: Digest,
    pub(super) requester: Asker,
    pub(super) reason: Option<String>,
    pub(super) status: RequestStatus,
    pub(super) created_at: Timestamp,
    pub(super) expires_at: Timestamp,
    pub(super) decision: Option<Decided>,
    pub(super) slots: Vec<Slot>,
    #[serde(default)]
    pub(super) excluded: Vec<Excluded>,
    pub(super) votes: Vec<Vote>,
    #[serde(default)]
    pub(super) modified_by: Option<String>,
    #[serde(default)]
    pub(super) change: Option<LastChange>,
    #[serde(default)]
    pub(super) superseded_by: Option<RequestId>,
    #[serde(default)]
    pub(super) execution: Option<Execution>,
    #[serde(default)]
    pub(super) grant: Option<Grant>,
    pub(super) url: String,
}

/// Who made the request.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Asker {
    email: Option<String>,
    name: Option<String>,
    #[serde(default)]
    acting_for: Option<String>,
}

impl Asker {
    /// The text that all views use.
    pub(super) fn who(&self) -> String {
        who_asks(self.name.as_deref(), self.email.as_deref(), self.acting_for.as_deref())
    }
}

/// A person who may not approve the request, but may reject it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Excluded {
    person: String,
    #[serde(rename = "as")]
    pub(super) role: String,
    by: String,
}

impl Excluded {
    /// The person, the role that excludes them, and who named them.
    pub(super) fn describe(&self) -> String {
        let Self { person, role, by } = self;
        one_line(&format!("{person} may not approve ({}, named by the {by})", role.replace('_', " ")))
    }
}

/// The execution of an approved command.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Execution {
    pub(super) status: String,
    pub(super) use_by: Timestamp,
    pub(super) finished_at: Option<Timestamp>,
    pub(super) exit_code: Option<i32>,
    pub(super) output: Option<String>,
    pub(super) output_digest: Option<String>,
}

/// The access that an approved request grants.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Grant {
    pub(super) id: String,
    pub(super) status: String,
    pub(super) requester: String,
    pub(super) starts_at: Timestamp,
    pub(super) ends_at: Timestamp,
    pub(super) ended_at: Option<Timestamp>,
    pub(super) ended_by: Option<String>,
}

/// The decision.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Decided {
    pub(super) method: String,
    pub(super) reason: Option<String>,
    pub(super) by: Vec<String>,
    #[serde(default)]
    pub(super) rule: Option<String>,
    #[serde(default)]
    pub(super) group: Option<String>,
}

/// A slot: approvals needed from a group.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Slot {
    pub(super) group: String,
    #[serde(default)]
    pub(super) also: Vec<String>,
    pub(super) needed: u32,
    pub(super) approved: u32,
}

impl Slot {
    /// The group, and those that the slot was escalated to.
    pub(super) fn groups(&self) -> String {
        let also = self.also.iter().map(|group| format!(" or {group}")).collect::<String>();
        format!("{}{also}", self.group)
    }
}

/// A vote.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Vote {
    pub(super) id: String,
    pub(super) person: String,
    pub(super) decision: String,
    pub(super) group: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) revision: u32,
    pub(super) voided: bool,
}

/// The last change of the payload.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct LastChange {
    /// The person; `None` when a system without an email address changed it.
    pub(super) by: Option<String>,
    pub(super) role: String,
    #[serde(default)]
    pub(super) reason: Option<String>,
    pub(super) diff: String,
}

impl Shown {
    /// The command that reads the script, if the payload is a script.
    pub(super) fn argv(&self) -> Option<String> {
        let argv = self.context.as_ref()?.get("argv")?.as_array()?;
        Some(shell_words::join(argv.iter().filter_map(Value::as_str)))
    }

    /// Reads a request from the hub's answer, and checks its digest. Approvals refer to the digest, so a payload with
    /// another digest must be neither shown nor run.
    pub(super) fn read(answer: Value, expected: Option<RequestId>) -> Result<Self, CallError> {
        let request: Self = serde_path_to_error::deserialize(answer)
            .map_err(|error| CallError::InvalidAnswer(format!("not a request: {error}")))?;
        if expected.is_some_and(|id| id != request.id) {
            return Err(CallError::InvalidAnswer(format!("it is about another request, {}", request.id)));
        }
        let digest = request.payload().digest().map_err(|error| CallError::InvalidAnswer(error.to_string()))?;
        if digest != request.digest {
            let detail = format!("the digest of its payload is {digest}, but it says {}", request.digest);
            return Err(CallError::InvalidAnswer(detail));
        }
        Ok(request)
    }

    /// The payload.
    pub(super) fn payload(&self) -> Payload {
        Payload {
            command: self.command.clone(),
            language: self.language.clone(),
            context: self.context.clone(),
            duration_seconds: self.duration_seconds,
        }
    }

    /// The number of missing approvals.
    pub(super) fn missing(&self) -> u32 {
        self.slots.iter().map(|slot| slot.needed.saturating_sub(slot.approved)).fold(0, u32::saturating_add)
    }

    /// The status and the decision as a line of text.
    pub(super) fn outcome(&self) -> String {
        let Some(decision) = &self.decision else { return format!("{}: {}", self.id, self.status.as_str()) };
        let mut text = format!("{}: {}", self.id, self.status.as_str());
        match (self.status, decision.by.is_empty()) {
            (RequestStatus::Expired, _) => text.push_str(", no decision before the deadline"),
            (_, false) => text.push_str(&format!(" by {}", decision.by.join(", "))),
            (_, true) => text.push_str(&format!(" ({})", decision.method.replace('_', " "))),
        }
        for (name, value) in [("rule", &decision.rule), ("group", &decision.group)] {
            if let Some(value) = value {
                text.push_str(&format!(", {name} {value}"));
            }
        }
        if let Some(newer) = self.superseded_by {
            text.push_str(&format!(", replaced by {newer}"));
        }
        if let Some(reason) = decision.reason.as_deref().filter(|reason| !reason.is_empty()) {
            text.push_str(&format!(": {reason}"));
        }
        one_line(&text)
    }
}

impl LastChange {
    /// Who made the change, their role, and the reason.
    pub(super) fn who(&self) -> String {
        let reason = self.reason.as_deref().filter(|reason| !reason.is_empty());
        let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        one_line(&match &self.by {
            Some(person) => format!("{person} ({}){reason}", self.role),
            None => format!("the {}{reason}", self.role),
        })
    }
}

impl Vote {
    /// The vote as a line of text.
    pub(super) fn describe(&self) -> String {
        let verb = if self.decision == "approve" { "approved" } else { "rejected" };
        let group = self.group.as_ref().map(|group| format!(" for {group}")).unwrap_or_default();
        let reason = self.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        let void = if self.voided { " (no longer counts)" } else { "" };
        one_line(&format!("{} {verb}{group}{void}{reason}", self.person))
    }

    /// The vote as the facts of a progress event.
    pub(super) fn facts(&self) -> Value {
        json!({
            "person": self.person, "decision": self.decision, "group": self.group, "reason": self.reason, "revision": self.revision,
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A request in the API's JSON.
    pub(in crate::cli) fn sample(command: &str, context: &Value, status: &str) -> Value {
        let payload = Payload {
            command: command.to_owned(),
            language: Some("argv".to_owned()),
            context: Some(context.clone()).filter(|context| !context.is_null()),
            duration_seconds: None,
        };
        json!({
            "id": "req_0190c0de0190c0de0190c0de0190c0de", "revision": 1, "kind": "action", "resource": "orders-db",
            "command": command, "language": "argv", "context": context, "duration_seconds": null,
            "digest": payload.digest().unwrap(), "requester": {"email": "nora@example.com", "name": null, "groups": []},
            "reason": "Old carts", "labels": {}, "status": status, "created_at": "2026-11-21T22:00:00Z",
            "expires_at": "2026-11-21T23:00:00Z", "decided_at": null, "decision": null,
            "slots": [{"group": "dba", "needed": 1, "approved": 0, "eligible": 2, "also": []}], "votes": [],
            "execution": null, "grant": null, "supersedes": null, "superseded_by": null,
            "url": "https://hub.example.com/requests/req_0190c0de0190c0de0190c0de0190c0de",
        })
    }

    #[test]
    fn a_request_whose_digest_differs_is_refused() {
        let mut answer = sample("ls", &json!({"n": 1.5}), "pending");
        let shown = Shown::read(answer.clone(), None).unwrap();
        assert_eq!(shown.missing(), 1);
        assert!(Shown::read(answer.clone(), Some("req_00000000000000000000000000000000".parse().unwrap())).is_err());
        answer["command"] = json!("rm -rf /");
        assert!(matches!(Shown::read(answer, None), Err(CallError::InvalidAnswer(_))));
        assert!(matches!(Shown::read(json!({"id": 1}), None), Err(CallError::InvalidAnswer(_))));
    }

    #[test]
    fn an_outcome_is_described() {
        let mut answer = sample("ls", &Value::Null, "rejected");
        answer["decision"] =
            json!({"outcome": "rejected", "method": "votes", "reason": "not today", "by": ["dana@example.com"]});
        let shown = Shown::read(answer, None).unwrap();
        assert!(shown.outcome().ends_with(": rejected by dana@example.com: not today"), "{}", shown.outcome());
    }
}
