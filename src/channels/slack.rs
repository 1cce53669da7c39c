//! Slack: Block Kit, by an incoming webhook or as an app.
//!
//! Text that a requester wrote goes into `plain_text` objects, or into a code block, where Slack reads no marks.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::declaration::Budget;
use super::schema::SLACK as SCHEMA;
use super::slack_short::SHORT;
use super::slack_text::{code_for_people, entities, text_for_people};
use super::templates::built_in::built_in_chat;
use super::text::{dead_mentions, in_json, utc, visible};
use super::view::MessageLimits;
use super::{Declaration, Meaning};
use crate::store::endpoints::Channel;
use crate::time::Timestamp;

/// By an incoming webhook.
pub(super) const SLACK: Declaration = Declaration {
    channel: Channel::Slack,
    escape,
    plain,
    code,
    moment,
    link: |url, text| format!("<{}|{}>", in_json(&entities(&url.replace('|', "%7C"))), escape(text)),
    schema: SCHEMA,
    is_bounded_by_schema: true,
    // All blocks together: beyond some 13,200 characters, which Slack documents nowhere, it answers msg_blocks_too_long.
    budget: Budget { most: 13_000, of: Some(bytes_of_blocks) },
    // "1 per second", short bursts allowed.
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

/// Bytes of the blocks of a body. Whether Slack counts bytes or characters, of the texts or of all, is not known: this is the most.
fn bytes_of_blocks(body: &str) -> usize {
    #[derive(Deserialize)]
    struct Message<'b> {
        #[serde(borrow)]
        blocks: &'b RawValue,
    }
    serde_json::from_str::<Message<'_>>(body).map_or(body.len(), |message| message.blocks.get().len())
}

/// In `mrkdwn`, on one line. It has no escape for its marks: those that could begin or end something give way to their lookalikes.
fn escape(text: &str) -> String {
    in_json(&text_for_people(text))
}

/// In a `plain_text` object.
fn plain(text: &str) -> String {
    in_json(&entities(&dead_mentions(&visible(text)).replace('\n', " ⏎ ")))
}

/// Between the fences of a code block in `mrkdwn`.
fn code(text: &str) -> String {
    in_json(&code_for_people(text))
}

/// Slack's own date function, which only `mrkdwn` has; old clients show what stands behind the bar.
fn moment(at: Timestamp) -> String {
    let seconds = at.as_seconds();
    format!("<!date^{seconds}^{{date_short_pretty}} {{time}}|{}>", utc(at))
}

/// Slack says what is wrong in a word of plain text.
fn meaning(status: u16, answer: &str) -> Option<Meaning> {
    let word = answer.trim();
    let refused = |what: &str| Some(Meaning::Refused(format!("Slack: {word}: {what}")));
    let gone = |what: &str| Some(Meaning::Gone(format!("Slack: {word}: {what}")));
    match (status, word) {
        (200..=299, "" | "ok") => Some(Meaning::Delivered),
        (_, "no_service" | "no_service_id") => gone("the webhook was removed or switched off"),
        (_, "channel_is_archived") => gone("the channel is archived"),
        (_, "channel_not_found") => gone("the channel is no longer there"),
        (_, "no_team" | "team_disabled") => gone("the workspace is no longer there"),
        (_, "invalid_payload" | "invalid_blocks" | "invalid_attachments" | "no_text" | "too_many_attachments") => {
            refused("it does not take this message")
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
    fn no_mark_mention_or_link_survives() {
        assert_eq!(escape("*b* _i_ ~s~ `c` order_items 2*3"), "∗b∗ ˍiˍ ∼s∼ ˋcˋ order_items 2*3");
        assert_eq!(
            escape("<!channel> <@U1> <http://x|y> & @here"),
            "&lt;!channel&gt; &lt;@U1&gt; &lt;http://x|y&gt; &amp; @\u{2060}here"
        );
        assert_eq!(plain("a\n<!here>*b*"), "a ⏎ &lt;!here&gt;*b*");
        assert_eq!(code("a\n```\n<!here>"), "a\\n`\u{2060}`\u{2060}`\\n&lt;!here&gt;");
    }

    #[test]
    fn a_word_says_what_is_wrong() {
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
