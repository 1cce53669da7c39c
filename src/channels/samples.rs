//! Sample events, one of each kind and sort: templates are tried with them before they render real events.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{EventNotice, Links, SlotLinks, Subject};
use crate::approval::unified;
use crate::ids::EventId;
use crate::store::events::{ASKING, PING};
use crate::time::Timestamp;

/// URL of the samples' hub.
const HUB: &str = "https://hub.example.com";
/// Time of the samples, in microseconds: 2026-11-21, noon UTC.
const AT: i64 = 1_795_262_400_000_000;
/// Text of an attacker who wants to forge parts of a message.
const HOSTILE: &str = "[click](http://evil.example) ![img](http://evil.example/x.png) **bold** _i_ ~s~ ||s|| <at>all</at> <!channel> \
    <@U012AB3CD> <@123456789012345678> <users/all> @everyone @here <http://evil.example|Approve> <a href=\"http://evil.example\">x</a> \
    {{DATE(2017-02-14T06:08:39Z)}} `code` ``` # head \u{202e}reversed\u{200b} \u{1b}[31m \"quote\" \\ \u{0} {{{raw}}} &amp; &lt; \r\n- list";

/// The sort of texts in a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sample {
    /// Ordinary texts.
    Plain,
    /// Every text has its greatest length.
    Long,
    /// Every text is full of markup and control characters.
    Hostile,
    /// Optional values are absent.
    Empty,
    /// Right-to-left texts.
    RightToLeft,
    /// Twenty groups must approve.
    ManyGroups,
}

impl Sample {
    /// All sorts.
    pub const ALL: [Self; 6] =
        [Self::Plain, Self::Long, Self::Hostile, Self::Empty, Self::RightToLeft, Self::ManyGroups];

    /// The name in the API and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Long => "long",
            Self::Hostile => "hostile",
            Self::Empty => "empty",
            Self::RightToLeft => "right-to-left",
            Self::ManyGroups => "many-groups",
        }
    }

    fn groups(self) -> Vec<String> {
        match self {
            Self::ManyGroups => (1..=20).map(|number| format!("group-{number:02}")).collect(),
            Self::Empty => vec!["dba".to_owned()],
            _ => vec!["dba".to_owned(), "security".to_owned()],
        }
    }

    /// The text in place of one that a person wrote.
    fn written(self, plain: &str, longest: usize) -> String {
        match self {
            Self::Plain | Self::ManyGroups => plain.to_owned(),
            Self::Long => plain.chars().cycle().take(longest).collect(),
            Self::Hostile => HOSTILE.to_owned(),
            Self::Empty => String::new(),
            Self::RightToLeft => "مرحبا בדיקה orders ‏123".to_owned(),
        }
    }
}

/// A sample event with its links.
#[derive(Debug, Clone)]
pub struct Example {
    kind: String,
    subject: Option<String>,
    links: Links,
}

impl Example {
    /// Makes a sample.
    pub fn new(kind: &str, sample: Sample) -> Self {
        let subject = match kind.split('.').next() {
            _ if kind == PING => None,
            Some("endpoint") => Some(endpoint(kind, sample)),
            _ => Some(request(kind, sample)),
        };
        let links = if kind == PING || kind.starts_with("endpoint.") { Links::default() } else { links(kind, sample) };
        Self { kind: kind.to_owned(), subject: subject.map(|subject| subject.to_string()), links }
    }

    /// The sample as the input of a channel.
    pub fn notice(&self) -> EventNotice<'_> {
        let at = Timestamp::from_micros(AT);
        let subject = match &self.subject {
            None => Subject::Nothing,
            Some(text) if self.kind.starts_with("endpoint.") => Subject::Endpoint(text),
            Some(text) => Subject::Request(text),
        };
        EventNotice { id: EventId::least(at), kind: &self.kind, at, subject, withheld: None, links: self.links.clone() }
    }
}

