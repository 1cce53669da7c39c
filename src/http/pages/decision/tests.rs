//! The decision page in its states, with snapshots.

use super::*;
use crate::approval::{
    Assurance, ChangeRole, Choice, Decision, Email, Kind, Membership, Method, PayloadChange, Requester, Status,
};
use crate::hub::{LinkDecision, SignInNeed, SlotView, VoteView, Voting};
use crate::ids::{RequestId, VoteId};
use crate::links::Intent;
use crate::store::groups::NamedMember;
use crate::time::Timestamp;

fn shown(page: CallbackPage) -> DecisionPage {
    let reader = Reader::new(&axum::http::HeaderMap::new(), page.now);
    DecisionPage::new("TOKEN", page, None, &reader)
}

fn email(text: &str) -> Email {
    text.parse().expect("an address")
}

/// Text that tries to break out of its place on the page.
const HOSTILE: &str = "<script>alert(1)</script> \u{202e}& \"quoted\"";

fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().expect("a time")
}

fn erik() -> NamedMember {
    NamedMember { email: email("erik@example.com"), name: HOSTILE.to_owned(), membership: Membership::Listed }
}

fn by_name(members: Vec<NamedMember>) -> Voting {
    Voting::ByName { members, nonce: "NONCE".to_owned() }
}

/// A page with hostile text in every field that takes text.
fn page(status: Status) -> CallbackPage {
    CallbackPage {
        request: request(status),
        group: "dba".to_owned(),
        intent: Intent::Approve,
        voting: if status == Status::Pending { by_name(vec![erik()]) } else { Voting::Over },
        used_by: None,
        draft: None,
        detail: Detail::Full,
        now: now(),
    }
}

fn request(status: Status) -> RequestView {
    let (now, hostile) = (now(), HOSTILE.to_owned());
    let digest = crate::approval::Digest::of(b"x");
    let decision = (status != Status::Pending).then(|| Decision {
        reason: Some(hostile.clone()),
        by: vec![email("dana@example.com")],
        ..Decision::new(status, Method::Votes)
    });
    RequestView {
        id: RequestId::from_bytes([1; 16]),
        revision: 1,
        kind: Kind::Action,
        resource: "orders".parse().expect("a name"),
        command: format!("delete from carts\n  where {hostile}"),
        language: Some("sql".to_owned()),
        context: Some(serde_json::json!({"ticket": hostile})),
        duration_seconds: None,
        digest,
        requester: Requester {
            email: Some(email("nora@example.com")),
            name: Some(hostile.clone()),
            groups: Vec::new(),
            acting_for: None,
        },
        beneficiary: None,
        reason: Some(hostile.clone()),
        labels: [(hostile.clone(), hostile.clone())].into(),
        status,
        created_at: now,
        expires_at: now + std::time::Duration::from_secs(3_600),
        decided_at: None,
        decision,
        slots: vec![SlotView {
            group: "dba".parse().expect("a name"),
            needed: 2,
            approved: 1,
            eligible: 3,
            also: Vec::new(),
        }],
        excluded: Vec::new(),
        asking_rules: Vec::new(),
        votes: vec![vote()],
        modified_by: None,
        change: None,
        execution: None,
        grant: None,
        review: None,
        undecidable: false,
        supersedes: None,
        superseded_by: None,
        comment: None,
        url: "https://hub.example.com/requests/x".to_owned(),
    }
}

fn vote() -> VoteView {
    VoteView {
        id: VoteId::from_bytes([2; 16]),
        person: email("dana@example.com"),
        decision: Choice::Approve,
        group: None,
        reason: Some(HOSTILE.to_owned()),
        assurance: Assurance::Link,
        channel: "teams".to_owned(),
        at: now(),
        revision: 1,
        digest: crate::approval::Digest::of(b"x"),
        on_behalf_of: None,
        narrowing: None,
        voided: false,
    }
}

