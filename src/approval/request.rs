//! A request: one ask, its payload, and where it stands.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Digest, Email, Execution, Grant, GroupName, LinkUse, Progress, Requester, ResourceName, RuleName, Terms,
    Transition, Vote, unified,
};
use crate::ids::RequestId;
use crate::time::Timestamp;
use crate::unicode::is_hidden;
use std::collections::BTreeMap;

/// How much of each thing a request may carry.
pub mod limits {
    /// Bytes of the command.
    pub const COMMAND: usize = 64 * 1024;
    /// Bytes of the context as compact JSON.
    pub const CONTEXT: usize = 64 * 1024;
    /// Bytes of a reason.
    pub const REASON: usize = 4 * 1024;
    /// Bytes of a person's or language's name, a label's key or value.
    pub const SHORT: usize = 256;
    /// Labels, and groups of the requester.
    pub const ITEMS: usize = 32;
    /// Largest integer that JSON readers agree on (RFC 7493 §2.2): the digest must mean the same to all of them.
    pub const INTEGER: u64 = (1 << 53) - 1;
}

/// What sort of approval is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// One command, approved each time.
    Action,
    /// Access for a time.
    Jit,
}

impl Kind {
    /// As written on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Action => "action",
            Self::Jit => "jit",
        }
    }
}

/// What exactly is asked for. It never changes: an edit makes a new revision.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Payload {
    /// The exact text that would run; may be empty for access.
    pub command: String,
    /// What language it is in.
    pub language: Option<String>,
    /// Facts about it, for people, templates and checks.
    pub context: Option<Value>,
    /// Length of the access window; none for an action.
    pub duration_seconds: Option<u32>,
}

/// A payload that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPayload {
    /// Nothing to approve.
    #[error("command is empty: say exactly what would run")]
    NoCommand,
    /// Access without an end, or an action with one.
    #[error("duration_seconds belongs to access for a time (kind jit), and only there: say for how long")]
    Duration,
    /// A number that not every JSON reader reads alike.
    #[error("context holds an integer beyond ±(2^53-1), which JSON readers do not agree on: send it as a string")]
    Integer,
}

impl Payload {
    /// Checks what types cannot.
    ///
    /// # Errors
    /// The first thing found that cannot be taken.
    pub fn validate(&self, kind: Kind) -> Result<(), InvalidPayload> {
        if kind == Kind::Action && is_blank(&self.command) {
            return Err(InvalidPayload::NoCommand);
        }
        if (kind == Kind::Jit) != self.duration_seconds.is_some_and(|seconds| seconds > 0) {
            return Err(InvalidPayload::Duration);
        }
        if self.context.as_ref().is_some_and(has_unsafe_integer) {
            return Err(InvalidPayload::Integer);
        }
        Ok(())
    }

    /// As lines of text to compare with another's: the command, and what else differs.
    fn beside(&self, other: &Self) -> String {
        let mut text = self.command.clone();
        if let Some(language) = self.language.as_ref().filter(|_| self.language != other.language) {
            text.push_str(&format!("\nlanguage: {language}"));
        }
        if let Some(seconds) = self.duration_seconds.filter(|_| self.duration_seconds != other.duration_seconds) {
            text.push_str(&format!("\nduration: {seconds} s"));
        }
        if let Some(context) = self.context.as_ref().filter(|_| self.context != other.context) {
            text.push_str(&format!("\ncontext: {context:#}"));
        }
        text
    }

    /// SHA-256 over the canonical JSON (RFC 8785) of the object with the four members `command`, `language`, `context` and
    /// `duration_seconds`, `null` where one is absent.
    ///
    /// # Errors
    /// When the context cannot be written canonically.
    pub fn digest(&self) -> Result<Digest, serde_json::Error> {
        serde_json_canonicalizer::to_vec(self).map(|canonical| Digest::of(&canonical))
    }
}

/// Whether there is nothing to see in a text: white space and characters that show nothing.
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || is_hidden(c))
}

fn has_unsafe_integer(value: &Value) -> bool {
    match value {
        Value::Number(number) => {
            // What is too large for 64 bits comes as a float, and every float of that size is an integer.
            number.as_u64().is_some_and(|n| n > limits::INTEGER)
                || number.as_i64().is_some_and(|n| n.unsigned_abs() > limits::INTEGER)
                || number.as_f64().is_some_and(|n| n.abs() > limits::INTEGER as f64)
        }
        Value::Array(items) => items.iter().any(has_unsafe_integer),
        Value::Object(members) => members.values().any(has_unsafe_integer),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}

/// Where a request stands. Every status but pending is final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Waiting for people.
    Pending,
    /// May go ahead.
    Approved,
    /// Somebody said no.
    Rejected,
    /// Nobody decided in time. Never reported as rejected.
    Expired,
    /// Taken back by its requester or an admin.
    Cancelled,
    /// Another request of its requester took its place.
    Superseded,
}

