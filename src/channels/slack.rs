//! Slack: Block Kit messages, through an incoming webhook or an app.
//!
//! A requester's text goes into `plain_text` objects or code blocks, where Slack reads no markup.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::declaration::Budget;
use super::schema::SLACK as SCHEMA;
use super::slack_short::SHORT;
use super::slack_text::{code_for_people, entities, text_for_people};
use super::templates::built_in::built_in_chat;
use super::text::{disarm_mentions, in_json, utc, visible};
use super::view::MessageLimits;
use super::{Declaration, Meaning};
use crate::store::endpoints::Channel;
use crate::time::Timestamp;

/// Slack through an incoming webhook.
pub(super) const SLACK: Declaration = Declaration {
    channel: Channel::Slack,
    escape,
    plain,
    code,
    moment,
    link: |url, text| format!("<{}|{}>", in_json(&entities(&url.replace('|', "%7C"))), escape(text)),
    schema: SCHEMA,
    is_bounded_by_schema: true,
    // All blocks together: beyond about 13,200 characters, an undocumented limit, Slack answers msg_blocks_too_long.
    budget: Budget { most: 13_000, of: Some(bytes_of_blocks) },
    // Slack allows "1 per second" with short bursts.
    rate_per_second: Some(1.0),
    concurrency: 1,
    limits: Some(MessageLimits { text: 2_800, lines: 40, slots: 6, facts: 6 }),
    templates: built_in_chat!("slack", ["_message", "_ask", "_outcome", "_endpoint", "_command", "_buttons", "_slots"]),
    meaning,
    wait_header: None,
    query: &[],
    receipt: None,
    short: Some(SHORT),
};

/// Bytes of a body's blocks: the upper bound, since it is unknown whether Slack counts bytes or characters, of texts
/// or of everything.
fn bytes_of_blocks(body: &str) -> usize {
    #[derive(Deserialize)]
    struct Message<'b> {
        #[serde(borrow)]
        blocks: &'b RawValue,
    }
    serde_json::from_str::<Message<'_>>(body).map_or(body.len(), |message| message.blocks.get().len())
}

/// For `mrkdwn`, on one line. It has no escape characters, so marks that could start or end formatting become
/// lookalikes.
fn escape(text: &str) -> String {
    in_json(&text_for_people(text))
}

/// For a `plain_text` object.
fn plain(text: &str) -> String {
    in_json(&entities(&disarm_mentions(&visible(text)).replace('\n', " ⏎ ")))
}

/// For text between the fences of a code block in `mrkdwn`.
fn code(text: &str) -> String {
    in_json(&code_for_people(text))
}

/// Slack's date function, which only `mrkdwn` has; old clients show the text after the bar.
fn moment(at: Timestamp) -> String {
    let seconds = at.as_seconds();
    format!("<!date^{seconds}^{{date_short_pretty}} {{time}}|{}>", utc(at))
}

/// Interprets the error codes of an incoming webhook, which answers them as plain text.
fn meaning(status: u16, answer: &str) -> Option<Meaning> {
    let code = answer.trim();
    let refused = |what: &str| Some(Meaning::Refused(format!("Slack: {code}: {what}")));
    let gone = |what: &str| Some(Meaning::Gone(format!("Slack: {code}: {what}")));
    match (status, code) {
        (200..=299, "" | "ok") => Some(Meaning::Delivered),
        (_, "no_service" | "no_service_id") => gone("the webhook was removed or switched off"),
        (_, "channel_is_archived") => gone("the channel is archived"),
        (_, "channel_not_found") => gone("the channel no longer exists"),
        (_, "no_team" | "team_disabled") => gone("the workspace no longer exists"),
        (_, "invalid_payload" | "invalid_blocks" | "invalid_attachments" | "no_text" | "too_many_attachments") => {
            refused("Slack rejects the form of this message")
        }
        (_, "action_prohibited" | "posting_to_general_channel_denied" | "user_not_found" | "invalid_token") => {
            refused("the webhook may not post there")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_mentions_and_links_are_escaped() {
        assert_eq!(escape("*b* _i_ ~s~ `c` order_items 2*3"), "∗b∗ ˍiˍ ∼s∼ ˋcˋ order_items 2*3");
        assert_eq!(
            escape("<!channel> <@U1> <http://x|y> & @here"),
            "&lt;!channel&gt; &lt;@U1&gt; &lt;http://x|y&gt; &amp; @\u{2060}here"
        );
        assert_eq!(plain("a\n<!here>*b*"), "a ⏎ &lt;!here&gt;*b*");
        assert_eq!(code("a\n```\n<!here>"), "a\\n`\u{2060}`\u{2060}`\\n&lt;!here&gt;");
    }

    #[test]
    fn error_codes_have_a_meaning() {
        assert_eq!(meaning(200, "ok"), Some(Meaning::Delivered));
        assert!(matches!(meaning(410, "channel_is_archived"), Some(Meaning::Gone(_))));
        assert!(matches!(meaning(404, "no_service\n"), Some(Meaning::Gone(_))));
        assert!(
            matches!(meaning(400, "invalid_blocks"), Some(Meaning::Refused(text)) if text.contains("invalid_blocks"))
        );
        assert_eq!(meaning(500, "rollup_error"), None);
        assert_eq!(meaning(429, "rate_limited"), None);
    }
}
