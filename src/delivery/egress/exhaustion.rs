//! What this machine can run out of.

use std::io;

use rustix::io::Errno;

/// Whether the error says that this machine, and nobody else, has run out of something: descriptors (of the process, of the
/// machine), memory, or local ports to connect from.
pub(super) fn is_exhaustion(error: &io::Error) -> bool {
    const FAULTS: [Errno; 5] = [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::NOBUFS, Errno::ADDRNOTAVAIL];
    error.raw_os_error().is_some_and(|code| FAULTS.iter().any(|fault| fault.raw_os_error() == code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_this_machine_lacks_is_nobody_elses_fault() {
        let of = |errno: Errno| is_exhaustion(&io::Error::from_raw_os_error(errno.raw_os_error()));
        assert!([Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::NOBUFS, Errno::ADDRNOTAVAIL].into_iter().all(of));
        assert!(![Errno::CONNREFUSED, Errno::TIMEDOUT, Errno::CONNRESET, Errno::HOSTUNREACH].into_iter().any(of));
        assert!(!is_exhaustion(&io::Error::other("no code of the system's")));
    }
}
