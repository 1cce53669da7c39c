//! Events that never happened, one of each kind and sort: what templates are tried with before anything real is sent.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Links, Notice, SlotLinks, Subject};
use crate::ids::EventId;
use crate::store::events::{ASKING, PING};
use crate::time::Timestamp;

/// Where the samples' hub would be.
const HUB: &str = "https://hub.example.com";
/// When they would have happened: 2026-11-21, noon UTC.
const AT: i64 = 1_795_262_400_000_000;
/// What somebody may write who wants a message to lie.
const HOSTILE: &str = "[click](http://evil.example) ![img](http://evil.example/x.png) **bold** _i_ ~s~ ||s|| <at>all</at> <!channel> \
    <@U012AB3CD> <@123456789012345678> <users/all> @everyone @here <http://evil.example|Approve> <a href=\"http://evil.example\">x</a> \
    {{DATE(2017-02-14T06:08:39Z)}} `code` ``` # head \u{202e}reversed\u{200b} \u{1b}[31m \"quote\" \\ \u{0} {{{raw}}} &amp; &lt; \r\n- list";

/// A sort of sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sample {
    /// As most are.
    Plain,
    /// Every text as long as it may be.
    Long,
    /// Every text full of what markup and clients might read.
    Hostile,
    /// Whatever may be absent is absent.
    Empty,
    /// Texts that are written from right to left.
    RightToLeft,
    /// Twenty groups have to approve.
    ManyGroups,
}

impl Sample {
    /// All there are.
    pub const ALL: [Self; 6] =
        [Self::Plain, Self::Long, Self::Hostile, Self::Empty, Self::RightToLeft, Self::ManyGroups];

    /// What it is called.
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

    /// What of texts that anybody may write stands at each place.
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

/// An event with its links, before it is told.
#[derive(Debug, Clone)]
pub struct Example {
    kind: String,
    subject: Option<String>,
    links: Links,
}

impl Example {
    /// Of that kind and sort.
    pub fn new(kind: &str, sample: Sample) -> Self {
        let subject = match kind.split('.').next() {
            _ if kind == PING => None,
            Some("endpoint") => Some(endpoint(sample)),
            _ => Some(request(kind, sample)),
        };
        let links = if kind == PING || kind.starts_with("endpoint.") { Links::default() } else { links(kind, sample) };
        Self { kind: kind.to_owned(), subject: subject.map(|subject| subject.to_string()), links }
    }

    /// As a channel is given it.
    pub fn notice(&self) -> Notice<'_> {
        let at = Timestamp::from_micros(AT);
        let subject = match &self.subject {
            None => Subject::Nothing,
            Some(text) if self.kind.starts_with("endpoint.") => Subject::Endpoint(text),
            Some(text) => Subject::Request(text),
        };
        Notice { id: EventId::least(at), kind: &self.kind, at, subject, withheld: None, links: self.links.clone() }
    }
}

fn links(kind: &str, sample: Sample) -> Links {
    let is_asking = ASKING.contains(&kind);
    let slot = |group: String| {
        // As long as a real one.
        let url = |intent: &str| format!("{HUB}/c/{intent}-{group}-{}", "0123456789abcdef".repeat(12));
        let (approve, reject) = (is_asking.then(|| url("approve")), is_asking.then(|| url("reject")));
        SlotLinks { review: url("review"), approve, reject, group }
    };
    Links::of(sample.groups().into_iter().map(slot).collect())
}

fn endpoint(sample: Sample) -> Value {
    json!({
        "id": "ep_0190aaaaaaaa7aaaaaaaaaaaaaaaaaaa", "name": "dba-chat", "channel": "slack", "state": "active",
        "url": format!("{HUB}/…"), "reason": sample.written("the target answered 500", 1_000),
        "failing_since": "2026-11-21T06:00:00Z", "disabled_at_latest": "2026-11-26T06:00:00Z",
    })
}

