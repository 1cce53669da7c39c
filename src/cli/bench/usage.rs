//! Memory and CPU time of processes, from `/proc`.

use std::fs;

use anyhow::Context;

/// Memory of one process, in KiB.
#[derive(Debug, Clone, Copy)]
pub(super) struct Memory {
    /// Current resident memory.
    pub(super) now: u64,
    /// Peak since the process started, or since [`reset_peak`].
    pub(super) peak: u64,
}

/// Returns the resident memory of a process.
pub(super) fn memory(process: u32) -> anyhow::Result<Memory> {
    let path = format!("/proc/{process}/status");
    let status = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim_start_matches(':').split_whitespace().next()?.parse().ok()
    };
    let now = field("VmRSS").with_context(|| format!("{path} has no VmRSS"))?;
    Ok(Memory { now, peak: field("VmHWM").unwrap_or(now) })
}

/// Resets the peak. Where the kernel does not permit this, the peak stays that since the start of the process.
pub(super) fn reset_peak(process: u32) {
    let _kept = fs::write(format!("/proc/{process}/clear_refs"), "5");
}

/// Returns the CPU time of a process in seconds, in user and kernel mode.
pub(super) fn cpu_seconds(process: u32) -> anyhow::Result<f64> {
    let path = format!("/proc/{process}/stat");
    let stat = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let (_, [user, kernel, ..]) = fields(&stat).with_context(|| format!("{path} has an unknown format"))?;
    Ok(seconds(user + kernel))
}

/// Returns the CPU time of all PostgreSQL processes of this machine in seconds, including those that have ended; `None`
/// if there are none.
pub(super) fn postgres_cpu_seconds() -> Option<f64> {
    let stats = fs::read_dir("/proc").ok()?.filter_map(|entry| {
        let stat = fs::read_to_string(entry.ok()?.path().join("stat")).ok()?;
        let (name, ticks) = fields(&stat)?;
        // The time of a server process that has ended is in its parent's time of children.
        (name == "postgres").then(|| ticks.iter().sum::<u64>())
    });
    let ticks: Vec<_> = stats.collect();
    (!ticks.is_empty()).then(|| seconds(ticks.iter().sum()))
}

/// Parses the name, and the ticks: user and kernel, then those of children that have ended (`proc_pid_stat(5)`).
fn fields(stat: &str) -> Option<(&str, [u64; 4])> {
    // The name may contain spaces and brackets.
    let (head, tail) = stat.rsplit_once(')')?;
    let (_, name) = head.split_once('(')?;
    let mut ticks = tail.split_whitespace().skip(11).map_while(|field| field.parse().ok());
    Some((name, [ticks.next()?, ticks.next()?, ticks.next()?, ticks.next()?]))
}

fn seconds(ticks: u64) -> f64 {
    ticks as f64 / rustix::param::clock_ticks_per_second() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_memory_and_cpu() {
        let own = std::process::id();
        let memory = memory(own).unwrap();
        assert!(memory.now > 0 && memory.peak >= memory.now / 2, "{memory:?}");
        assert!(cpu_seconds(own).unwrap() >= 0.0);
        assert!(cpu_seconds(u32::MAX).is_err());
    }

    #[test]
    fn a_name_may_contain_spaces_and_brackets() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 1 2 3 4 10 20 30 40 20 0 1 0 5";
        assert_eq!(fields(stat), Some(("a) b (c", [10, 20, 30, 40])));
    }
}
