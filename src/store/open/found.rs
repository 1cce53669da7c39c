//! What exists of a database before a hub opens it.

/// What exists of a database before a hub opens it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// No database of the hub.
    Nothing,
    /// A database with an empty audit trail.
    Unused,
    /// A database with entries in its audit trail.
    Used,
}

impl Found {
    /// From whether there is an audit trail, and whether it has entries.
    pub(super) const fn of_trail(is_there: bool, has_entries: bool) -> Self {
        match (is_there, has_entries) {
            (false, _) => Self::Nothing,
            (true, false) => Self::Unused,
            (true, true) => Self::Used,
        }
    }
}
