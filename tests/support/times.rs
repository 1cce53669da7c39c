//! The one format of times in the hub's output.

use serde_json::Value;

/// Fails when a string in the JSON is a time without exactly six fractional digits. Only whole strings are checked:
/// times within other text may have any format.
pub(crate) fn assert_times(value: &Value) {
    match value {
        Value::String(text) if is_time(text) => {
            assert!(has_six_digits(text), "a time in another form: {text}");
        }
        Value::Array(items) => items.iter().for_each(assert_times),
        Value::Object(members) => members.values().for_each(assert_times),
        _ => {}
    }
}

/// Whether the text begins like a time in RFC 3339, and is short enough to be nothing else.
pub(crate) fn is_time(text: &str) -> bool {
    let form = "dddd-dd-ddTdd:dd:dd";
    let begins = text.bytes().zip(form.bytes()).all(|(byte, kind)| match kind {
        b'd' => byte.is_ascii_digit(),
        other => byte == other,
    });
    begins && (form.len()..40).contains(&text.len()) && !text.contains(' ')
}

/// `2026-11-28T22:44:10.120000Z`
pub(crate) fn has_six_digits(text: &str) -> bool {
    let digits = text.get(20..26).is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    is_time(text) && text.len() == 27 && text.as_bytes()[19] == b'.' && text.ends_with('Z') && digits
}
