//! Small texts of the set-up pages.

use std::fmt::Display;

/// The items in a row; `none` if there are none.
pub(super) fn joined<T: Display>(items: impl IntoIterator<Item = T>, none: &str) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    if items.is_empty() { none.to_owned() } else { items.join(", ") }
}

/// The items, each on a line, for a field.
pub(super) fn lines<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join("\n")
}

/// A value of a field; empty for none.
pub(super) fn filled<T: Display>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// A text as one segment of a path.
pub(super) fn in_path(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// What a box sends when it is ticked.
pub(super) fn ticked(is_on: bool) -> String {
    if is_on { "on".to_owned() } else { String::new() }
}
