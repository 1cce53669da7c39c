//! The short form of a Slack message: plain text, sent when Slack rejects the blocks of the full message.

use serde::Deserialize;
use serde_json::Value;

use super::declaration::Short;
use super::slack_text::text_for_people;
use super::text::shortened;

/// Most bytes of each value.
const MOST: usize = 300;

pub(super) const SHORT: Short = Short { is_wanted, text };

/// Whether an answer rejects the form of the message. These are error codes of `chat.postMessage` and `chat.update`;
/// an incoming webhook answers the same codes as plain text. Slack posts nothing in these cases.
fn is_wanted(answer: &str) -> bool {
    #[derive(Deserialize)]
    struct Refusal {
        error: String,
    }
    let refusal = serde_json::from_str::<Refusal>(answer).ok();
    let code = refusal.as_ref().map_or(answer.trim(), |refusal| &refusal.error);
    matches!(code, "invalid_blocks" | "invalid_blocks_format" | "msg_blocks_too_long" | "msg_too_long")
}

/// The title, the requester or the deciders, and links to the full request.
fn text(data: &Value, shows_links: bool) -> String {
    let of = |name: &str| data.get(name).and_then(Value::as_str).unwrap_or_default();
    let value = |name: &str| text_for_people(&shortened(of(name), MOST));
    let title = [value("word"), value("about")];
    let title = title.iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(": ");
    let mut lines = vec![format!("*{title}*")];
    let mut push = |line: String| lines.push(line);
    match (of("said"), of("decided_by")) {
        ("", _) => {}
        (_, "") => push(format!("{}.", value("said"))),
        _ => push(format!("{} {}.", value("said"), value("decided_by"))),
    }
    if !of("asks").is_empty() {
        push(format!("{} {}.", value("requester"), value("asks")));
    }
    for name in ["note", "reason"] {
        if !of(name).is_empty() {
            push(format!("{}: {}", if name == "note" { "Note" } else { "Reason" }, value(name)));
        }
    }
    push(rest(data, shows_links));
    lines.join("\n")
}

/// The notice that text is missing, with links to the full request.
fn rest(data: &Value, shows_links: bool) -> String {
    let id = text_for_people(data.get("id").and_then(Value::as_str).unwrap_or_default());
    let links = data.get("links").and_then(Value::as_array).filter(|_| shows_links);
    let link = |link: &Value| {
        let text = |name: &str| link.get(name).and_then(Value::as_str);
        // The hub's own links contain no characters that Slack reads as markup.
        Some(format!("<{}|Review for {}>", text("review")?, text_for_people(text("group")?)))
    };
    let links: Vec<String> = links.into_iter().flatten().filter_map(link).collect();
    let whole = if links.is_empty() { String::new() } else { format!(" Full request: {}", links.join(", ")) };
    format!("✂ Slack rejected the full message ({id}).{whole}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_error_code_asks_for_the_short_form() {
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
    fn values_are_escaped_and_links_are_shown_only_where_allowed() {
        let link = json!({"group": "dba", "review": "https://hub.example.com/c/x"});
        let data = json!({
            "word": "Approval needed", "about": "orders", "asks": "asks to run (sql)", "requester": "<!channel> *N*", "said": "",
            "decided_by": "", "reason": "x".repeat(400) + "@here", "id": "req_1", "links": [link],
        });
        let shown = text(&data, true);
        assert!(
            shown.starts_with("*Approval needed: orders*\n&lt;!channel&gt; ∗N∗ asks to run (sql).\nReason: xxx"),
            "{shown}"
        );
        assert!(shown.contains("✂ 105 bytes more") && shown.contains("(req_1)"), "{shown}");
        assert!(shown.ends_with("Full request: <https://hub.example.com/c/x|Review for dba>"), "{shown}");
        assert!(!text(&data, false).contains("https://"));
    }
}
