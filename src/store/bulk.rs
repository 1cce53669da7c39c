//! Gathered rows: rows that many operations add in one transaction are written with few statements.
//!
//! A [`Session`](super::Session) gathers rows by table and writes them before it runs any other statement. So every
//! statement sees them as if they had been written at once.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use super::arg::Arg;
use super::dialect::Dialect;

/// The base-2 logarithm of the rows of the largest statement.
const LARGEST: usize = 6;

/// A statement for rows that are gathered, and its prepared texts.
pub(super) struct Bulk {
    /// Parents are written before children: foreign keys are checked at once.
    order: u8,
    /// The statement before `VALUES`.
    into: &'static str,
    columns: usize,
    /// The columns' types, where the statement does not determine them.
    types: Option<&'static [&'static str]>,
    /// The statement after the values.
    rest: &'static str,
    /// By database, and by number of rows (powers of two): few texts, so that the databases keep them prepared.
    texts: [[OnceLock<String>; LARGEST + 1]; 2],
}

const fn no_texts() -> [[OnceLock<String>; LARGEST + 1]; 2] {
    [const { [const { OnceLock::new() }; LARGEST + 1] }; 2]
}

impl Bulk {
    pub(super) const fn new(order: u8, into: &'static str, columns: usize, rest: &'static str) -> Self {
        Self { order, into, columns, types: None, rest, texts: no_texts() }
    }

