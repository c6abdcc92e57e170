//! What sessions cost their server, for `docs/engines.md`: `scripts/bench-engines`.

mod peers;
mod scale;
mod servers;

use std::fs;
use std::time::Duration;

use nix::unistd::Pid;

/// The time on processors that the threads of a process have taken.
fn processor_time(pid: Pid) -> Duration {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let nanoseconds = tasks.map(|task| {
        // A thread may end meanwhile.
        let stat = fs::read_to_string(task.unwrap().path().join("schedstat")).unwrap_or_default();
        stat.split(' ').next().and_then(|time| time.parse::<u64>().ok()).unwrap_or(0)
    });
    Duration::from_nanos(nanoseconds.sum())
}

/// Microseconds for each of `count`.
fn each(time: Duration, count: usize) -> f64 {
    time.as_secs_f64() * 1e6 / count as f64
}