fn links(kind: &str, sample: Sample) -> Links {
    let is_asking = ASKING.contains(&kind);
    let slot = |group: String| {
        // As long as a real link.
        let url = |intent: &str| format!("{HUB}/c/{intent}-{group}-{}", "0123456789abcdef".repeat(12));
        let is_full = approved(kind, sample, &group) >= needed(sample, &group);
        let (approve, reject) = ((is_asking && !is_full).then(|| url("approve")), is_asking.then(|| url("reject")));
        SlotLinks { review: url("review"), approve, reject, group }
    };
    Links::of(sample.groups().into_iter().map(slot).collect())
}

/// An endpoint, as events about it show it. Times of failure are present only while it fails.
fn endpoint(kind: &str, sample: Sample) -> Value {
    let is_failing = kind == "endpoint.failing";
    let reason = match kind {
        "endpoint.recovered" => None,
        "endpoint.disabled" => Some("nothing arrived there for 120 hours; last: the target answered 500"),
        _ => Some("the target answered 500"),
    };
    json!({
        "id": "ep_0190aaaaaaaa7aaaaaaaaaaaaaaaaaaa", "name": "dba-chat", "channel": "slack",
        "state": if kind == "endpoint.disabled" { "disabled" } else { "active" },
        "url": format!("{HUB}/…"), "reason": reason.map(|reason| sample.written(reason, 1_000)),
        "failing_since": is_failing.then_some("2026-11-21T06:00:00.000000Z"),
        "disabled_at_latest": is_failing.then_some("2026-11-26T06:00:00.000000Z"),
    })
}

/// A request as the API would show it (`schemas/request.json`).
fn request(kind: &str, sample: Sample) -> Value {
    let written = |plain: &str, longest| sample.written(plain, longest);
    let optional = |plain: &str, longest| (sample != Sample::Empty).then(|| written(plain, longest));
    let (status, is_access) = (status(kind), kind.starts_with("grant."));
    let is_revised = kind == "request.revised";
    let (asked, changed) = commands(sample);
    let diff = is_revised.then(|| unified(&asked, &changed));
    let command = if is_revised { changed } else { asked };
    let mut request = json!({
        "id": "req_0190aaaaaaaa7aaaaaaaaaaaaaaaaaaa", "revision": if is_revised { 2 } else { 1 },
        "kind": if is_access { "jit" } else { "action" }, "resource": "orders-db", "command": command,
        "language": optional("sql", 256), "context": context(sample), "duration_seconds": is_access.then_some(5_400),
        "digest": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "requester": {
            "email": "nora@example.com", "name": optional("Nora Lind", 256), "groups": [], "acting_for": null,
        },
        "beneficiary": is_access.then_some("olga@example.com"), "reason": optional("Because it is needed.", 4_096), "labels": {},
        "status": status, "created_at": "2026-11-21T11:59:00.000000Z", "expires_at": "2026-11-21T13:00:00.250000Z",
        "decided_at": (status != "pending").then_some("2026-11-21T12:00:00.000000Z"),
        "decision": (status != "pending").then(|| decision(kind, sample)),
        "slots": slots(kind, sample), "excluded": excluded(kind, is_access), "votes": votes(kind, sample), "modified_by": null,
        "change": diff.map(|diff| change(&diff)),
        "execution": kind.starts_with("execution.").then(|| execution(kind)), "grant": is_access.then(|| grant(kind)),
        "asking_rules": asking_rules(sample), "review": null, "undecidable": kind == "request.undecidable", "supersedes": null, "superseded_by": null,
        "url": format!("{HUB}/requests/req_0190aaaaaaaa7aaaaaaaaaaaaaaaaaaa"),
    });
    if kind == "request.commented"
        && let Some(members) = request.as_object_mut()
    {
        let text = written("Was the backup made before the import?", 1_000);
        members.insert(
            "comment".to_owned(),
            json!({
                "id": "cmt_0190aaaaaaaa7aaaaaaaaaaaaaaaaaaa", "person": "dana@example.com", "token": null, "text": text,
                "at": "2026-11-21T12:00:00.000000Z",
            }),
        );
    }
    request
}

