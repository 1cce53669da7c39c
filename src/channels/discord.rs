//! Discord, through a webhook: an embed with link buttons.

use serde_json::Value;

use super::declaration::Budget;
use super::schema::DISCORD as SCHEMA;
use super::templates::built_in::built_in_chat;
use super::text::{cut, disarm_mentions, disarm_pings, in_json, plain_markdown, split_fences, visible};
use super::view::MessageLimits;
use super::{Declaration, Meaning};
use crate::store::endpoints::Channel;

pub(super) const DISCORD: Declaration = Declaration {
    channel: Channel::Discord,
    escape,
    plain,
    code,
    moment: |at| format!("<t:{}:f>", at.as_seconds()),
    link: |url, text| format!("[{}](<{}>)", escape(text), in_json(&url.replace('>', "%3E"))),
    schema: SCHEMA,
    is_bounded_by_schema: true,
    // Discord counts the characters of all texts of an embed.
    budget: Budget { most: 6_000, of: Some(embedded) },
    // Five per two seconds and webhook, according to the headers of its answers.
    rate_per_second: Some(2.0),
    concurrency: 1,
    limits: Some(MessageLimits { text: 2_400, lines: 40, slots: 5, facts: 6 }),
    templates: built_in_chat!(
        "discord",
        ["_message", "_ask", "_outcome", "_endpoint", "_command", "_buttons", "_color", "_slots"]
    ),
    meaning,
    // `Retry-After` is in milliseconds where the URL has no API version, as with webhook URLs.
    wait_header: Some("x-ratelimit-reset-after"),
    // `wait`: Discord answers after the message is saved. Without `with_components` it silently drops link buttons.
    query: &[("wait", "true"), ("with_components", "true")],
    receipt: None,
    short: None,
};

/// Escapes Markdown, on one line. Also escapes `://`, or Discord makes a link of any URL.
fn escape(text: &str) -> String {
    in_json(&plain_markdown(&disarm_mentions(&visible(text))).replace(':', "\\:"))
}

/// For titles and buttons, where Discord reads no Markdown.
fn plain(text: &str) -> String {
    in_json(&disarm_pings(&disarm_mentions(&visible(text))).replace('\n', " ⏎ "))
}

/// For text between the fences of a code block.
fn code(text: &str) -> String {
    in_json(&split_fences(&disarm_pings(&disarm_mentions(&visible(text)))))
}

/// The texts that Discord adds up, in UTF-16 code units.
fn embedded(body: &str) -> usize {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let length = |text: Option<&Value>| text.and_then(Value::as_str).map_or(0, |text| text.encode_utf16().count());
    let list = |value: &Value, name| value.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let of_field = |field: &Value| length(field.get("name")) + length(field.get("value"));
    let of_embed = |embed: &Value| {
        let texts = length(embed.get("title")) + length(embed.get("description"));
        texts + length(embed.pointer("/footer/text")) + list(embed, "fields").iter().map(of_field).sum::<usize>()
    };
    list(&body, "embeds").iter().map(of_embed).sum()
}

/// Interprets Discord's numeric error codes.
fn meaning(status: u16, answer: &str) -> Option<Meaning> {
    const UNKNOWN_CHANNEL: i64 = 10_003;
    const UNKNOWN_WEBHOOK: i64 = 10_015;
    // An operator's URL may set `wait=false`: then Discord does not report whether the message was saved.
    if status == 204 {
        return Some(Meaning::Accepted);
    }
    if !(400..500).contains(&status) || status == 429 {
        return None;
    }
    let error: Value = serde_json::from_str(answer).ok()?;
    let code = error.get("code").and_then(Value::as_i64)?;
    let text = cut(error.get("message").and_then(Value::as_str).unwrap_or_default(), 200).0;
    let text = format!("Discord: {code}: {text}");
    Some(if matches!(code, UNKNOWN_CHANNEL | UNKNOWN_WEBHOOK) { Meaning::Gone(text) } else { Meaning::Refused(text) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_mentions_and_links_are_escaped() {
        let bold = r"\\*\\*b\\*\\* \\[x\\]\\(http\\://y\\)";
        assert_eq!(escape("**b** [x](http://y)"), bold);
        assert_eq!(escape("@everyone <@1>"), "@\u{2060}everyone \\\\<@1\\\\>");
        assert_eq!(escape("||s|| ~~x~~ `c` # h - l > q"), r"\\|\\|s\\|\\| \\~\\~x\\~\\~ \\`c\\` \\# h \\- l \\> q");
        assert_eq!((plain("<@1>"), code("<@&1>")), ("<\u{2060}@1>".to_owned(), "<\u{2060}@&1>".to_owned()));
        assert_eq!(code("```\n@here"), "\u{2060}`\u{2060}`\u{2060}`\\n@\u{2060}here");
    }

    #[test]
    fn error_codes_have_a_meaning() {
        let gone = meaning(404, r#"{"message": "Unknown Webhook", "code": 10015}"#);
        assert_eq!(gone, Some(Meaning::Gone("Discord: 10015: Unknown Webhook".to_owned())));
        let refused = meaning(400, r#"{"message": "Invalid Form Body", "code": 50035, "errors": {}}"#);
        assert!(matches!(refused, Some(Meaning::Refused(_))));
        assert_eq!(meaning(204, ""), Some(Meaning::Accepted));
        assert_eq!(meaning(429, r#"{"message": "You are being rate limited.", "retry_after": 0.3, "code": 0}"#), None);
        assert_eq!(meaning(502, "<html>"), None);
    }
}