/// A request as the API would show it (`schemas/request.json`).
fn request(kind: &str, sample: Sample) -> Value {
    let written = |plain: &str, longest| sample.written(plain, longest);
    let optional = |plain: &str, longest| (sample != Sample::Empty).then(|| written(plain, longest));
    let command = "update orders\n   set status = 'x'\n where id = 1;";
    let command = if sample == Sample::Empty { command.to_owned() } else { written(command, 64 * 1024) };
    let (status, is_access) = (status(kind), kind.starts_with("grant."));
    let is_revised = kind == "request.revised";
    json!({
        "id": "req_0190aaaaaaaa7aaaaaaaaaaaaaaaaaaa", "revision": if is_revised { 2 } else { 1 },
        "kind": if is_access { "jit" } else { "action" }, "resource": "orders-db", "command": command,
        "language": optional("sql", 256), "context": context(sample), "duration_seconds": is_access.then_some(5_400),
        "digest": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "requester": {
            "email": "nora@example.com", "name": optional("Nora Lind", 256), "groups": [], "acting_for": null,
        },
        "beneficiary": is_access.then_some("olga@example.com"), "reason": optional("Because it is needed.", 4_096), "labels": {},
        "status": status, "created_at": "2026-11-21T11:59:00Z", "expires_at": "2026-11-21T13:00:00.25Z",
        "decided_at": (status != "pending").then_some("2026-11-21T12:00:00Z"),
        "decision": (status != "pending").then(|| decision(kind, status, &written("fine", 4_096))),
        "slots": slots(kind, sample), "votes": votes(kind, status), "modified_by": null,
        "change": is_revised.then(|| change(&written("where id = 1", 60_000))),
        "execution": kind.starts_with("execution.").then(|| execution(kind)), "grant": is_access.then(|| grant(kind)),
        "asking_rules": asking_rules(sample), "review": null, "undecidable": kind == "request.undecidable", "supersedes": null, "superseded_by": null,
        "url": format!("{HUB}/v1/requests/req_0190aaaaaaaa7aaaaaaaaaaaaaaaaaaa"),
    })
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

fn decision(kind: &str, status: &str, reason: &str) -> Value {
    let by_people = matches!(status, "approved" | "rejected");
    let by: &[&str] = if by_people { &["dana@example.com", "erik@example.com"] } else { &[] };
    let method = match (kind, status) {
        ("request.glass_broken" | "request.review_due", _) => "break_glass",
        (_, "approved" | "rejected") => "votes",
        (_, "expired") => "timeout",
        (_, "cancelled") => "cancellation",
        _ => "replacement",
    };
    let reason = (!reason.is_empty()).then_some(reason);
    json!({"outcome": status, "method": method, "reason": reason, "by": by, "rule": null, "group": null})
}

fn slots(kind: &str, sample: Sample) -> Vec<Value> {
    let slot = |(number, group): (usize, String)| {
        let approved = u32::from(number == 0 && kind == "request.voted" || status(kind) == "approved");
        let also: &[&str] = if number == 0 && kind == "request.escalated" { &["leads"] } else { &[] };
        json!({"group": group, "needed": 1, "approved": approved, "eligible": 3, "also": also})
    };
    sample.groups().into_iter().enumerate().map(slot).collect()
}

fn votes(kind: &str, status: &str) -> Vec<Value> {
    let vote = |number: u32, person: &str, decision: &str, on_behalf_of: Option<&str>| {
        json!({
            "id": format!("vot_0190aaaaaaaa7aaaaaaaaaaaaaaa{number:04}"), "person": person, "decision": decision, "group": "dba",
            "reason": null, "assurance": "link", "channel": "slack", "at": "2026-11-21T12:00:00Z", "revision": 1,
            "digest": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "on_behalf_of": on_behalf_of,
            "narrowing": null, "voided": kind == "request.revised",
        })
    };
    let first = vote(1, "dana@example.com", "approve", None);
    match (kind, status) {
        ("request.voted" | "request.revised" | "request.expired", _) => vec![first],
        (_, "rejected") => vec![first, vote(2, "erik@example.com", "reject", None)],
        (_, "approved") => vec![first, vote(2, "erik@example.com", "approve", Some("ines@example.com"))],
        _ => Vec::new(),
    }
}

fn change(line: &str) -> Value {
    json!({
        "by": "erik@example.com", "role": "requester", "at": "2026-11-21T12:00:00Z", "from_revision": 1, "reason": "not all",
        "diff": format!("@@ -1,3 +1,3 @@\n update orders\n    set status = 'x'\n-{line}\n+{line} and status = 'y';"),
    })
}

fn execution(kind: &str) -> Value {
    let is_over = kind == "execution.finished";
    json!({
        "status": if is_over { "failed" } else { "claimed" }, "use_by": "2026-11-21T13:00:00Z",
        "claimed_at": "2026-11-21T12:00:00Z", "lease_expires_at": "2026-11-21T12:05:00Z",
        "finished_at": is_over.then_some("2026-11-21T12:01:00Z"), "exit_code": is_over.then_some(3), "output": null,
        "output_truncated": false, "output_digest": null, "reason": null, "revoked_by": null,
    })
}

fn grant(kind: &str) -> Value {
    let status = match kind {
        "grant.started" => "active",
        "grant.ended" => "ended",
        _ => "revoked",
    };
    json!({
        "id": "grt_0190aaaaaaaa7aaaaaaaaaaaaaaaaaaa", "request": "req_0190aaaaaaaa7aaaaaaaaaaaaaaaaaaa", "resource": "orders-db",
        "requester": "olga@example.com", "status": status, "starts_at": "2026-11-21T12:00:00Z", "ends_at": "2026-11-21T13:30:00Z",
        "ended_at": (status != "active").then_some("2026-11-21T12:30:00Z"), "ended_by": null, "reason": null,
    })
}
