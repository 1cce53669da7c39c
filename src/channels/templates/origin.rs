//! Tells the template's own text in a message from the text of values.
//!
//! A template is rendered a second time with marks around everything that values write. Only messages with mentions
//! need this ([`mentions`](crate::channels::mentions)), so an ordinary message is rendered once.

use std::cell::Cell;

use serde_json::Value;

/// Delimiters of a value's text: private-use characters, which `visible` escapes in values and no template may contain.
pub(in crate::channels) const MARK: [char; 2] = ['\u{f0003}', '\u{f0004}'];

thread_local! {
    // Handlebars passes only the text to an escape function; a rendering stays on its thread.
    static IS_MARKING: Cell<bool> = const { Cell::new(false) };
}

/// Calls a function that renders, with marks switched on.
pub(super) fn marking<T>(render: impl FnOnce() -> T) -> T {
    IS_MARKING.set(true);
    let result = render();
    IS_MARKING.set(false);
    result
}

/// Marks a value's text, while marks are switched on.
pub(super) fn of_value(written: String) -> String {
    let [open, close] = MARK;
    if written.is_empty() || !IS_MARKING.get() { written } else { format!("{open}{written}{close}") }
}

/// Marks each text and name in a JSON value.
pub(super) fn of_json(value: Value) -> Value {
    if !IS_MARKING.get() {
        return value;
    }
    match value {
        Value::String(text) => of_value(text).into(),
        Value::Array(items) => items.into_iter().map(of_json).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (of_value(name), of_json(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        plain => plain,
    }
}