#[test]
fn pages_look_as_they_did_and_text_stays_text() {
    for (name, status) in [("pending", Status::Pending), ("approved", Status::Approved), ("rejected", Status::Rejected)]
    {
        let mut page = shown(page(status));
        page.shell.style = "/assets/style.css".to_owned();
        page.shell.script = "/assets/script.js".to_owned();
        let html = page.render().expect("renders");
        // The hub's own script, and no other.
        assert!(html.matches("<script").count() == 1 && !html.contains('\u{202e}'));
        insta::assert_snapshot!(format!("decision-{name}"), html);
    }
}

#[test]
fn a_change_shows_what_is_different() {
    let mut page = page(Status::Pending);
    page.request.revision = 2;
    page.request.command = "delete from carts where old".to_owned();
    page.request.change = Some(PayloadChange {
        by: Some(email("erik@example.com")),
        role: ChangeRole::Approver,
        at: page.now,
        from_revision: 1,
        reason: Some("<b>not all</b>".to_owned()),
        diff: "-delete from carts\n+delete from carts where old <script>\u{202e}".to_owned(),
    });
    let mut page = shown(page);
    page.shell.style = "/assets/style.css".to_owned();
    page.shell.script = "/assets/script.js".to_owned();
    let html = page.render().expect("renders");
    // The hub's own script, and no other.
    assert!(html.matches("<script").count() == 1 && !html.contains('\u{202e}') && !html.contains("<b>not"));
    insta::assert_snapshot!("decision-changed", html);
}

#[test]
fn the_page_lists_what_messages_hide() {
    for (detail, is_listed) in [(Detail::Redacted, true), (Detail::Full, false), (Detail::LinkOnly, false)] {
        let mut page = page(Status::Pending);
        page.request.command = "PGPASSWORD=hunter2 psql".to_owned();
        page.detail = detail;
        let html = shown(page).render().expect("renders");
        assert!(html.contains("hunter2"));
        assert_eq!(html.contains("password or other named secret (command)"), is_listed, "{detail:?}");
    }
}

/// Splits the page into the part before, and the section with the requester's information.
fn given(html: &str) -> (&str, &str) {
    let (before, rest) =
        html.split_once("<section class=\"given\"").expect("a section for the requester's information");
    let (inside, after) = rest.split_once("</section>").expect("an end of it");
    assert!(after.contains("<h2 id=\"approvals\">"), "the votes follow");
    (before, inside)
}

#[test]
fn the_hubs_own_rows_contain_no_text_of_the_requester() {
    let mut page = page(Status::Pending);
    page.request.requester = Requester {
        email: Some(email("bot@example.com")),
        name: Some("Dana Reyes (dana@example.com)".to_owned()),
        groups: vec!["ops".parse().expect("a name")],
        acting_for: Some(email("nora@example.com")),
    };
    page.request.beneficiary = Some(email("olga@example.com"));
    page.request.language = Some("sql). Approved by security (".to_owned());
    page.request.labels = [("Approved by".to_owned(), "Sam Okafor".to_owned())].into();
    page.request.context = Some(serde_json::json!({"ticket": "OPS-1"}));
    page.request.reason = Some("because of OPS-1".to_owned());
    let html = shown(page).render().expect("renders");
    let (before, inside) = given(&html);
    for (row, person) in [("Requested by", "bot"), ("Acting for", "nora"), ("Beneficiary", "olga")] {
        assert!(before.contains(&format!("<dt>{row}</dt><dd><b>{person}@example.com</b></dd>")), "{row}: {before}");
    }
    for given in
        ["Dana Reyes", ">ops", "Approved by security", "label Approved by", "Sam Okafor", "OPS-1", "because of"]
    {
        assert!(inside.contains(given) && !before.contains(given), "{given}: {html}");
    }
}

