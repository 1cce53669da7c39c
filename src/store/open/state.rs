//! What exists of a database before a hub opens it.

/// What exists of a database before a hub opens it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseState {
    /// No database of the hub.
    Missing,
    /// A database with an empty audit trail.
    Empty,
    /// A database with entries in its audit trail.
    Used,
}

impl DatabaseState {
    /// From whether there is an audit trail, and whether it has entries.
    pub(super) const fn of_trail(is_there: bool, has_entries: bool) -> Self {
        match (is_there, has_entries) {
            (false, _) => Self::Missing,
            (true, false) => Self::Empty,
            (true, true) => Self::Used,
        }
    }
}
