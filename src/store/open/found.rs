//! What there is of a database before a hub opens it.

/// What there is of a database before a hub opens it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// No database of a hub.
    Nothing,
    /// One in which nothing has happened yet.
    Unused,
    /// One with a history.
    Used,
}

impl Found {
    /// From whether there is an audit trail, and whether anything stands in it.
    pub(super) const fn of_trail(is_there: bool, has_entries: bool) -> Self {
        match (is_there, has_entries) {
            (false, _) => Self::Nothing,
            (true, false) => Self::Unused,
            (true, true) => Self::Used,
        }
    }
}
