//! Requests of one page that differ only in their literals: one person's dozen of the same command.

use std::collections::BTreeMap;

use super::row::Row;
use crate::channels::text::Part;
use crate::hub::InboxItem;

/// Fewest requests that are shown as one.
const FEWEST: usize = 3;

/// A piece of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece<'c> {
    Same(&'c str),
    /// A number or a quoted text.
    Literal(&'c str),
}

/// A command with what differs from the others marked.
pub(super) type Marked = Vec<(bool, String)>;

/// What stands in one place of the list.
pub(super) enum Entry {
    One(Box<Row>),
    Alike(Alike),
}

/// Requests that differ only in their literals. The first one stands for all.
pub(super) struct Alike {
    pub(super) rows: Vec<Row>,
    /// The command of each.
    pub(super) marked: Vec<Marked>,
}

impl Alike {
    /// The request that stands for all: the most urgent one.
    pub(super) fn first(&self) -> Option<(&Row, &Marked)> {
        self.rows.first().zip(self.marked.first())
    }
}

/// Gathers requests that are alike, each in the place of its first one.
pub(super) fn gathered(items: &[InboxItem], rows: Vec<Row>) -> Vec<Entry> {
    let mut keys: BTreeMap<String, usize> = BTreeMap::new();
    let key_of = |(item, row): (&InboxItem, &Row)| is_simple(row).then(|| key(item));
    let keyed: Vec<Option<String>> = items.iter().zip(&rows).map(key_of).collect();
    keyed.iter().flatten().for_each(|key| *keys.entry(key.clone()).or_default() += 1);
    let mut entries: Vec<Entry> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for ((item, row), key) in items.iter().zip(rows).zip(keyed) {
        let Some(key) = key.filter(|key| keys.get(key).is_some_and(|count| *count >= FEWEST)) else {
            entries.push(Entry::One(Box::new(row)));
            continue;
        };
        let place = *places.entry(key).or_insert(entries.len());
        if place == entries.len() {
            entries.push(Entry::Alike(Alike { rows: Vec::new(), marked: Vec::new() }));
        }
        if let Some(Entry::Alike(alike)) = entries.get_mut(place) {
            alike.rows.push(row);
            alike.marked.push(vec![(false, item.request.command.clone())]);
        }
    }
    for entry in &mut entries {
        if let Entry::Alike(alike) = entry {
            mark(&mut alike.marked);
        }
    }
    entries
}

/// Whether all that a person has to read is in the command: it is whole, shows each of its characters, and nothing else is
/// special about the request.
fn is_simple(row: &Row) -> bool {
    let shows_all = row.command.as_ref().is_some_and(|command| {
        let plain = |part: &Part| matches!(part, Part::Text(_) | Part::Marked(..));
        command.head.lines.iter().all(|line| line.times == 1 && line.parts.iter().all(plain))
    });
    shows_all && row.may_approve() && row.change.is_none() && !row.undecidable && row.findings.is_empty()
}

/// What requests that are alike have in common.
fn key(item: &InboxItem) -> String {
    let request = &item.request;
    let pattern: Vec<&str> = pieces(&request.command)
        .into_iter()
        .map(|piece| match piece {
            Piece::Same(text) => text,
            Piece::Literal(_) => "\u{0}",
        })
        .collect();
    let asked: Vec<String> =
        item.asked_as.iter().map(|asked| format!("{} {:?}", asked.group, asked.stands_in_for)).collect();
    let who = serde_json::to_string(&request.requester).unwrap_or_default();
    let parts =
        [who, request.resource.to_string(), format!("{:?}", request.language), asked.join(","), pattern.concat()];
    parts.join("\u{1}")
}

/// Splits a command at its literals: runs of digits, and quoted texts without a line break.
fn pieces(command: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let (mut rest, mut same) = (command, 0);
    while let Some(first) = rest.get(same..).and_then(|from| from.chars().next()) {
        let from = rest.get(same..).unwrap_or_default();
        let Some(length) = literal(from, first) else {
            same += first.len_utf8();
            continue;
        };
        let (before, after) = rest.split_at(same);
        let (found, after) = after.split_at(length);
        pieces.extend((!before.is_empty()).then_some(Piece::Same(before)));
        pieces.push(Piece::Literal(found));
        (rest, same) = (after, 0);
    }
    pieces.extend((!rest.is_empty()).then_some(Piece::Same(rest)));
    pieces
}

/// The length of the literal at the start of a text.
fn literal(text: &str, first: char) -> Option<usize> {
    if first.is_ascii_digit() {
        return Some(text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len()));
    }
    let inside = Some(text.get(1..)?).filter(|_| matches!(first, '\'' | '"'))?;
    let end = inside.find([first, '\n'])?;
    inside.get(end..)?.starts_with(first).then_some(end + 2)
}

/// Marks what is not the same in all commands of one pattern.
fn mark(commands: &mut [Marked]) {
    let texts: Vec<String> =
        commands.iter().map(|marked| marked.iter().map(|part| part.1.as_str()).collect()).collect();
    let all: Vec<Vec<Piece<'_>>> = texts.iter().map(|text| pieces(text)).collect();
    let differs = |place: usize| {
        let first = all.first().and_then(|pieces| pieces.get(place));
        all.iter().any(|pieces| pieces.get(place) != first)
    };
    for (command, pieces) in commands.iter_mut().zip(&all) {
        *command = Vec::new();
        for (place, piece) in pieces.iter().enumerate() {
            let (Piece::Same(text) | Piece::Literal(text)) = piece;
            command.push((differs(place), (*text).to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_split_at_its_literals() {
        use Piece::{Literal, Same};
        assert_eq!(
            pieces("VACUUM events_2026_11"),
            [Same("VACUUM events_"), Literal("2026"), Same("_"), Literal("11")]
        );
        assert_eq!(pieces("a = 'x''y' -- it's"), [Same("a = "), Literal("'x'"), Literal("'y'"), Same(" -- it's")]);
        assert_eq!(pieces("é 7"), [Same("é "), Literal("7")]);
        assert_eq!(pieces("'\n'"), [Same("'\n'")]);
        assert_eq!(pieces(""), []);
    }

    #[test]
    fn what_differs_is_marked() {
        let mut commands = ["t_1 = 'a' 5", "t_2 = 'a' 5"].map(|text| vec![(false, text.to_owned())]);
        mark(&mut commands);
        let marked: Vec<&str> = commands[1].iter().filter(|part| part.0).map(|part| part.1.as_str()).collect();
        assert_eq!(marked, ["2"]);
        let whole: String = commands[0].iter().map(|part| part.1.as_str()).collect();
        assert_eq!(whole, "t_1 = 'a' 5");
    }
}