impl Status {
    /// As written on the wire.
    pub const fn as_str(self) -> &'static str {
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

/// By what means a request was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// People voted.
    Votes,
    /// The deadline passed.
    Timeout,
    /// It was taken back.
    Cancellation,
    /// Another request took its place.
    Replacement,
    /// Its requester needs no approval.
    Exempt,
    /// A rule let it pass or denied it.
    Rule,
    /// Somebody used the right to go ahead in an emergency.
    BreakGlass,
}

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The final status.
    pub outcome: Status,
    /// By what means.
    pub method: Method,
    /// The deciding person's words.
    pub reason: Option<String>,
    /// Who decided: those whose approvals count, or who rejected, cancelled, or broke the glass.
    pub by: Vec<Email>,
    /// The rule that decided.
    #[serde(default)]
    pub rule: Option<RuleName>,
    /// The group whose members are exempt.
    #[serde(default)]
    pub group: Option<GroupName>,
}

impl Decision {
    /// A decision by nobody in particular, without a word.
    pub const fn new(outcome: Status, method: Method) -> Self {
        Self { outcome, method, reason: None, by: Vec::new(), rule: None, group: None }
    }
}

/// How the payload came to be what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The person who changed it, when it is one.
    pub by: Option<Email>,
    /// In which role.
    pub role: ChangeRole,
    /// When.
    pub at: Timestamp,
    /// The revision that was changed.
    pub from_revision: u32,
    /// Why.
    pub reason: Option<String>,
    /// What is different, as a unified diff.
    pub diff: String,
}

/// Who changes a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeRole {
    /// The one who asks.
    Requester,
    /// One who approves something else than was asked.
    Approver,
    /// One who runs the hub, and changed somebody else's request.
    Operator,
}

impl Change {
    /// The change of `request` to another payload.
    pub fn new(
        request: &Request,
        payload: &Payload,
        by: Option<Email>,
        role: ChangeRole,
        reason: Option<String>,
        at: Timestamp,
    ) -> Self {
        let diff = unified(&request.payload.beside(payload), &payload.beside(&request.payload));
        Self { by, role, at, from_revision: request.revision, reason, diff }
    }
}

/// What has to follow after somebody broke the glass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Review {
    /// Who broke it.
    pub by: Email,
    /// Until when somebody has to have looked at it.
    pub due_at: Timestamp,
    /// When somebody did.
    pub reviewed_at: Option<Timestamp>,
    /// Who did.
    pub reviewed_by: Option<Email>,
    /// Whether they found it justified.
    pub justified: Option<bool>,
    /// Their words.
    pub note: Option<String>,
}

/// One ask.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Its name.
    pub id: RequestId,
    /// Counts the payloads it has had, from 1.
    pub revision: u32,
    /// What sort of approval is asked for.
    pub kind: Kind,
    /// What is acted on.
    pub resource: ResourceName,
    /// What exactly would run.
    pub payload: Payload,
    /// Of the payload.
    pub digest: Digest,
    /// Who asks.
    pub requester: Requester,
    /// The person for whom it is asked, when that is somebody else.
    pub beneficiary: Option<Email>,
    /// The identity of the token that it came by, which may see it.
    pub asked_by: String,
    /// Why.
    pub reason: Option<String>,
    /// Free tags of the asking system.
    pub labels: BTreeMap<String, String>,
    /// Where it stands.
    pub status: Status,
    /// When it was asked.
    pub created_at: Timestamp,
    /// From this moment on it is too late.
    pub expires_at: Timestamp,
    /// When it ended.
    pub decided_at: Option<Timestamp>,
    /// How it ended.
    pub decision: Option<Decision>,
    /// What it is judged by.
    pub terms: Terms,
    /// All votes in the order they were cast, voided ones too.
    pub votes: Vec<Vote>,
    /// How the present payload came to be, when it is not the first.
    pub change: Option<Change>,
    /// The request whose place it takes.
    pub supersedes: Option<RequestId>,
    /// The request that takes its place.
    pub superseded_by: Option<RequestId>,
    /// Whether it waits although nobody could approve it any more.
    pub undecidable: bool,
    /// Which reminders and steps of escalation are behind it.
    pub progress: Progress,
    /// How an approved action is used.
    pub execution: Option<Execution>,
    /// The access that was approved.
    pub grant: Option<Grant>,
    /// What has to follow after somebody broke the glass.
    pub review: Option<Review>,
}

