//! Messages of each channel: every event with every sample, valid, within the limits, and safe from hostile text.

mod answers;
mod apart;
mod cards;
mod cloudevents;
mod hostile;
mod targets;

pub(crate) use hostile::{is_link, live};

use countersign::approval::Digest;
use countersign::channels::samples::{Example, Sample};
use countersign::channels::{Channels, Declaration};
use countersign::store::endpoints::Channel;
use countersign::store::events::KINDS;
use serde_json::Value;

/// The channels with built-in templates for people.
fn chat_channels() -> impl Iterator<Item = Channel> {
    Channel::ALL.into_iter().filter(|channel| Declaration::of(*channel).is_chat() && *channel != Channel::SlackApp)
}

fn message(channels: &Channels, channel: Channel, kind: &str, sample: Sample) -> Value {
    let example = Example::new(kind, sample);
    let body = channels.render(channel, &example.notice());
    let body = body.unwrap_or_else(|error| panic!("{} {kind}, {}: {error}", channel.as_str(), sample.as_str()));
    serde_json::from_str(&body).unwrap()
}

/// Every text of a message, with its path.
pub(crate) fn texts(value: &Value) -> Vec<(String, String)> {
    fn walk(value: &Value, path: &str, found: &mut Vec<(String, String)>) {
        match value {
            Value::String(text) => found.push((path.to_owned(), text.clone())),
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(n, item)| walk(item, &format!("{path}/{n}"), found))
            }
            Value::Object(members) => {
                members.iter().for_each(|(name, value)| walk(value, &format!("{path}/{name}"), found))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    let mut found = Vec::new();
    walk(value, "", &mut found);
    found
}

#[test]
fn messages_match_their_snapshots() {
    let channels = Channels::new(None).unwrap();
    for channel in chat_channels() {
        for kind in KINDS {
            let message = message(&channels, channel, kind, Sample::Plain);
            insta::assert_json_snapshot!(format!("{}-{kind}", channel.as_str()), message);
        }
        for sample in [Sample::Hostile, Sample::Empty, Sample::RightToLeft, Sample::ManyGroups] {
            let message = message(&channels, channel, "request.created", sample);
            insta::assert_json_snapshot!(format!("{}-request.created-{}", channel.as_str(), sample.as_str()), message);
        }
    }
}

/// Rendering checks each body against its schema and its budget, the custom channel's too. A digest detects changes in
/// the bodies that no snapshot above shows in full.
#[test]
fn every_event_with_every_sample_is_accepted_by_its_channel() {
    let channels = Channels::new(None).unwrap();
    for channel in chat_channels().chain([Channel::Custom]) {
        let mut digests = String::new();
        for (kind, sample) in KINDS.iter().flat_map(|kind| Sample::ALL.map(|sample| (kind, sample))) {
            let body = message(&channels, channel, kind, sample).to_string();
            let digest = Digest::of(body.as_bytes()).to_string();
            let line = format!("{kind} {} {} {}\n", sample.as_str(), body.len(), &digest[..16]);
            digests.push_str(&line);
        }
        insta::assert_snapshot!(format!("{}-digests", channel.as_str()), digests);
    }
}

/// Measured as Slack and Teams do: all blocks in bytes, and the card as JSON in JSON.
#[test]
fn no_message_exceeds_its_targets_limit() {
    let channels = Channels::new(None).unwrap();
    for (kind, sample) in KINDS.iter().flat_map(|kind| Sample::ALL.map(|sample| (kind, sample))) {
        let blocks = message(&channels, Channel::Slack, kind, sample)["blocks"].to_string();
        assert!(blocks.len() <= 13_000, "{kind} {}: {}", sample.as_str(), blocks.len());
        let card = cards::re_encoded(&message(&channels, Channel::Teams, kind, sample).to_string());
        assert!(card <= 28_672, "{kind} {}: {card}", sample.as_str());
    }
}

/// Anything that is cut is marked as cut.
#[test]
fn cut_text_is_marked_as_cut() {
    let channels = Channels::new(None).unwrap();
    for channel in chat_channels() {
        for kind in ["request.created", "request.revised", "request.approved"] {
            let long = message(&channels, channel, kind, Sample::Long).to_string();
            assert!(long.contains("cut here: "), "{} {kind}", channel.as_str());
        }
        let many = message(&channels, channel, "request.created", Sample::ManyGroups).to_string();
        for expected in ["more groups are asked", "group-01: 0 of 1", " more"] {
            let shown = many.replace('\\', "").replace('\u{a0}', " ");
            assert!(shown.contains(expected), "{} does not say {expected:?}: {many}", channel.as_str());
        }
    }
}

/// Every channel shows the same facts.
#[test]
fn every_channel_shows_the_same_facts() {
    let channels = Channels::new(None).unwrap();
    for channel in chat_channels() {
        let shown = message(&channels, channel, "request.created", Sample::Plain).to_string();
        let shown = shown.replace(['\\', '\u{2060}'], "").replace('\u{a0}', " ");
        for fact in [
            "Approval needed",
            "orders-db",
            "Run (sql)",
            "update orders",
            "Nora Lind",
            "nora@example.com",
            "Reason from the requester",
            "Because it is needed.",
            "May reject, not approve",
            "lea@example.com (listed in the policy)",
            "ticket",
            "OPS-1",
            "rm -rf /tmp/x",
            "writes-without-limit: it may touch every row",
            "1 h 0 min left",
            "dba: 0 of 1, security: 0 of 1",
            "req_0190aaaaaaaa7aaaaaaaaaaaaaaaaaaa",
            "digest ba7816bf8f01",
        ] {
            assert!(shown.contains(fact), "{} does not show {fact:?}: {shown}", channel.as_str());
        }
        assert!(!shown.contains("bytes more"), "{}", channel.as_str());
        let voted = message(&channels, channel, "request.rejected", Sample::Plain).to_string();
        assert!(voted.contains("👍 dana") && voted.contains("👎 erik"), "{voted}");
    }
}

/// An operator's template changes the title of one event, and keeps the rest.
#[test]
fn a_title_is_changed_in_one_line() {
    for channel in chat_channels() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join(channel.as_str());
        std::fs::create_dir(&own).unwrap();
        std::fs::write(own.join("request.created.hbs"), r#"{{> _ask word="Please look" said="Today"}}"#).unwrap();
        let channels = Channels::new(Some(folder.path())).unwrap();
        let shown = message(&channels, channel, "request.created", Sample::Plain).to_string();
        assert!(
            shown.contains("Please look: orders") && shown.contains("Today") && shown.contains("Nora Lind"),
            "{shown}"
        );
        assert!(!shown.contains("Approval needed"), "{shown}");
    }
}
