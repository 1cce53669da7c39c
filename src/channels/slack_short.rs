//! What Slack is sent in short form, when it refuses a message's blocks: a text without any.

use serde::Deserialize;
use serde_json::Value;

use super::declaration::Short;
use super::slack_text::text_for_people;
use super::text::shortened;

/// Most bytes of each text.
const MOST: usize = 300;

pub(super) const SHORT: Short = Short { is_wanted, text };

/// The errors of `chat.postMessage` and `chat.update` that are about the form of a message; an incoming webhook answers the same words
/// as plain text. Slack posts nothing then.
fn is_wanted(answer: &str) -> bool {
    #[derive(Deserialize)]
    struct Refusal {
        error: String,
    }
    let refusal = serde_json::from_str::<Refusal>(answer).ok();
    let word = refusal.as_ref().map_or(answer.trim(), |refusal| &refusal.error);
    matches!(word, "invalid_blocks" | "invalid_blocks_format" | "msg_blocks_too_long" | "msg_too_long")
}

/// What it is about, who asks or decided, and where all of it is.
fn text(seen: &Value, shows_links: bool) -> String {
    let of = |name: &str| seen.get(name).and_then(Value::as_str).unwrap_or_default();
    let said = |name: &str| text_for_people(&shortened(of(name), MOST));
    let title = [said("word"), said("about")];
    let title = title.iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(": ");
    let mut lines = vec![format!("*{title}*")];
    let mut say = |line: String| lines.push(line);
    match (of("said"), of("decided_by")) {
        ("", _) => {}
        (_, "") => say(format!("{}.", said("said"))),
        _ => say(format!("{} {}.", said("said"), said("decided_by"))),
    }
    if !of("asks").is_empty() {
        say(format!("{} {}.", said("requester"), said("asks")));
    }
    for name in ["note", "reason"] {
        if !of(name).is_empty() {
            say(format!("{}: {}", if name == "note" { "Note" } else { "Why" }, said(name)));
        }
    }
    say(rest(seen, shows_links));
    lines.join("\n")
}

/// Where the rest of it is.
fn rest(seen: &Value, shows_links: bool) -> String {
    let id = text_for_people(seen.get("id").and_then(Value::as_str).unwrap_or_default());
    let links = seen.get("links").and_then(Value::as_array).filter(|_| shows_links);
    let link = |link: &Value| {
        let text = |name: &str| link.get(name).and_then(Value::as_str);
        // A link of the hub's own holds none of Slack's marks.
        Some(format!("<{}|Review for {}>", text("review")?, text_for_people(text("group")?)))
    };
    let links: Vec<String> = links.into_iter().flatten().filter_map(link).collect();
    let whole = if links.is_empty() { String::new() } else { format!(" All of it: {}", links.join(", ")) };
    format!("✂ Slack does not take the rest of this message ({id}).{whole}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_word_asks_for_less() {
        for wanted in
            ["invalid_blocks", "invalid_blocks\n", r#"{"ok":false,"error":"msg_blocks_too_long","errors":[]}"#]
        {
            assert!(is_wanted(wanted), "{wanted}");
        }
        for other in ["ok", "", "no_service", r#"{"ok":true}"#, r#"{"ok":false,"error":"not_in_channel"}"#, "<html>"] {
            assert!(!is_wanted(other), "{other}");
        }
    }

    #[test]
    fn nothing_that_somebody_wrote_is_live_and_no_link_is_shown_that_may_not_be() {
        let link = json!({"group": "dba", "review": "https://hub.example.com/c/x"});
        let seen = json!({
            "word": "Approval needed", "about": "orders", "asks": "asks to run (sql)", "requester": "<!channel> *N*", "said": "",
            "decided_by": "", "reason": "x".repeat(400) + "@here", "id": "req_1", "links": [link],
        });
        let shown = text(&seen, true);
        assert!(
            shown.starts_with("*Approval needed: orders*\n&lt;!channel&gt; ∗N∗ asks to run (sql).\nWhy: xxx"),
            "{shown}"
        );
        assert!(shown.contains("✂ 105 bytes more") && shown.contains("(req_1)"), "{shown}");
        assert!(shown.ends_with("All of it: <https://hub.example.com/c/x|Review for dba>"), "{shown}");
        assert!(!text(&seen, false).contains("https://"));
    }
}
