//! Errors that mean a lack of resources on this machine.

use std::io;

use rustix::io::Errno;

/// Whether the error means that this machine lacks a resource: file descriptors (of the process or the machine),
/// memory, or local ports for outgoing connections.
pub(super) fn is_exhaustion(error: &io::Error) -> bool {
    const FAULTS: [Errno; 5] = [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::NOBUFS, Errno::ADDRNOTAVAIL];
    error.raw_os_error().is_some_and(|code| FAULTS.iter().any(|fault| fault.raw_os_error() == code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_errors_of_this_machine_are_exhaustion() {
        let of = |errno: Errno| is_exhaustion(&io::Error::from_raw_os_error(errno.raw_os_error()));
        assert!([Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::NOBUFS, Errno::ADDRNOTAVAIL].into_iter().all(of));
        assert!(![Errno::CONNREFUSED, Errno::TIMEDOUT, Errno::CONNRESET, Errno::HOSTUNREACH].into_iter().any(of));
        assert!(!is_exhaustion(&io::Error::other("no code of the system's")));
    }
}
