//! The receiver's page: the messages of one channel, or of all.

use std::collections::BTreeSet;

use askama::Template;
use serde_json::Value;

use crate::channels::drawn::{Card, Section};
use crate::channels::text::{Listing, Part, utc, visible, whole_seconds};
use crate::time::Timestamp;

/// The messages of one channel or of all, newest first.
#[derive(Template)]
#[template(path = "pages/receiver.html", escape = "drawn")]
pub(super) struct Page {
    channels: BTreeSet<String>,
    /// The channel whose messages are shown; all without it.
    chosen: Option<String>,
    messages: Vec<Message>,
}

/// A received message.
#[derive(Clone)]
pub(super) struct Message {
    channel: String,
    at: Timestamp,
    content: Content,
    body: Listing,
}

#[derive(Clone)]
pub(super) enum Content {
    /// From a Teams endpoint.
    Card(Card),
    /// From a custom endpoint.
    Custom(Event),
}

/// An event (`schemas/event.json`).
#[derive(Clone)]
pub(super) struct Event {
    kind: String,
    /// Names and values of its fields.
    rows: Vec<(&'static str, String)>,
    command: Option<Listing>,
    links: Vec<(&'static str, String)>,
    id: String,
    /// Whether the signature is valid.
    genuine: bool,
}

impl Page {
    pub(super) fn new(messages: Vec<Message>, chosen: Option<String>) -> Self {
        let channels = messages.iter().map(|message| message.channel.clone()).collect();
        let is_chosen = |message: &Message| chosen.as_ref().is_none_or(|channel| *channel == message.channel);
        Self { channels, messages: messages.into_iter().filter(is_chosen).collect(), chosen }
    }

    /// The URL of a channel's messages.
    fn address(channel: &str) -> String {
        let query: String = url::form_urlencoded::byte_serialize(channel.as_bytes()).collect();
        format!("/?channel={query}")
    }

    fn is_chosen(&self, channel: &str) -> bool {
        self.chosen.as_deref() == Some(channel)
    }
}

impl Message {
    pub(super) fn new(channel: String, at: Timestamp, content: Content, body: &Value) -> Self {
        Self { channel, at, content, body: Listing::of_json(body) }
    }

    fn exact(&self) -> String {
        whole_seconds(self.at)
    }

    /// Hours and minutes.
    fn clock(&self) -> String {
        utc(self.at).get(11..16).unwrap_or_default().to_owned()
    }
}

impl Event {
    /// Reads an event; `genuine` says whether its signature is valid.
    pub(super) fn read(event: &Value, id: &str, genuine: bool) -> Self {
        let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str);
        let row = |(name, pointer)| Some((name, visible(text(pointer)?)));
        let rows = [
            ("resource", "/data/request/resource"),
            ("status", "/data/request/status"),
            ("requested by", "/data/request/requester/email"),
            ("request", "/data/request/id"),
            ("endpoint", "/data/endpoint/name"),
        ];
        let link = |name| Some((name, text(&format!("/data/links/{name}"))?.to_owned()));
        Self {
            kind: visible(text("/type").unwrap_or_default()),
            rows: rows.into_iter().filter_map(row).collect(),
            command: text("/data/request/command").filter(|command| !command.is_empty()).map(Listing::of),
            links: ["approve", "reject", "review"].into_iter().filter_map(link).collect(),
            id: visible(id),
            genuine,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channels::samples::Sample;
    use crate::channels::{Channels, Samples};
    use crate::store::endpoints::Channel;
    use crate::store::events::KINDS;

    fn page(content: Content, body: &Value) -> String {
        let message = Message::new("dba".to_owned(), Timestamp::from_micros(0), content, body);
        Page::new(vec![message], None).render().expect("renders")
    }

    /// The escaped characters in a text, such as `⟨U+202E⟩`.
    fn escaped(text: &str) -> BTreeSet<&str> {
        text.split('⟨').skip(1).filter_map(|rest| rest.split_once('⟩')).map(|(code, _)| code).collect()
    }

    #[test]
    fn no_character_of_a_built_in_template_is_escaped() {
        let channels = Channels::new(None).expect("the built-in templates");
        let all = Samples { events: KINDS.to_vec(), sorts: Sample::ALL.to_vec() };
        let mut joined = 0;
        for preview in channels.preview(Channel::Teams, &[], &all) {
            let Some(body) = preview.body else { continue };
            let about = format!("{} {}", preview.event, preview.sample);
            let html = page(Content::Card(Card::read(&body["attachments"][0]["content"])), &body);
            let sent = body.to_string();
            assert_eq!(escaped(&html), escaped(&sent), "{about}");
            let (drawn, _) = html.split_once("<details>").expect("the body behind the card");
            assert!(!drawn.contains("not drawn here") && !drawn.contains("**1"), "{about}");
            joined += usize::from(drawn.contains("\u{a0}of\u{a0}"));
        }
        assert!(joined > 20, "{joined} cards keep their words together");
    }

    #[test]
    fn a_custom_event_can_be_read() {
        let channels = Channels::new(None).expect("the built-in templates");
        let plain = Samples { events: vec!["request.created"], sorts: vec![Sample::Plain] };
        let body = channels.preview(Channel::Custom, &[], &plain).remove(0).body.expect("an event");
        let html = page(Content::Custom(Event::read(&body, "evt_1", true)), &body);
        for shown in ["request.created", "<dt>resource</dt><dd>orders-db</dd>", "update orders", "signature verified"] {
            assert!(html.contains(shown), "{shown}: {html}");
        }
        let event = serde_json::json!({"type": "a\u{202e}<b>", "data": {"request": {"command": format!("a{}b", "\n".repeat(99))}}});
        let html = page(Content::Custom(Event::read(&event, "x\u{200b}", false)), &event);
        assert!(
            html.contains("a⟨U+202E⟩&#60;b&#62;") && html.contains("x⟨U+200B⟩") && html.contains("⏎ ×98"),
            "{html}"
        );
        assert!(html.contains("does not match") && !html.contains('\u{202e}'), "{html}");
    }
}
