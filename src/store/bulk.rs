//! Rows that are written together: what many callers add in one transaction costs a few statements instead of a few each.
//!
//! A [`Session`](super::Session) gathers rows by table and writes them before it runs any other statement, so that nobody can
//! tell them from rows written at once.

use std::sync::OnceLock;

use super::dialect::Dialect;
use super::session::Arg;

/// Rows of the largest statement, as a power of two.
const LARGEST: usize = 6;

/// A table that rows are gathered for.
pub(super) struct Bulk {
    /// Parents before children: foreign keys are checked at once.
    order: u8,
    /// The statement as far as its values.
    into: &'static str,
    columns: usize,
    /// Of its columns, where the statement itself does not tell them.
    types: Option<&'static [&'static str]>,
    /// What follows the values.
    rest: &'static str,
    /// By database, and by how many rows it takes, as a power of two: few texts, so that the databases keep them prepared.
    texts: [[OnceLock<String>; LARGEST + 1]; 2],
}

const fn no_texts() -> [[OnceLock<String>; LARGEST + 1]; 2] {
    [const { [const { OnceLock::new() }; LARGEST + 1] }; 2]
}

impl Bulk {
    pub(super) const fn new(order: u8, into: &'static str, columns: usize, rest: &'static str) -> Self {
        Self { order, into, columns, types: None, rest, texts: no_texts() }
    }

    /// A statement that goes through rows of such types, instead of inserting them.
    pub(super) const fn typed(into: &'static str, types: &'static [&'static str], rest: &'static str) -> Self {
        let columns = types.len();
        Self { order: 0, into, columns, types: Some(types), rest, texts: no_texts() }
    }

    /// The statements that take all of these rows.
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
                let place = |column: usize| {
                    let place = dialect.place(row * self.columns + column + 1);
                    match self.types.and_then(|types| types.get(column)) {
                        Some(sort) => format!("CAST({place} AS {sort})"),
                        None => place,
                    }
                };
                format!("({})", (0..self.columns).map(place).collect::<Vec<_>>().join(", "))
            };
            let rows: Vec<String> = (0..1 << power).map(row).collect();
            format!("{} VALUES {} {}", self.into, rows.join(", "), self.rest)
        })
    }
}

/// A statement with its values.
pub(super) type Statement = (&'static str, Vec<Arg>);

/// Gathered rows.
#[derive(Default)]
pub(super) struct Gathered {
    tables: Vec<(&'static Bulk, Vec<Arg>)>,
    /// How many values each table had when the operation under way began.
    marks: Vec<usize>,
}

impl Gathered {
    /// Adds a row; `values` in the order of the table's columns.
    pub(super) fn add(&mut self, bulk: &'static Bulk, values: Vec<Arg>) {
        debug_assert_eq!(values.len(), bulk.columns, "{}", bulk.into);
        match self.tables.iter_mut().find(|(known, _)| std::ptr::eq(*known, bulk)) {
            Some((_, gathered)) => gathered.extend(values),
            None => {
                let place = self.tables.partition_point(|(known, _)| known.order <= bulk.order);
                self.tables.insert(place, (bulk, values));
                self.marks.insert(place, 0);
            }
        }
    }

    /// The rows gathered for a table.
    pub(super) fn rows(&self, bulk: &'static Bulk) -> impl Iterator<Item = &[Arg]> {
        let values = self.tables.iter().find(|(known, _)| std::ptr::eq(*known, bulk)).map(|(_, values)| values);
        values.into_iter().flat_map(|values| values.chunks_exact(bulk.columns))
    }

    /// From here on, rows belong to another operation.
    pub(super) fn mark(&mut self) {
        self.marks = self.tables.iter().map(|(_, values)| values.len()).collect();
    }

    /// Forgets what was added since the mark.
    pub(super) fn forget_unmarked(&mut self) {
        for ((_, values), mark) in self.tables.iter_mut().zip(&self.marks) {
            values.truncate(*mark);
        }
    }

    /// Takes the rows from before the mark, as statements.
    pub(super) fn take_marked(&mut self, dialect: Dialect) -> Vec<Statement> {
        let mut statements = Vec::new();
        for ((bulk, values), mark) in self.tables.iter_mut().zip(&mut self.marks) {
            let later = values.split_off((*mark).min(values.len()));
            push_statements(&mut statements, dialect, bulk, std::mem::replace(values, later));
            *mark = 0;
        }
        statements
    }

    /// Takes all rows, as statements.
    pub(super) fn take(&mut self, dialect: Dialect) -> Vec<Statement> {
        let mut statements = Vec::new();
        for ((bulk, values), mark) in self.tables.iter_mut().zip(&mut self.marks) {
            push_statements(&mut statements, dialect, bulk, std::mem::take(values));
            *mark = 0;
        }
        statements
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
    use super::super::session::args;
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
        let statements = gathered.take(Dialect::Postgres);
        assert_eq!(rows(&statements), [("par", 64), ("par", 8), ("par", 2), ("par", 1), ("chi", 2)]);
        assert_eq!(statements[4].0, "INSERT INTO children (id, parent) VALUES ($1, $2) ON CONFLICT DO NOTHING");
        assert!(gathered.take(Dialect::Postgres).is_empty());
        assert_eq!(
            CHILDREN.text(Dialect::Sqlite, 0),
            "INSERT INTO children (id, parent) VALUES (?, ?) ON CONFLICT DO NOTHING"
        );
    }

    #[test]
    fn what_an_undone_operation_added_is_forgotten_and_the_rest_stays() {
        let mut gathered = Gathered::default();
        gathered.add(&PARENTS, args!["one"]);
        gathered.mark();
        gathered.add(&PARENTS, args!["two"]);
        gathered.add(&CHILDREN, args!["c", "two"]);
        gathered.forget_unmarked();
        assert_eq!(rows(&gathered.take(Dialect::Postgres)), [("par", 1)]);
    }

    #[test]
    fn what_was_before_can_be_taken_apart() {
        let mut gathered = Gathered::default();
        gathered.add(&CHILDREN, args!["c", "one"]);
        gathered.mark();
        gathered.add(&CHILDREN, args!["c", "two"]);
        gathered.add(&PARENTS, args!["two"]);
        assert_eq!(rows(&gathered.take_marked(Dialect::Postgres)), [("chi", 2)]);
        assert_eq!(rows(&gathered.take(Dialect::Postgres)), [("par", 1), ("chi", 2)]);
    }
}