fn status(kind: &str) -> &'static str {
    match kind {
        "request.approved" | "request.self_approved" | "request.glass_broken" | "request.review_due" => "approved",
        "request.rejected" => "rejected",
        "request.expired" => "expired",
        "request.cancelled" => "cancelled",
        "request.superseded" => "superseded",
        _ if kind.starts_with("grant.") || kind.starts_with("execution.") => "approved",
        _ => "pending",
    }
}

fn context(sample: Sample) -> Value {
    match sample {
        Sample::Empty => Value::Null,
        Sample::Plain | Sample::ManyGroups => {
            json!({"ticket": "OPS-1", "rows": 12, "words": ["rm", "-rf", "/tmp/x"], "nested": {"not": "shown"}})
        }
        _ => {
            let text = sample.written("word ", 1_000);
            (0..30).map(|number| (format!("{number} {text}"), json!(text))).collect::<Map<_, _>>().into()
        }
    }
}

fn asking_rules(sample: Sample) -> Vec<Value> {
    match sample {
        Sample::Empty => Vec::new(),
        _ => vec![json!({"rule": "writes-without-limit", "reason": sample.written("it may touch every row", 1_000)})],
    }
}

/// The command, and the command after a revision.
fn commands(sample: Sample) -> (String, String) {
    let asked = "update orders\n   set status = 'x'\n where id = 1;";
    match sample {
        Sample::Plain | Sample::Empty | Sample::ManyGroups => {
            (asked.to_owned(), asked.replace("id = 1", "id = 1 and status = 'y'"))
        }
        _ => {
            let written = sample.written(asked, 64 * 1024);
            let changed = format!("new {}", written.replace("'x'", "'y'"));
            (written, changed)
        }
    }
}

/// The decision of a decided request.
fn decision(kind: &str, sample: Sample) -> Value {
    let status = status(kind);
    let is_break_glass = is_break_glass(kind);
    let (method, reason) = match status {
        _ if is_break_glass => ("break_glass", Some("the shop is down, and no approver answers")),
        "approved" => ("votes", Some("fine")),
        "rejected" => ("votes", Some("it would touch too many rows")),
        "cancelled" => ("cancellation", Some("no longer needed")),
        "expired" => ("timeout", None),
        _ => ("replacement", None),
    };
    // Break-glass requires a reason.
    let is_absent = |reason: &str| reason.is_empty() && !is_break_glass;
    let reason = reason.map(|reason| sample.written(reason, 4_096)).filter(|reason| !is_absent(reason));
    let by: Vec<Value> = match status {
        _ if is_break_glass => vec!["dana@example.com".into()],
        "approved" => votes(kind, sample).iter().map(|vote| vote["person"].clone()).collect(),
        "rejected" => vec!["erik@example.com".into()],
        _ => Vec::new(),
    };
    json!({"outcome": status, "method": method, "reason": reason, "by": by, "rule": null, "group": null})
}

fn is_break_glass(kind: &str) -> bool {
    matches!(kind, "request.glass_broken" | "request.review_due")
}

/// Approvals that a group must give: one; two for a single group, or its first approval would decide the request.
fn needed(sample: Sample, group: &str) -> usize {
    let required = required(sample);
    required.iter().filter(|name| *name == group).count()
}

/// The groups whose approvals are required, once per approval.
fn required(sample: Sample) -> Vec<String> {
    let groups = sample.groups();
    if let [only] = groups.as_slice() { vec![only.clone(); 2] } else { groups }
}

fn approved(kind: &str, sample: Sample, group: &str) -> usize {
    // A revision voids earlier votes.
    let approvals = if kind == "request.revised" { Vec::new() } else { approvals(kind, sample) };
    approvals.iter().filter(|name| *name == group).count()
}

/// The groups that have approved, once per approval.
fn approvals(kind: &str, sample: Sample) -> Vec<String> {
    let required = required(sample);
    let count = match (kind, status(kind)) {
        _ if is_break_glass(kind) => 0,
        ("request.voted" | "request.revised", _) | (_, "expired" | "rejected") => 1,
        (_, "approved") => required.len(),
        _ => 0,
    };
    required.into_iter().take(count).collect()
}

