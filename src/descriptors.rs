//! File descriptors: the process may open so many, and every connection, database file and send needs one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// As many as the hub can ever use: connections of callers, sends and idle connections to targets, the database.
const WANTED: u64 = 65_536;
/// Set aside for the database, for targets and for files, where the limit allows.
const RESERVE: usize = 768;
/// Connections of callers at once, where the limit allows.
const CONNECTIONS: usize = 4_096;
/// Sends to targets at once, where the limit allows.
const SENDS: usize = 512;
/// What the database, the listener and the runtime have open, with some to spare.
const OWN: usize = 64;

/// Raises this process's soft limit as far as its hard limit and the hub's needs go (`setrlimit(2)`, `RLIMIT_NOFILE`). Answers
/// the limit that applies now.
pub fn raise_limit() -> usize {
    let limit = getrlimit(Resource::Nofile);
    // None is "unlimited".
    let current = limit.current.unwrap_or(WANTED);
    let wanted = limit.maximum.map_or(WANTED, |most| most.min(WANTED));
    if wanted <= current {
        return usize::try_from(current).unwrap_or(usize::MAX);
    }
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum });
    if let Err(error) = &raised {
        tracing::warn!(error = error as &dyn std::error::Error, current, "cannot raise the limit of open files");
    }
    usize::try_from(if raised.is_ok() { wanted } else { current }).unwrap_or(usize::MAX)
}

/// How many connections of callers a limit has room for: what is left beside the reserve, and half of it at least.
pub fn connections(limit: usize) -> usize {
    limit.saturating_sub(RESERVE).max(limit / 2).clamp(1, CONNECTIONS)
}

/// How many sends a limit has room for beside the connections of callers, so that neither keeps the database from its files.
pub fn sends(limit: usize) -> usize {
    limit.saturating_sub(connections(limit)).saturating_sub(OWN).clamp(4, SENDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sends_leave_the_database_its_files() {
        let cases = [(usize::MAX, 512), (65_536, 512), (4_096, 512), (1_024, 448), (256, 64), (64, 4)];
        for (limit, most) in cases {
            assert_eq!(sends(limit), most, "of {limit}");
        }
    }

    #[test]
    fn connections_leave_a_reserve() {
        let cases = [(usize::MAX, 4_096), (65_536, 4_096), (4_096, 3_328), (1_024, 512), (256, 128), (0, 1)];
        for (limit, most) in cases {
            assert_eq!(connections(limit), most, "of {limit}");
        }
    }
}
