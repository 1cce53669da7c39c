//! Which characters of a message are a template's own, and which a value's.
//!
//! A set is rendered once more with marks around all that values write. Only what may call somebody is looked at so
//! ([`mentions`](crate::channels::mentions)), so an ordinary message is rendered once.

use std::cell::Cell;

use serde_json::Value;

/// Around what a value writes; private-use characters that `visible` writes out in values, and that no template may hold.
pub(in crate::channels) const MARK: [char; 2] = ['\u{f0003}', '\u{f0004}'];

thread_local! {
    // Handlebars hands an escape function nothing but the text; a rendering stays on its thread.
    static IS_MARKING: Cell<bool> = const { Cell::new(false) };
}

/// Does something that renders, with marks.
pub(super) fn marking<T>(render: impl FnOnce() -> T) -> T {
    IS_MARKING.set(true);
    let result = render();
    IS_MARKING.set(false);
    result
}

/// What a value writes, marked as such where that is asked for.
pub(super) fn of_value(written: String) -> String {
    let [open, close] = MARK;
    if written.is_empty() || !IS_MARKING.get() { written } else { format!("{open}{written}{close}") }
}

/// The same of JSON, whose texts and names are marked each by itself.
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
