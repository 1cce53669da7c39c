//! The limit of open files: every connection, database file and send needs a file descriptor.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// More than the hub can ever use: connections of callers, sends, idle connections to targets, and the database.
const WANTED: u64 = 65_536;
/// Reserved for the database, targets and files, where the limit allows.
const RESERVE: usize = 768;
/// The maximum of callers' connections, where the limit allows.
const CONNECTIONS: usize = 4_096;
/// The maximum of concurrent sends, where the limit allows.
const SENDS: usize = 512;
/// Descriptors of the database, the listener and the runtime, with a margin.
const OWN: usize = 64;

/// Raises the soft limit up to the hard limit, or to what the hub needs (`setrlimit(2)`, `RLIMIT_NOFILE`). Returns the
/// limit that applies now.
pub fn raise_limit() -> usize {
    let limit = getrlimit(Resource::Nofile);
    // None means unlimited.
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

/// The number of callers' connections that a limit allows: all but the reserve, and at least half of the limit.
pub fn connections(limit: usize) -> usize {
    limit.saturating_sub(RESERVE).max(limit / 2).clamp(1, CONNECTIONS)
}

/// The number of concurrent sends that a limit allows besides callers' connections, so that the database can always
/// open its files.
pub fn sends(limit: usize) -> usize {
    limit.saturating_sub(connections(limit)).saturating_sub(OWN).clamp(4, SENDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sends_leave_descriptors_for_the_database() {
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