impl Request {
    /// Whether it still waits although its time is over: half-open, at the deadline it is too late.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.status == Status::Pending && now >= self.expires_at
    }

    /// Votes that count.
    pub fn live_votes(&self) -> impl Iterator<Item = &Vote> {
        self.votes.iter().filter(|vote| !vote.voided && vote.revision == self.revision)
    }

    /// Who has voted on this revision by the link, whatever became of the vote: a channel's link casts one vote.
    pub fn link_spent_by(&self, link: &LinkUse) -> Option<&Email> {
        let cast = self.votes.iter().find(|vote| vote.revision == self.revision && vote.link.as_ref() == Some(link));
        cast.map(|vote| &vote.voter)
    }

    /// Whether the person may not approve it.
    pub fn is_in_conflict(&self, person: &Email) -> bool {
        self.terms.is_in_conflict(person) || (self.is_asker(person) && !self.terms.procedure.allow_self_approval)
    }

    /// Whether the person asks, or it is asked for them.
    pub fn is_asker(&self, person: &Email) -> bool {
        self.requester.is(person) || self.beneficiary.as_ref() == Some(person) || self.terms.askers.contains(person)
    }

    /// The moment at which something happens to this request now: not before it was asked, nor before anybody voted. Both lie before
    /// its deadline, so nothing expires by that.
    pub fn never_before(&self, now: Timestamp) -> Timestamp {
        self.votes.iter().map(|vote| vote.at).fold(now.max(self.created_at), Timestamp::max)
    }

    /// Writes into the request what the core said; `now` is the moment it said so.
    pub fn apply(&mut self, transition: &Transition, now: Timestamp) {
        for vote in &mut self.votes {
            vote.voided |= transition.voids.iter().any(|void| void.vote == vote.id);
        }
        if let Some(revision) = &transition.revision {
            self.revision += 1;
            self.payload = revision.payload.clone();
            self.digest = revision.digest;
            self.terms.slots = revision.slots.clone();
            self.terms.asking_rules = revision.asking_rules.clone();
            self.change = Some(revision.change.clone());
        }
        self.votes.extend(transition.vote.clone());
        if let Some(notice) = &transition.notice {
            self.progress = notice.progress;
            for (slot, added) in &notice.added {
                let slots = self.terms.slots.iter_mut().filter(|known| known.slot.group == *slot);
                slots.for_each(|known| known.also.push(added.clone()));
            }
        }
        self.undecidable = transition.undecidable.unwrap_or(self.undecidable);
        self.superseded_by = transition.successor.or(self.superseded_by);
        if let Some(decision) = &transition.decision {
            self.status = decision.outcome;
            self.decided_at = Some(now);
            self.decision = Some(decision.clone());
            self.undecidable = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(context: Value) -> Payload {
        Payload { command: "select 1".into(), language: None, context: Some(context), duration_seconds: None }
    }

    #[test]
    fn digest_is_over_canonical_json() {
        let one = payload(serde_json::json!({"b": 1, "a": [1.0, "é"]}));
        let canonical =
            r#"{"command":"select 1","context":{"a":[1,"é"],"b":1},"duration_seconds":null,"language":null}"#;
        assert_eq!(one.digest().expect("canonical"), Digest::of(canonical.as_bytes()));
    }

    #[test]
    fn what_shows_nothing_is_no_command() {
        for blank in ["", " \n", "\u{200b}\u{2060}"] {
            let payload = Payload { command: blank.into(), language: None, context: None, duration_seconds: None };
            assert_eq!(payload.validate(Kind::Action), Err(InvalidPayload::NoCommand), "{blank:?}");
        }
    }

    #[test]
    fn numbers_beyond_64_bits_are_refused_and_fractions_are_not() {
        let huge: Value = serde_json::from_str("1180591620717411303424").expect("a number");
        assert_eq!(payload(huge).validate(Kind::Action), Err(InvalidPayload::Integer));
        assert_eq!(payload(serde_json::json!(0.5)).validate(Kind::Action), Ok(()));
    }

    #[test]
    fn integers_that_readers_disagree_on_are_refused() {
        assert_eq!(payload(serde_json::json!({"id": [9_007_199_254_740_991_u64]})).validate(Kind::Action), Ok(()));
        assert_eq!(
            payload(serde_json::json!({"id": [9_007_199_254_740_992_u64]})).validate(Kind::Action),
            Err(InvalidPayload::Integer)
        );
        assert_eq!(
            payload(serde_json::json!(-9_007_199_254_740_992_i64)).validate(Kind::Action),
            Err(InvalidPayload::Integer)
        );
    }
}