    /// A statement that reads rows of these types from `VALUES`, instead of inserting them.
    pub(super) const fn typed(into: &'static str, types: &'static [&'static str], rest: &'static str) -> Self {
        let columns = types.len();
        Self { order: 0, into, columns, types: Some(types), rest, texts: no_texts() }
    }

    /// The statements for all of these rows.
    pub(super) fn statements(&'static self, dialect: Dialect, values: Vec<Arg>) -> Vec<Statement> {
        let mut statements = Vec::new();
        push_statements(&mut statements, dialect, self, values);
        statements
    }

    /// The statement for `1 << power` rows.
    fn text(&'static self, dialect: Dialect, power: usize) -> &'static str {
        let [sqlite, postgres] = &self.texts;
        let texts = match dialect {
            Dialect::Sqlite => sqlite,
            Dialect::Postgres => postgres,
        };
        let [one, ..] = texts;
        texts.get(power).unwrap_or(one).get_or_init(|| {
            let row = |row: usize| {
                let value = |column: usize| {
                    let place = dialect.placeholder(row * self.columns + column + 1);
                    match self.types.and_then(|types| types.get(column)) {
                        Some(kind) => format!("CAST({place} AS {kind})"),
                        None => place,
                    }
                };
                format!("({})", (0..self.columns).map(value).collect::<Vec<_>>().join(", "))
            };
            let rows: Vec<String> = (0..1 << power).map(row).collect();
            format!("{} VALUES {} {}", self.into, rows.join(", "), self.rest)
        })
    }
}

/// A statement with its values.
pub(super) type Statement = (&'static str, Vec<Arg>);

/// The number of an operation in its transaction.
pub(super) type Owner = usize;

/// Rows that are not written yet.
#[derive(Default)]
pub(super) struct Gathered {
    rows: Rows,
    /// The operation that adds rows now.
    owner: Owner,
}

/// Rows of several tables and operations, parents before children.
#[derive(Default)]
pub(super) struct Rows(Vec<Table>);

struct Table {
    bulk: &'static Bulk,
    values: Vec<Arg>,
    /// The operation of each row, ascending.
    owners: Vec<Owner>,
}

impl Gathered {
    /// Adds a row; `values` in the order of the table's columns.
    pub(super) fn add(&mut self, bulk: &'static Bulk, values: Vec<Arg>) {
        debug_assert_eq!(values.len(), bulk.columns, "{}", bulk.into);
        let tables = &mut self.rows.0;
        match tables.iter_mut().find(|known| std::ptr::eq(known.bulk, bulk)) {
            Some(known) => {
                known.values.extend(values);
                known.owners.push(self.owner);
            }
            None => {
                let place = tables.partition_point(|known| known.bulk.order <= bulk.order);
                tables.insert(place, Table { bulk, values, owners: vec![self.owner] });
            }
        }
    }

    /// The rows gathered for a table.
    pub(super) fn rows(&self, bulk: &'static Bulk) -> impl Iterator<Item = &[Arg]> {
        let table = self.rows.0.iter().find(|known| std::ptr::eq(known.bulk, bulk));
        table.into_iter().flat_map(|table| table.values.chunks_exact(table.bulk.columns))
    }

    /// Begins an operation, which comes after all others: rows belong to it from here on.
    pub(super) const fn begin(&mut self, owner: Owner) {
        self.owner = owner;
    }

    /// Removes the rows of the current operation.
    pub(super) fn forget_own(&mut self) {
        drop(self.split_own());
    }

    /// Removes and returns the rows of earlier operations.
    pub(super) fn take_earlier(&mut self) -> Rows {
        let own = self.split_own();
        std::mem::replace(&mut self.rows, own)
    }

    /// Removes and returns all rows.
    pub(super) fn take(&mut self) -> Rows {
        std::mem::take(&mut self.rows)
    }

    fn split_own(&mut self) -> Rows {
        let owner = self.owner;
        let split = |table: &mut Table| {
            let first = table.owners.partition_point(|known| *known < owner);
            let values = table.values.split_off(first * table.bulk.columns);
            Table { bulk: table.bulk, values, owners: table.owners.split_off(first) }
        };
        Rows(self.rows.0.iter_mut().map(split).collect())
    }
}

impl Rows {
    /// The statements that write them.
    pub(super) fn statements(&self, dialect: Dialect) -> Vec<Statement> {
        let mut statements = Vec::new();
        for table in &self.0 {
            push_statements(&mut statements, dialect, table.bulk, table.values.clone());
        }
        statements
    }

    /// The operations that have rows.
    pub(super) fn owners(&self) -> BTreeSet<Owner> {
        self.0.iter().flat_map(|table| table.owners.iter().copied()).collect()
    }

    /// The rows of one operation.
    pub(super) fn of(&self, owner: Owner) -> Self {
        let own = |table: &Table| {
            let columns = table.bulk.columns;
            let range = table.owners.partition_point(|known| *known < owner)
                ..table.owners.partition_point(|known| *known <= owner);
            let values = table.values.get(range.start * columns..range.end * columns).unwrap_or_default().to_vec();
            Table { bulk: table.bulk, values, owners: vec![owner; range.len()] }
        };
        Self(self.0.iter().map(own).collect())
    }
}

fn push_statements(statements: &mut Vec<Statement>, dialect: Dialect, bulk: &'static Bulk, mut values: Vec<Arg>) {
    let mut rows = values.len() / bulk.columns;
    while rows > 0 {
        let power = rows.ilog2().min(u32::try_from(LARGEST).unwrap_or(0)) as usize;
        let rest = values.split_off((1 << power) * bulk.columns);
        statements.push((bulk.text(dialect, power), std::mem::replace(&mut values, rest)));
        rows -= 1 << power;
    }
}

#[cfg(test)]
mod tests {
    use super::super::arg::args;
    use super::*;

    static PARENTS: Bulk = Bulk::new(1, "INSERT INTO parents (id)", 1, "");
    static CHILDREN: Bulk = Bulk::new(2, "INSERT INTO children (id, parent)", 2, "ON CONFLICT DO NOTHING");

    fn rows(statements: &[Statement]) -> Vec<(&'static str, usize)> {
        statements.iter().map(|(text, values)| (&text[12..15], values.len())).collect()
    }

    #[test]
    fn parents_come_first_and_rows_in_powers_of_two() {
        let mut gathered = Gathered::default();
        gathered.add(&CHILDREN, args!["c", "p"]);
        (0..75).for_each(|_| gathered.add(&PARENTS, args!["p"]));
        let statements = gathered.take().statements(Dialect::Postgres);
        assert_eq!(rows(&statements), [("par", 64), ("par", 8), ("par", 2), ("par", 1), ("chi", 2)]);
        assert_eq!(statements[4].0, "INSERT INTO children (id, parent) VALUES ($1, $2) ON CONFLICT DO NOTHING");
        assert!(gathered.take().owners().is_empty());
        assert_eq!(
            CHILDREN.text(Dialect::Sqlite, 0),
            "INSERT INTO children (id, parent) VALUES (?, ?) ON CONFLICT DO NOTHING"
        );
    }

    #[test]
    fn what_an_undone_operation_added_is_forgotten_and_the_rest_stays() {
        let mut gathered = Gathered::default();
        gathered.add(&PARENTS, args!["one"]);
        gathered.begin(1);
        gathered.add(&PARENTS, args!["two"]);
        gathered.add(&CHILDREN, args!["c", "two"]);
        gathered.forget_own();
        assert_eq!(rows(&gathered.take().statements(Dialect::Postgres)), [("par", 1)]);
    }

    #[test]
    fn what_was_before_can_be_taken_apart_and_each_operation_alone() {
        let mut gathered = Gathered::default();
        gathered.add(&CHILDREN, args!["c", "one"]);
        gathered.begin(1);
        gathered.add(&CHILDREN, args!["c", "two"]);
        gathered.add(&PARENTS, args!["two"]);
        gathered.begin(2);
        gathered.add(&PARENTS, args!["three"]);
        let earlier = gathered.take_earlier();
        assert_eq!(rows(&earlier.statements(Dialect::Postgres)), [("par", 1), ("chi", 4)]);
        assert_eq!(earlier.owners(), BTreeSet::from([0, 1]));
        assert_eq!(rows(&earlier.of(0).statements(Dialect::Postgres)), [("chi", 2)]);
        assert_eq!(rows(&earlier.of(1).statements(Dialect::Postgres)), [("par", 1), ("chi", 2)]);
        assert_eq!(rows(&gathered.take().statements(Dialect::Postgres)), [("par", 1)]);
    }
}
