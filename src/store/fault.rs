//! Faults of the database or its machine, as distinct from errors of a statement: what an operator can fix, and how.

/// Why the database cannot serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Its disk or quota is full.
    Full,
    /// It accepts no writes: a read-only file or mount, or a standby server.
    ReadOnly,
    /// It refuses the log-in: a changed password, or a role that may not log in.
    Denied,
    /// The hub's user lacks a privilege.
    Rights,
    /// The TLS connection fails.
    Tls,
    /// The server has no such database.
    Missing,
    /// The file is damaged.
    Damaged,
    /// The disk fails, or the file was removed.
    Disk,
    /// Another program has locked it, or all its connections are in use.
    Busy,
    /// It does not answer.
    Unreachable,
}

impl Fault {
    /// A stable name, for programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::ReadOnly => "read_only",
            Self::Denied => "denied",
            Self::Rights => "rights",
            Self::Tls => "tls",
            Self::Missing => "missing",
            Self::Damaged => "damaged",
            Self::Disk => "disk",
            Self::Busy => "busy",
            Self::Unreachable => "unreachable",
        }
    }

    /// What is wrong and what to do, as the second half of a sentence.
    pub const fn next_step(self) -> &'static str {
        match self {
            Self::Full => "its disk is full: free some space there",
            Self::ReadOnly => {
                "it is read-only: make the file and its folder writable, or name the primary server in COUNTERSIGN_DATABASE_URL"
            }
            Self::Denied => {
                "it refuses the hub's user or password: correct them in COUNTERSIGN_DATABASE_URL and start the hub again"
            }
            Self::Rights => {
                "the hub's user lacks a privilege there: make it the owner of the database and of all tables in it \
                 (ALTER DATABASE … OWNER TO …, REASSIGN OWNED BY … TO …)"
            }
            Self::Tls => {
                "the TLS connection to it fails: check which TLS it offers and who signed its certificate, and set sslmode \
                 and sslrootcert in COUNTERSIGN_DATABASE_URL"
            }
            Self::Missing => "the server has no such database: create it, or name another in COUNTERSIGN_DATABASE_URL",
            Self::Damaged => "its file is damaged: stop the hub and restore a backup",
            Self::Disk => {
                "its file cannot be read or written: check that it still exists, that no quota or file size limit is \
                 reached, and what the system's log says about the disk"
            }
            Self::Busy => "it is locked or has no connection free: check which other program uses it",
            Self::Unreachable => "it does not answer: check that the server is running and can be reached",
        }
    }

    /// The fault that an error of the database means, if any: SQLite's primary result codes (low byte;
    /// <https://sqlite.org/rescode.html>) and PostgreSQL's classes
    /// (<https://www.postgresql.org/docs/15/errcodes-appendix.html>).
    pub(super) fn of(error: &sqlx::Error) -> Option<Self> {
        match error {
            sqlx::Error::Database(database) => Self::of_code(database.code().as_deref()?),
            sqlx::Error::PoolTimedOut => Some(Self::Busy),
            sqlx::Error::Tls(_) => Some(Self::Tls),
            sqlx::Error::Io(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed => Some(Self::Unreachable),
            _ => None,
        }
    }

    fn of_code(code: &str) -> Option<Self> {
        if code.len() < 5
            && let Ok(number) = code.parse::<i64>()
        {
            return match number & 0xff {
                5 | 6 | 15 => Some(Self::Busy),
                8 => Some(Self::ReadOnly),
                10 | 14 => Some(Self::Disk),
                11 | 26 => Some(Self::Damaged),
                13 => Some(Self::Full),
                _ => None,
            };
        }
        match code {
            // Read-only transaction: in its class, the only code that does not concern the statement.
            "25006" => Some(Self::ReadOnly),
            "53100" => Some(Self::Full),
            "58030" => Some(Self::Disk),
            "3D000" => Some(Self::Missing),
            "42501" => Some(Self::Rights),
            // No schema of the user's search path exists, or is open to it.
            "3F000" => Some(Self::Rights),
            "57014" => Some(Self::Busy),
            "XX001" | "XX002" => Some(Self::Damaged),
            _ => match code.get(..2) {
                Some("28") => Some(Self::Denied),
                Some("25" | "40" | "53" | "55") => Some(Self::Busy),
                Some("08" | "57" | "58") => Some(Self::Unreachable),
                _ => None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Fault;

    #[test]
    fn codes_of_both_databases_name_the_fault() {
        for (code, fault) in [
            ("5", Fault::Busy),
            ("261", Fault::Busy),
            ("8", Fault::ReadOnly),
            ("1032", Fault::ReadOnly),
            ("10", Fault::Disk),
            ("778", Fault::Disk),
            ("14", Fault::Disk),
            ("11", Fault::Damaged),
            ("26", Fault::Damaged),
            ("13", Fault::Full),
            ("53100", Fault::Full),
            ("53300", Fault::Busy),
            ("25006", Fault::ReadOnly),
            ("28P01", Fault::Denied),
            ("28000", Fault::Denied),
            ("42501", Fault::Rights),
            ("3F000", Fault::Rights),
            ("3D000", Fault::Missing),
            ("57014", Fault::Busy),
            ("57P01", Fault::Unreachable),
            ("57P03", Fault::Unreachable),
            ("08006", Fault::Unreachable),
            ("55P03", Fault::Busy),
            ("40P01", Fault::Busy),
            ("XX001", Fault::Damaged),
        ] {
            assert_eq!(Fault::of_code(code), Some(fault), "{code}");
        }
        for code in ["1", "19", "2067", "23505", "42P01", "22021", "XX000", ""] {
            assert_eq!(Fault::of_code(code), None, "{code}");
        }
    }
}