fn slots(kind: &str, sample: Sample) -> Vec<Value> {
    let slot = |(number, group): (usize, String)| {
        let also: &[&str] = if number == 0 && kind == "request.escalated" { &["leads"] } else { &[] };
        let (needed, approved) = (needed(sample, &group), approved(kind, sample, &group));
        json!({"group": group, "needed": needed, "approved": approved, "eligible": 3, "also": also})
    };
    sample.groups().into_iter().enumerate().map(slot).collect()
}

fn excluded(kind: &str, is_access: bool) -> Vec<Value> {
    if kind == "request.self_approved" {
        return Vec::new();
    }
    let asks = json!({"person": "nora@example.com", "as": "requester", "by": "request"});
    let gains = is_access.then(|| json!({"person": "olga@example.com", "as": "beneficiary", "by": "request"}));
    let listed = json!({"person": "lea@example.com", "as": "conflicted", "by": "policy"});
    std::iter::once(asks).chain(gains).chain([listed]).collect()
}

fn votes(kind: &str, sample: Sample) -> Vec<Value> {
    let vote = |number: usize, person: &str, decision: &str, group: &str, on_behalf_of: Option<&str>| {
        json!({
            "id": format!("vot_0190aaaaaaaa7aaaaaaaaaaaaaaa{number:04}"), "person": person, "decision": decision, "group": group,
            "reason": null, "assurance": "link", "channel": "slack", "at": "2026-11-21T12:00:00.000000Z", "revision": 1,
            "digest": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "on_behalf_of": on_behalf_of,
            "narrowing": null, "voided": kind == "request.revised",
        })
    };
    let approval = |(number, group): (usize, String)| match number {
        0 => vote(1, "dana@example.com", "approve", &group, None),
        1 if kind == "request.self_approved" => vote(2, "nora@example.com", "approve", &group, None),
        1 => vote(2, "erik@example.com", "approve", &group, Some("ines@example.com")),
        more => vote(more + 1, &format!("member-{:02}@example.com", more + 1), "approve", &group, None),
    };
    let mut votes: Vec<Value> = approvals(kind, sample).into_iter().enumerate().map(approval).collect();
    if kind == "request.rejected" {
        let group = required(sample).pop().unwrap_or_default();
        votes.push(vote(2, "erik@example.com", "reject", &group, None));
    }
    votes
}

fn change(diff: &str) -> Value {
    json!({
        "by": "nora@example.com", "role": "requester", "at": "2026-11-21T12:00:00.000000Z", "from_revision": 1,
        "reason": "not all of them", "diff": diff,
    })
}

fn execution(kind: &str) -> Value {
    let is_over = kind == "execution.finished";
    json!({
        "status": if is_over { "failed" } else { "claimed" }, "use_by": "2026-11-21T13:00:00.000000Z",
        "claimed_at": "2026-11-21T12:00:00.000000Z", "lease_expires_at": "2026-11-21T12:05:00.000000Z",
        "finished_at": is_over.then_some("2026-11-21T12:01:00.000000Z"), "exit_code": is_over.then_some(3), "output": null,
        "output_truncated": false, "output_digest": null, "reason": null, "revoked_by": null,
    })
}

fn grant(kind: &str) -> Value {
    let (status, ended_at) = match kind {
        "grant.started" => ("active", None),
        "grant.ended" => ("ended", Some("2026-11-21T13:30:00.000000Z")),
        _ => ("revoked", Some("2026-11-21T12:30:00.000000Z")),
    };
    let is_revoked = status == "revoked";
    json!({
        "id": "grt_0190aaaaaaaa7aaaaaaaaaaaaaaaaaaa", "request": "req_0190aaaaaaaa7aaaaaaaaaaaaaaaaaaa", "resource": "orders-db",
        "requester": "olga@example.com", "status": status, "starts_at": "2026-11-21T12:00:00.000000Z", "ends_at": "2026-11-21T13:30:00.000000Z",
        "ended_at": ended_at, "ended_by": is_revoked.then_some("dana@example.com"),
        "reason": is_revoked.then_some("the incident is over"),
    })
}
