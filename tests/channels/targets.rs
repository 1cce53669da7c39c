//! Target-specific features of templates; and texts by others never mention anyone.

use countersign::channels::samples::{Example, Sample};
use countersign::channels::{Channels, MessageFormat, Subject};
use countersign::store::endpoints::Channel;
use serde_json::{Value, json};

use super::texts;

/// A template in place of each channel's request message, with its own mentions around all texts by others.
const TEMPLATES: [(Channel, &str); 4] = [
    (
        Channel::Discord,
        r#"{"content": "<@&1001> <@2002> look: {{reason}} {{plain reason}}\n```\n{{code reason}}\n```",
            "thread_name": "{{plain (cut resource 90)}}", "allowed_mentions": {"parse": [], "roles": ["1001"], "users": ["2002"]},
            "embeds": [{"description": "{{#each command}}{{this}} {{/each}}", "title": "{{plain (cut requester 200)}}"}]}"#,
    ),
    (
        Channel::Teams,
        r#"{"type": "message", "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": null, "content": {
            "type": "AdaptiveCard", "version": "1.4",
            "msteams": {"entities": [{"type": "mention", "text": "<at>On call</at>", "mentioned": {"id": "oncall@example.com", "name": "On call"}}]},
            "body": [
              {"type": "TextBlock", "text": "<at>On call</at>: {{reason}} {{cut reason 40}}"},
              {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": "{{plain reason}} {{#each command}}{{code this}}{{/each}}-"}]}
            ]}}]}"#,
    ),
    (
        Channel::GoogleChat,
        r#"{"text": "<users/1001> look: {{reason}} {{plain reason}} {{code reason}}", "thread": {"threadKey": "{{plain id}}"},
            "cardsV2": [{"card": {"sections": [{"widgets": [{"textParagraph": {"text": "{{#each command}}{{code this}}{{/each}}-"}}]}]}}]}"#,
    ),
    (
        Channel::Slack,
        r#"{"text": "<!subteam^S1> {{reason}}", "unfurl_links": false, "unfurl_media": false, "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "verbatim": true, "text": "<@U1> <!here> {{reason}} ```{{code reason}}``` {{moment expires_at}}"}},
            {"type": "section", "text": {"type": "plain_text", "text": "{{plain reason}}-", "emoji": false}}]}"#,
    ),
];

fn with_template(channel: Channel, template: &str) -> (tempfile::TempDir, Channels) {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join(channel.as_str());
    std::fs::create_dir(&own).unwrap();
    std::fs::write(own.join("request.created.hbs"), template).unwrap();
    let channels = Channels::new(Some(folder.path())).unwrap();
    (folder, channels)
}

/// The message rendered with a template, or the error.
fn made(channels: &Channels, channel: Channel, request: &Value) -> Result<Value, String> {
    let example = Example::new("request.created", Sample::Plain);
    let mut example = example.notice();
    let text = request.to_string();
    example.subject = Subject::Request(&text);
    let body =
        channels.render_message(channel, MessageFormat::Body, &example, &[]).map_err(|error| error.to_string())?;
    match body.problem {
        Some(problem) => Err(problem.to_string()),
        None => Ok(serde_json::from_str(&body.body).unwrap()),
    }
}

fn request(text: &str) -> Value {
    json!({
        "id": "req_0190aaaaaaaa7aaaaaaaaaaaaaaaaaaa", "resource": "orders-db", "language": "sql", "command": text,
        "digest": "ba7816bf8f01", "requester": {"email": "nora@example.com", "name": text}, "reason": text,
        "context": {"x": text}, "expires_at": "2026-11-21T13:00:00Z", "slots": [{"group": "dba", "needed": 1, "approved": 0}],
    })
}

/// The people and groups that a text mentions as each service reads it, after any escapes and in any block.
fn mentions(channel: Channel, text: &str) -> Vec<String> {
    let forms: &[(&str, &str)] = match channel {
        Channel::Discord => &[("<@", ">")],
        Channel::Teams => &[("<at>", "</at>")],
        Channel::GoogleChat => &[("<users/", ">")],
        _ => &[("<@", ">"), ("<!", ">")],
    };
    let lower = text.to_lowercase();
    let mut found = Vec::new();
    for (begin, end) in forms {
        for (place, _) in lower.match_indices(begin) {
            let Some(length) = lower[place..].find(end) else { continue };
            let mention = &lower[place..place + length + end.len()];
            let id = mention[begin.len()..mention.len() - end.len()].trim_start_matches(['&', '!']);
            let is_id = match channel {
                Channel::Discord => !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()),
                _ => !id.starts_with("date^"),
            };
            found.extend(is_id.then(|| mention.to_owned()));
        }
    }
    let calls_all = matches!(channel, Channel::Discord | Channel::Slack);
    let to_all = ["@everyone", "@here", "@channel"].iter().find(|word| calls_all && lower.contains(**word));
    assert_eq!(to_all, None, "{text}");
    found
}