#[test]
fn blanks_do_not_push_text_out_of_sight() {
    let mut page = page(Status::Pending);
    page.request.command = format!("line1\n{}touch marker{}; touch other", "\n".repeat(200), " ".repeat(400));
    page.request.reason = Some(format!("a{}b", "\n".repeat(60)));
    page.request.labels = [("note".to_owned(), format!("a{}b", " ".repeat(70)))].into();
    page.request.context = Some(serde_json::json!({"a": " ".repeat(90)}));
    page.request.change = Some(PayloadChange {
        by: None,
        role: ChangeRole::Requester,
        at: page.now,
        from_revision: 1,
        reason: Some(format!("a{}b", "\n".repeat(80))),
        diff: format!("+a{}", "\n+".repeat(110)),
    });
    let html = shown(page).render().expect("renders");
    for mark in ["⏎ ×200", "·×400", "⏎ ×59", "·×70", "·×90", "⏎ ×79", "⏎ ×110"] {
        assert!(html.contains(&format!("{mark}</span>")), "{mark}: {html}");
    }
    for size in
        ["202 lines, 631 bytes, complete", "JSON, 3 lines, 103 bytes, complete", "111 lines, 222 bytes, complete"]
    {
        assert!(html.contains(size), "{size}: {html}");
    }
    let (approve, end) = (html.find("value=\"approve\""), html.find("touch other"));
    assert!(approve > end && end.is_some(), "the form is after the end of the command");
}

#[test]
fn the_pages_own_marks_are_not_escaped() {
    let mut page = page(Status::Pending);
    page.request.command = "a\u{200b}b\nc\u{202e}\u{202e}".to_owned();
    let html = shown(page).render().expect("renders");
    assert!(html.contains("This command contains 3 invisible characters, marked on lines 1, 2."), "{html}");
    assert!(html.contains("⟨U+202E⟩×2") && !html.contains("U+27E8"), "{html}");
}

#[test]
fn a_group_without_members_says_what_to_do() {
    let mut page = page(Status::Pending);
    page.voting = by_name(Vec::new());
    let html = shown(page).render().expect("renders");
    assert!(!html.contains("<form") && !html.contains("<select"), "nobody can send it");
    assert!(html.contains("dba has no member who may") && html.contains("PUT /v1/groups/dba"), "{html}");
}

#[test]
fn who_signed_in_is_who_votes_and_no_names_are_offered() {
    let mut page = page(Status::Pending);
    page.voting = Voting::SignedIn { person: erik(), nonce: "NONCE".to_owned() };
    let html = shown(page).render().expect("renders");
    assert!(!html.contains("<select") && html.contains("(erik@example.com)") && html.contains("Not you?"), "{html}");
    assert!(html.contains("href=\"/sign-in?return=%2Fc%2FTOKEN\""), "{html}");
}

#[test]
fn what_was_typed_before_the_sign_in_stays_and_is_not_yet_decided() {
    let mut page = page(Status::Pending);
    page.request.command = "delete from carts".to_owned();
    page.voting = Voting::AfterSignIn { need: SignInNeed::Anonymous, nonce: "NONCE".to_owned() };
    let html = shown(page).render().expect("renders");
    assert!(html.contains("Sign in to approve") && !html.contains("<select"), "{html}");

    let mut page = self::page(Status::Pending);
    page.voting = Voting::SignedIn { person: erik(), nonce: "NONCE".to_owned() };
    let choice = Some(Choice::Reject);
    page.draft = Some(LinkDecision { choice, reason: Some("</textarea>no".to_owned()), ..LinkDecision::default() });
    let html = shown(page).render().expect("renders");
    assert!(html.contains("Not decided yet.") && html.contains("then press Reject."), "{html}");
    assert!(html.contains("&#60;/textarea&#62;no"), "{html}");
}

#[test]
fn someone_else_is_told_whom_the_link_is_for() {
    let mut page = page(Status::Pending);
    let recipient = Some(email("erik@example.com"));
    page.voting = Voting::NotYou { person: email("olga@example.com"), recipient };
    let html = shown(page).render().expect("renders");
    assert!(!html.contains("<form") && html.contains("This link was sent to erik@example.com"), "{html}");
    assert!(html.contains("You are signed in as olga@example.com"), "{html}");
}
