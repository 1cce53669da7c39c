//! Mentions: a template's own words may call somebody, and nothing that a value writes.
//!
//! Escapes keep each value from being a mention. What they cannot see is a template that puts a value into one, as `<@{{…}}>`, or into
//! the list of whom the message may mention. So where a message of an operator's templates holds mentions, it is rendered once more with
//! marks around what values wrote.

use serde_json::Value;

use super::RenderError;
use super::templates::{RenderedTemplate, origin};
use crate::store::endpoints::Channel;

/// How a mention begins and ends in texts of a channel.
type MentionForm = (&'static str, &'static str);

/// What no mention is, though it begins like one.
const DATE: &str = "<!date^";

/// The forms of mentions in a channel's texts, as its documents describe them: Discord "Message Formatting", Slack "Formatting text for
/// app surfaces", Teams "Mention support within Adaptive Cards", Google Chat "Format messages".
const fn forms(channel: Channel) -> &'static [MentionForm] {
    match channel {
        Channel::Discord => &[("<@", ">")],
        Channel::Slack | Channel::SlackApp => &[("<@", ">"), ("<!", ">")],
        Channel::Teams => &[("<at>", "</at>")],
        Channel::GoogleChat => &[("<users/", ">")],
        Channel::Custom => &[],
    }
}

/// Where a body says whom it may mention. `*` stands for each item of a list.
const fn lists(channel: Channel) -> &'static [&'static str] {
    match channel {
        Channel::Discord => &["/allowed_mentions/roles/*", "/allowed_mentions/users/*"],
        Channel::Teams => &[
            "/attachments/0/content/msteams/entities/*/text",
            "/attachments/0/content/msteams/entities/*/mentioned/id",
            "/attachments/0/content/msteams/entities/*/mentioned/name",
        ],
        _ => &[],
    }
}

/// Refuses a body in which a value has a part in whom it mentions.
///
/// # Errors
/// With the template, the line in it, and what to write instead.
pub(super) fn check(
    channel: Channel,
    output: &RenderedTemplate<'_>,
    body: &Value,
    data: &mut Value,
) -> Result<(), RenderError> {
    if mention_sites(channel, body).is_empty() {
        return Ok(());
    }
    let refused = |pointer: &str, data: &mut Value| {
        let (name, line) = output.place(pointer, data);
        let detail = "a value may not say whom the message mentions: write it out in the template";
        Err(RenderError::Template { name, line, detail: detail.to_owned() })
    };
    let Some(marked) = output.marked(data) else { return refused("", data) };
    match mention_sites(channel, &marked).into_iter().find(|site| site.is_mixed) {
        Some(site) => refused(&site.pointer, data),
        None => Ok(()),
    }
}

/// A mention, or a place that says who may be mentioned.
struct MentionSite {
    /// JSON Pointer (RFC 6901) into the body.
    pointer: String,
    /// Whether a value has a part in it.
    is_mixed: bool,
}

fn mention_sites(channel: Channel, body: &Value) -> Vec<MentionSite> {
    let mut found = Vec::new();
    for list in lists(channel) {
        in_list(body, list.trim_start_matches('/'), String::new(), &mut found);
    }
    in_texts(body, String::new(), forms(channel), &mut found);
    found
}

/// Follows a path of [`lists`].
fn in_list(value: &Value, path: &str, pointer: String, found: &mut Vec<MentionSite>) {
    let (step, rest) = path.split_once('/').unwrap_or((path, ""));
    let each: Vec<(String, &Value)> = match value {
        Value::Array(items) if step == "*" => {
            items.iter().enumerate().map(|(index, item)| (index.to_string(), item)).collect()
        }
        other => other.pointer(&format!("/{step}")).map(|inner| (step.to_owned(), inner)).into_iter().collect(),
    };
    for (step, inner) in each {
        let pointer = format!("{pointer}/{step}");
        match inner.as_str() {
            Some(text) if rest.is_empty() => found.push(MentionSite { is_mixed: text.contains(origin::MARK), pointer }),
            _ if rest.is_empty() => {}
            _ => in_list(inner, rest, pointer, found),
        }
    }
}

fn in_texts(value: &Value, pointer: String, forms: &[MentionForm], found: &mut Vec<MentionSite>) {
    match value {
        Value::String(text) => {
            let mentions = mentions(text, forms);
            found.extend(mentions.into_iter().map(|is_mixed| MentionSite { pointer: pointer.clone(), is_mixed }));
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(index, item)| in_texts(item, format!("{pointer}/{index}"), forms, found));
        }
        Value::Object(members) => members.iter().for_each(|(name, member)| {
            let name = name.replace('~', "~0").replace('/', "~1");
            in_texts(member, format!("{pointer}/{name}"), forms, found);
        }),
        _ => {}
    }
}

/// The mentions in a text that may hold marks, each as whether it is partly a value's.
fn mentions(text: &str, forms: &[MentionForm]) -> Vec<bool> {
    let [open, close] = origin::MARK;
    let (mut plain, mut values, mut is_value) = (String::new(), Vec::new(), false);
    for character in text.chars() {
        match character {
            mark if mark == open => is_value = true,
            mark if mark == close => is_value = false,
            other => {
                plain.push(other.to_ascii_lowercase());
                values.extend(std::iter::repeat_n(is_value, other.len_utf8()));
            }
        }
    }
    let mut found = Vec::new();
    for (begin, end) in forms {
        for (place, _) in plain.match_indices(begin) {
            let rest = plain.get(place..).unwrap_or_default();
            let length = rest.find(end).map_or(rest.len(), |at| at + end.len());
            let part = values.get(place..place + length).unwrap_or_default();
            let own = part.iter().take_while(|value| **value).count();
            // One that a value begins was made harmless by the escape, unless the template's own words go on with it.
            let goes_on = |character: char| character.is_alphanumeric() || matches!(character, '&' | '!' | '>');
            let is_harmless =
                own >= begin.len() && !rest.get(own..length).is_some_and(|after| after.starts_with(goes_on));
            if !rest.starts_with(DATE) && !is_harmless {
                found.push(part.contains(&true));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mention_is_all_the_templates_own_or_none() {
        let of =
            |text: &str, channel| mentions(&text.replace('[', "\u{f0003}").replace(']', "\u{f0004}"), forms(channel));
        for (text, found) in [
            ("<@&12> please", vec![false]),
            ("<@[1]>", vec![true]),
            ("<[@1]>", vec![true]),
            ("<@1[>]", vec![true]),
            ("<@1 [x]", vec![true]),
            ("[<@1>]", vec![]),
            ("[a] <@1> [b] <@2>", vec![false, false]),
            ("[a < b] @ > c", vec![]),
            ("[x <@] and [y]", vec![]),
            ("[<@]", vec![]),
            ("[<@]12>", vec![true]),
            ("[<@1]2>", vec![true]),
        ] {
            assert_eq!(of(text, Channel::Discord), found, "{text}");
        }
        assert_eq!(of("<!date^[1]^{date}|x> <!subteam^S1> <!here>", Channel::Slack), [false, false]);
        assert_eq!(of("<!subteam^[S1]>", Channel::SlackApp), [true]);
        assert_eq!(of("<AT>On[call]</at>", Channel::Teams), [true]);
        assert_eq!(of("<at>On call</at>: [x]", Channel::Teams), [false]);
        assert_eq!(of("<users/[all]> <users/1>", Channel::GoogleChat), [true, false]);
    }
}
