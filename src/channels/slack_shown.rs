//! Checks whether a Slack message shows the complete request, so that a button in it may approve.
//!
//! It checks the rendered message and not the template's input, because an operator's template may show less.

use serde_json::Value;

use super::slack_text::code_for_people;
use super::view::{command_lines, shown_context, shown_language};

/// Start and end of a code block. Escaped text never contains two adjacent backticks.
const FENCE: &str = "```";

/// Whether the blocks contain the complete command, language and context in the form of the built-in templates: the
/// command's lines in sequence, and each value of the context on its own line as `name: value`.
pub(super) fn shows_whole(blocks: &Value, request: &Value) -> bool {
    let mut texts = Vec::new();
    collect(blocks, &mut texts);
    let texts: Vec<Vec<String>> =
        texts.iter().map(|text| text.replace(FENCE, "").split('\n').map(str::to_owned).collect()).collect();
    let command: Vec<String> = command_lines(request).iter().map(|line| code_for_people(line)).collect();
    let has_command =
        command.is_empty() || texts.iter().any(|lines| lines.windows(command.len()).any(|shown| shown == command));
    let has_language = shown_language(request)
        .is_some_and(|language| language.is_empty() || texts.iter().flatten().any(|line| line.contains(&*language)));
    let has_line = |line: &String| texts.iter().flatten().any(|shown| shown == line);
    let context = shown_context(request).map(|facts| {
        facts.iter().all(|(name, value)| has_line(&format!("{}: {}", code_for_people(name), code_for_people(value))))
    });
    has_command && has_language && context == Some(true)
}

/// Collects all texts of the blocks except those of buttons, which the hub or the template wrote.
fn collect<'b>(value: &'b Value, texts: &mut Vec<&'b str>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, texts)),
        Value::Object(members) if members.get("type").is_none_or(|kind| kind != "button") => {
            texts.extend(members.get("text").and_then(Value::as_str));
            members.values().for_each(|member| collect(member, texts));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn section(text: &str) -> Value {
        json!({"type": "section", "text": {"type": "mrkdwn", "text": text}})
    }

    #[test]
    fn a_message_with_missing_or_cut_text_is_not_complete() {
        let request = json!({"command": "a < b\n\nrm", "language": "sql", "context": {"ticket": "OPS-1", "words": ["rm", "-rf"]}});
        let title = json!({"type": "section", "text": {"type": "plain_text", "text": "Run (sql):"}});
        let command = section("```a &lt; b\n\nrm\n```");
        let facts = [section("```ticket: OPS-1```"), section("```words: rm -rf```")];
        let shown = |blocks: &[&Value]| shows_whole(&json!(blocks), &request);
        assert!(shown(&[&title, &command, &facts[0], &facts[1]]));
        assert!(!shown(&[&title, &command, &facts[0]]) && !shown(&[&title, &facts[0], &facts[1]]));
        assert!(!shown(&[&command, &facts[0], &facts[1]]), "no language");
        let odd = json!({"command": "x", "language": "sql\nx"});
        let unnamed = section("```x```\n (language: see the request)");
        assert!(!shows_whole(&json!([unnamed]), &odd), "a language that is not shown");
        for wrong in ["```a &lt; b\nrm\n```", "```a &lt; b\n\n```", "```a &lt; b\n\nr\n```", "```xa &lt; b\n\nrm\n```"]
        {
            assert!(!shown(&[&title, &section(wrong), &facts[0], &facts[1]]), "{wrong}");
        }
        let button = json!({"type": "button", "text": {"type": "plain_text", "text": "a &lt; b\n\nrm"}});
        assert!(!shown(&[&title, &button, &facts[0], &facts[1]]));
        let cut = section("```ticket: OPS ✂ 2 bytes more```");
        assert!(!shown(&[&title, &command, &cut, &facts[1]]));
    }

    #[test]
    fn a_context_that_lines_cannot_show_is_not_complete() {
        let with = |context: Value| {
            shows_whole(&json!([section("```x: 1```"), section("```y: a b```")]), &json!({"context": context}))
        };
        for shown in [json!(null), json!({}), json!({"x": 1}), json!({"x": "1", "y": ["a", "b"]}), json!({"y": "a b"})]
        {
            assert!(with(shown.clone()), "{shown}");
        }
        for hidden in [
            json!("x: 1"),
            json!(["x: 1"]),
            json!(1),
            json!(false),
            json!([]),
            json!({"x": null}),
            json!({"x": {"a": 1}}),
            json!({"x": [[1]]}),
            json!({"x": [1, {"a": 1}]}),
            json!({"y": ["a b"]}),
            json!({"y": ["a b", ""]}),
            json!({"x": 1, "z": 1}),
        ] {
            assert!(!with(hidden.clone()), "{hidden}");
        }
    }
}