#[test]
fn a_template_may_mention_people_and_texts_by_others_may_not() {
    let corpus = [
        "plain",
        "<@2002> <@!2002> <@&1001> <@&3003> @everyone @here",
        "<at>On call</at> <AT>on call</AT> <at>Eve</at>",
        "<users/all> <users/1001> <users/3003>",
        "<!here> <!channel> <!subteam^S1> <@U1> <!everyone|x>",
        "\\<@2002> \\\\<@2002> `<@2002>` ```<@2002>``` ||<@2002>|| [x](<@2002>)",
        "<\u{2060}@2002> <\u{200b}@2002> \u{202e}<@2002>",
        "@2002> @U1> at>On call</at> users/1001> !here>",
        "<",
        "<@",
        "<at>",
        ">",
        "</at>",
        "&lt;@2002&gt; &lt;users/1001&gt; &#60;@2002&#62;",
    ];
    for (channel, template) in TEMPLATES {
        let (_folder, channels) = with_template(channel, template);
        let of = |text: &str| -> Vec<String> {
            let message = made(&channels, channel, &request(text)).unwrap_or_else(|error| panic!("{text:?}: {error}"));
            texts(&message).iter().flat_map(|(_, text)| mentions(channel, text)).collect()
        };
        let own = of("plain");
        assert!(!own.is_empty(), "{}", channel.as_str());
        for text in corpus {
            assert_eq!(of(text), own, "{} {text:?}", channel.as_str());
        }
    }
}

/// Escapes cannot know the text around a value.
#[test]
fn a_value_cannot_be_part_of_a_mention() {
    for (channel, template) in TEMPLATES {
        let (from, to): (&str, &[&str]) = match channel {
            Channel::Discord => (
                "look:",
                &["<@{{reason}}>", "<@&{{plain reason}}>", "<{{reason}}>", "<{{code reason}}>", "<@1{{reason}}"],
            ),
            Channel::Teams => (
                "<at>On call</at>:",
                &["<at>{{reason}}</at>", "<at>On call{{plain reason}}/at>", "<at>{{cut reason 9}}</at>"],
            ),
            Channel::GoogleChat => ("look:", &["<users/{{reason}}>", "<users/1{{plain reason}}>"]),
            _ => (
                "<!here>",
                &["<@{{reason}}>", "<!{{plain reason}}>", "<!subteam^{{exact expires_at}}>", "<!here|{{reason}}>"],
            ),
        };
        for to in to {
            let (_folder, channels) = with_template(channel, &template.replace(from, to));
            for text in ["2002", "@2002", "U1", "<", "x>"] {
                let result = made(&channels, channel, &request(text));
                if text == "@2002" || !to.starts_with("<{{") {
                    let error = result.expect_err(&format!("{} {to} {text}", channel.as_str()));
                    assert!(error.contains("a value may not be part of a mention"), "{to} {text}: {error}");
                }
            }
        }
    }
    for (channel, from, to) in [
        (Channel::Discord, r#""users": ["2002"]"#, r#""users": ["{{plain reason}}"]"#),
        (Channel::Discord, r#""roles": ["1001"]"#, r#""roles": ["1001", "{{reason}}"]"#),
        (Channel::Discord, r#""users": ["2002"]"#, r#""users": [{{json reason}}]"#),
        (Channel::Teams, r#""id": "oncall@example.com""#, r#""id": "{{plain reason}}""#),
        (Channel::Teams, r#""name": "On call""#, r#""name": "{{plain reason}}""#),
        (
            Channel::Teams,
            r#""text": "<at>On call</at>", "mentioned""#,
            r#""text": "<at>{{plain reason}}</at>", "mentioned""#,
        ),
    ] {
        let template = TEMPLATES.iter().find(|(of, _)| *of == channel).unwrap().1;
        assert!(template.contains(from), "{from}");
        let (_folder, channels) = with_template(channel, &template.replace(from, to));
        let error = made(&channels, channel, &request("7")).expect_err(to);
        assert!(error.contains("a value may not be part of a mention") && error.contains("line "), "{to}: {error}");
    }
}

#[test]
fn target_specific_fields_are_bounded_by_the_schema() {
    for (channel, from, to) in [
        (Channel::Discord, "\"parse\": []", "\"parse\": [\"everyone\"]"),
        (Channel::Discord, "\"1001\"", "\"everyone\""),
        (Channel::Discord, "(cut resource 90)", "\"\""),
        (Channel::Teams, "<at>On call</at>\", \"mentioned", "On call\", \"mentioned"),
        (Channel::GoogleChat, "threadKey", "thread"),
    ] {
        let template = TEMPLATES.iter().find(|(of, _)| *of == channel).unwrap().1;
        assert!(template.contains(from), "{from}");
        let (_folder, channels) = with_template(channel, &template.replace(from, to));
        let error = made(&channels, channel, &request("7")).expect_err(to);
        assert!(error.contains("does not match"), "{to}: {error}");
    }
}
