//! Lists, read page by page.

use anyhow::Context as _;
use clap::Args;
use serde_json::{Value, json};

use super::connection::{Call, Connection};
use crate::channels::text::one_line;

/// The arguments that select a part of a list.
#[derive(Debug, Args)]
pub(super) struct Paging {
    /// Items to list, at most 500; with --all, items of each call [default: chosen by the hub]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: Option<u32>,
    /// List all items, not only the first page
    #[arg(long, conflicts_with = "cursor")]
    all: bool,
    /// Continue after an earlier page, with its `next_cursor`
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
}

/// A query parameter, which is sent only with a value.
pub(super) type Parameter = (&'static str, Option<String>);

impl Paging {
    /// Every page.
    pub(super) const fn whole() -> Self {
        Self { limit: None, all: true, cursor: None }
    }

    /// Reads the selected part of a list, as one page.
    pub(super) async fn read(&self, hub: &Connection, path: &str, filters: Vec<Parameter>) -> anyhow::Result<Value> {
        let (mut items, mut cursor) = (Vec::new(), self.cursor.clone());
        loop {
            let own = [("limit", self.limit.map(|limit| limit.to_string())), ("cursor", cursor.clone())];
            let given = filters.iter().cloned().chain(own);
            let query = given.filter_map(|(name, value)| value.map(|value| (name, value))).collect();
            let mut page = hub.send(&Call::get(path).query(query)).await?;
            let more = page.get_mut("items").and_then(Value::as_array_mut).context("the hub's answer is not a list")?;
            items.append(more);
            let next = page.get("next_cursor").and_then(Value::as_str).map(str::to_owned);
            let stuck = next == cursor;
            cursor = next;
            anyhow::ensure!(cursor.is_none() || !stuck, "the hub returned the same page twice");
            if !self.all || cursor.is_none() {
                return Ok(json!({"items": items, "next_cursor": cursor}));
            }
        }
    }
}

/// One line for each item, and how to list more.
pub(super) fn lines(page: &Value, line: impl Fn(&Value) -> String) -> String {
    let items = page.get("items").and_then(Value::as_array).into_iter().flatten();
    let mut lines: String = items.map(|item| format!("{}\n", one_line(&line(item)))).collect();
    match page.get("next_cursor").and_then(Value::as_str) {
        Some(cursor) => lines.push_str(&format!("there are more: use --all, or --cursor {cursor}\n")),
        None if lines.is_empty() => lines.push_str("none\n"),
        None => {}
    }
    lines
}

/// A string in an item; `–` when it is absent.
pub(super) fn text<'a>(item: &'a Value, pointer: &str) -> &'a str {
    item.pointer(pointer).and_then(Value::as_str).unwrap_or("–")
}

/// A time, to the second.
pub(super) fn time(item: &Value, pointer: &str) -> String {
    text(item, pointer).split('.').next().unwrap_or_default().trim_end_matches('Z').replace('T', " ")
}
