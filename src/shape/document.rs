//! TOML as people write it: read as strictly as JSON, with the line of an error, and written.

use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Shaped, without_mark};

/// Reads a text. TOML dates and times become strings, as the API expects them.
///
/// # Errors
/// When it is no TOML, or does not have the form of `T`; the error shows the line.
pub fn read_toml<T: DeserializeOwned>(text: &str) -> Result<T, toml::de::Error> {
    let mut table = DeTable::parse(without_mark(text))?;
    table.get_mut().iter_mut().for_each(|(_, value)| write_times_out(value));
    let read = T::deserialize(Shaped(toml::Deserializer::from(table)));
    // The parsed table no longer has the text that its spans refer to; the error needs it to show the line.
    read.map_err(|mut error| {
        error.set_input(Some(without_mark(text)));
        error
    })
}

fn write_times_out(value: &mut Spanned<DeValue<'_>>) {
    match value.get_mut() {
        DeValue::Datetime(time) => *value.get_mut() = DeValue::String(time.to_string().into()),
        DeValue::Array(items) => items.iter_mut().for_each(write_times_out),
        DeValue::Table(fields) => fields.iter_mut().for_each(|(_, value)| write_times_out(value)),
        DeValue::String(_) | DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) => {}
    }
}

/// Writes a value; none if TOML has no form for it, as for `null` inside it.
pub fn write_toml(value: &impl Serialize) -> Option<String> {
    toml::to_string_pretty(value).ok()
}

/// The number of the line, from 1, of a place in bytes.
pub fn line_of(text: &str, place: usize) -> usize {
    1 + without_mark(text).bytes().take(place).filter(|byte| *byte == b'\n').count()
}

/// The line of the value at that path of keys and numbers, or of the nearest value around it.
pub fn line_at(text: &str, path: &[&str]) -> Option<usize> {
    let table = DeTable::parse(without_mark(text)).ok()?;
    let (first, rest) = path.split_first()?;
    let (mut place, mut value) = find(table.get_ref(), first)?;
    for name in rest {
        let inner = match value.get_ref() {
            DeValue::Table(fields) => find(fields, name),
            DeValue::Array(items) => {
                name.parse().ok().and_then(|number: usize| items.get(number)).map(|item| (item.span().start, item))
            }
            _ => None,
        };
        let Some((next, found)) = inner else { break };
        (place, value) = (next, found);
    }
    Some(line_of(text, place))
}

fn find<'t, 'd>(fields: &'t DeTable<'d>, name: &str) -> Option<(usize, &'t Spanned<DeValue<'d>>)> {
    fields.iter().find(|(key, _)| key.get_ref() == name).map(|(key, value)| (key.span().start, value))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn toml_times_become_strings() {
        let text = "\u{feff}[people.\"dana@example.com\".absence]\nuntil = 2026-12-24T08:00:00+01:00\n[[x]]\ny = [{z = 2026-12-24}]";
        let read: Value = read_toml(text).expect("a manifest");
        assert_eq!(read["people"]["dana@example.com"]["absence"]["until"], "2026-12-24T08:00:00+01:00");
        assert_eq!(read["x"][0]["y"][0]["z"], "2026-12-24");
    }

    #[test]
    fn a_place_has_its_line() {
        let text = "# head\n[resources.a]\nslots = [\n  { group = \"x\" },\n  { group = \"y\" },\n]\n[[resources.a.guardrails]]\nname = \"one\"\n[[resources.a.guardrails]]\nname = \"two\"\nblocks = [\"a\",\n \"b\"]\n";
        for (path, line) in [
            (&["resources", "a", "slots", "1", "group"][..], 5),
            (&["resources", "a", "guardrails", "1", "blocks", "1"], 12),
            (&["resources", "a", "guardrails", "0", "name"], 8),
            (&["resources", "a", "timeout_seconds"], 2),
            (&["nothing"], 0),
        ] {
            assert_eq!(line_at(text, path).unwrap_or(0), line, "{path:?}");
        }
        assert_eq!(line_at("no = [", &["no"]), None);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let value = json!({"resources": {"a": {"description": "two\nlines", "slots": [{"group": "x", "needed": 2}], "timeout_seconds": 60}}});
        let text = write_toml(&value).expect("TOML");
        assert_eq!(read_toml::<Value>(&text).expect("the same"), value, "{text}");
        assert_eq!(write_toml(&json!({"a": null})), None);
    }
}
