//! Mentions: a template's own text may mention people, a value never may.
//!
//! Escaping keeps a value from forming a mention alone. It cannot detect a template that puts a value into one, as in
//! `<@{{…}}>`, or into the list of allowed mentions. Therefore a message of an operator's template that contains
//! mentions is rendered a second time, with marks around the text that values wrote ([`origin`]).

use serde_json::Value;

use super::RenderError;
use super::templates::{RenderedTemplate, origin};
use crate::store::endpoints::Channel;

/// Start and end of a mention in the texts of a channel.
type MentionForm = (&'static str, &'static str);

/// Slack's date function, which starts like a mention but is none.
const DATE: &str = "<!date^";

/// The forms of mentions in a channel's texts, according to its documentation: Discord "Message Formatting", Slack
/// "Formatting text for app surfaces", Teams "Mention support within Adaptive Cards", Google Chat "Format messages".
const fn forms(channel: Channel) -> &'static [MentionForm] {
    match channel {
        Channel::Discord => &[("<@", ">")],
        Channel::Slack | Channel::SlackApp => &[("<@", ">"), ("<!", ">")],
        Channel::Teams => &[("<at>", "</at>")],
        Channel::GoogleChat => &[("<users/", ">")],
        Channel::Custom => &[],
    }
}

/// JSON Pointers to the fields that list whom a message may mention. `*` matches each item of a list.
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

/// Rejects a body in which a value determines whom the message mentions.
///
/// # Errors
/// The template and its line, when a value is part of a mention.
pub(super) fn check(
    channel: Channel,
    output: &RenderedTemplate<'_>,
    body: &Value,
    data: &mut Value,
) -> Result<(), RenderError> {
    if mention_sites(channel, body).is_empty() {
        return Ok(());
    }
    let reject = |pointer: &str, data: &mut Value| {
        let (name, line) = output.place(pointer, data);
        let detail = "a value may not be part of a mention: write the mention out in the template";
        Err(RenderError::Template { name, line, detail: detail.to_owned() })
    };
    let Some(marked) = output.marked(data) else { return reject("", data) };
    match mention_sites(channel, &marked).into_iter().find(|site| site.is_mixed) {
        Some(site) => reject(&site.pointer, data),
        None => Ok(()),
    }
}

/// A mention in a text, or an entry of a list of allowed mentions.
struct MentionSite {
    /// JSON Pointer (RFC 6901) into the body.
    pointer: String,
    /// Whether a value wrote part of it.
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

/// Collects the entries at a path of [`lists`].
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

/// Finds the mentions in a text that may contain marks. Returns for each whether a value wrote part of it.
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
            // Escaping made a mention harmless that a value starts, unless the template's own text continues it.
            let continues = |character: char| character.is_alphanumeric() || matches!(character, '&' | '!' | '>');
            let is_harmless =
                own >= begin.len() && !rest.get(own..length).is_some_and(|after| after.starts_with(continues));
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
    fn a_mention_is_mixed_when_a_value_wrote_part_of_it() {
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
