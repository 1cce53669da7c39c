//! Values and helpers: what they write, escaped.

use serde_json::json;

use super::rendered;
use crate::channels::templates::RenderError;
use crate::store::endpoints::Channel;

#[test]
fn values_cannot_leave_their_string() {
    let data = json!({"x": "\", \"evil\": \"[y](z)\u{202e}", "links": []});
    let value = rendered(Channel::Teams, "{\"a\": \"{{x}}\", \"b\": \"{{plain x}}\", \"c\": {{json x}}}", data)
        .expect("renders");
    assert_eq!(value["a"], "\", \"evil\": \"\\[y\\]\\(z\\)⟨U\\+202E⟩");
    assert_eq!(value["b"], "\", \"evil\": \"[y](z)⟨U+202E⟩");
    assert_eq!(value["c"], value["a"], "for people, each text in it is escaped");
    assert!(value.get("evil").is_none());
}

#[test]
fn helpers_write_their_formats() {
    let links = json!([{"review": "https://hub.example.com/c/x|)y"}]);
    let data = json!({
        "event": {"at": "2026-11-21T12:00:00Z"}, "then": "2026-11-21T11:58:30Z", "later": "2026-11-21T13:00:00Z",
        "links": links, "url": "https://hub.example.com/v1", "evil": "https://evil.example.com", "text": "[a](b) <!here> äöü",
        "who": {"name": "Nora [x]", "email": "nora@example.com"}, "mail": "dana@example.com", "nobody": {"name": null, "email": null},
    });
    let line = |channel, text: &str| {
        let body = rendered(channel, &format!("\"{text}\""), data.clone())?;
        Ok::<_, RenderError>(body.as_str().expect("text").to_owned())
    };
    let written = |channel, text: &str| line(channel, text).expect(text);
    assert_eq!(
        written(Channel::Custom, "{{ago then}}; {{until later}}; {{until then}}; {{ago later}}"),
        "1 min 30 s ago; 1 h 0 min; 0 s; just now"
    );
    assert_eq!(written(Channel::Custom, "{{cut text 7}}"), "[a](b)  ✂ 14 bytes more");
    assert_eq!(written(Channel::Teams, "{{plain (cut text 6)}}"), "[a](b) ✂ 15 bytes more");
    assert_eq!(written(Channel::Teams, "{{cut text 6}}"), "\\[a\\]\\(b\\) ✂ 15 bytes more");
    assert_eq!(
        written(Channel::Teams, "{{plain (person who)}}, {{plain (person mail)}}, {{person nobody}}"),
        "Nora [x] (nora@example.com), dana@example.com, a system"
    );
    assert_eq!(
        written(Channel::Slack, "{{#each links}}{{link review ../text}}{{/each}}"),
        "<https://hub.example.com/c/x%7C)y|[a](b) &lt;!here&gt; äöü>"
    );
    assert_eq!(
        written(Channel::Teams, "{{#each links}}{{link review \"See\"}}{{/each}}"),
        "[See](https://hub.example.com/c/x|%29y)"
    );
    assert_eq!(written(Channel::GoogleChat, "{{link url \"See\"}}"), "<a href=\"https://hub.example.com/v1\">See</a>");
    assert_eq!(
        written(Channel::Discord, "{{link 'https://wiki.example.com' \"See\"}}"),
        "[See](<https://wiki.example.com/>)"
    );
    assert_eq!(
        written(Channel::Custom, "{{link url \"See\"}}{{exact evil}}"),
        "https://hub.example.com/v1https://evil.example.com"
    );
    for text in [
        "{{link evil \"x\"}}",
        "{{exact text}}",
        "{{exact evil}}",
        "{{link 'javascript:x' \"x\"}}",
        "{{cut text}}",
        "{{cut text -1}}",
        "{{moment text}}",
        "{{iterations who}}",
        "{{raw text}}",
        "{{log text}}",
    ] {
        line(Channel::Teams, text).expect_err(text);
    }
}

#[test]
fn a_missing_key_is_false_and_cannot_be_written() {
    let data = json!({"labels": {"team": "shop", "none": null}, "list": [1], "n": 5, "links": []});
    let made = |text: &str| rendered(Channel::Teams, text, data.clone());
    for (condition, holds) in [
        ("(lookup labels \"team\")", true),
        ("(lookup labels \"x\")", false),
        ("(lookup list 0)", true),
        ("(lookup list 7)", false),
        ("(lookup n \"x\")", false),
        ("(eq (lookup labels \"x\") \"shop\")", false),
        ("(eq (lookup labels \"team\") \"shop\")", true),
        ("(ne (lookup labels \"x\") \"shop\")", true),
        ("(gt (lookup labels \"x\") 3)", false),
        ("(not (lookup labels \"x\"))", true),
        ("(and n (lookup labels \"x\"))", false),
        ("(or n (lookup labels \"x\"))", true),
        ("(lookup (lookup labels \"x\") \"y\")", false),
    ] {
        let text = format!("{{{{#if {condition}}}}}true{{{{else}}}}false{{{{/if}}}}");
        assert_eq!(made(&text).expect(condition), json!(holds), "{condition}");
    }
    assert_eq!(
        made("\"{{lookup labels \"team\"}}, {{plain (lookup labels \"team\")}}\"").expect("there"),
        "shop, shop"
    );
    assert_eq!(made("[{{json (lookup labels \"x\")}}]").expect("as JSON it is null"), json!([null]));
    assert_eq!(made("[{{#each (lookup labels \"x\")}}1{{else}}2{{/each}}]").expect("there is an else"), json!([2]));
    for text in
        ["\"{{lookup labels \"x\"}}\"", "\"{{plain (lookup labels \"x\")}}\"", "\"{{cut (lookup labels \"x\") 9}}\""]
    {
        let refused = made(text).expect_err(text).to_string();
        assert!(refused.contains("lookup found none: check with {{#if (lookup …)}} first"), "{refused}");
    }
    for text in [
        "{{#if (lookup lables \"x\")}}1{{/if}}0",
        "{{#if (eq nothing 1)}}1{{/if}}0",
        "[{{#each (lookup labels \"x\")}}1{{/each}}]",
    ] {
        assert!(made(text).expect_err(text).to_string().contains("there is no value"), "{text}");
    }
}

/// Otherwise a requester could choose the called helper by the text of a value.
#[test]
fn the_result_of_a_call_is_not_the_name_of_a_helper() {
    let made =
        |text: &str| rendered(Channel::Teams, "\"{{(cut text 50)}}{{plain (cut text 50)}}\"", json!({"text": text}));
    for text in ["link", "json", "iterations of a loop", "text", "hello"] {
        assert_eq!(made(text).expect(text), json!(format!("{text}{text}")));
    }
}
