//! What a process has used, as the kernel counts it, and what that is for each request.

use std::fmt::{self, Display, Formatter};
use std::fs;

use nix::unistd::{Pid, SysconfVar, sysconf};

use crate::load::Answers;

/// Counters of a process since its start.
pub struct Process {
    user: f64,
    system: f64,
    faults: f64,
    switches: f64,
    /// Now, in KiB.
    resident: f64,
}

impl Process {
    pub fn of(pid: Pid) -> Self {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        // After the name, which may contain anything: proc_pid_stat(5).
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let number = |field: usize| fields[field - 3].parse::<f64>().unwrap();
        let tick = sysconf(SysconfVar::CLK_TCK).unwrap().unwrap() as f64;
        let mut switches = 0.0;
        for thread in fs::read_dir(format!("/proc/{pid}/task")).unwrap() {
            // It may just have ended.
            let status = fs::read_to_string(thread.unwrap().path().join("status")).unwrap_or_default();
            switches += ["voluntary_ctxt_switches:", "nonvoluntary_ctxt_switches:"]
                .map(|name| value(&status, name))
                .iter()
                .sum::<f64>();
        }
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        Self {
            user: number(14) / tick,
            system: number(15) / tick,
            faults: number(10),
            switches,
            resident: value(&status, "VmRSS:"),
        }
    }

    /// For each request since then.
    pub fn since(&self, before: &Self, answers: Answers) -> Figures {
        let each = |now: f64, then: f64| (now - then) / answers.requests;
        Figures {
            user: each(self.user, before.user) * 1e6,
            system: each(self.system, before.system) * 1e6,
            faults: each(self.faults, before.faults),
            switches: each(self.switches, before.switches),
            resident: self.resident / 1024.0,
            per_second: answers.per_second,
            p50: answers.p50,
            p99: answers.p99,
        }
    }
}

fn value(status: &str, name: &str) -> f64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.map_or(0.0, |line| line.trim().trim_end_matches(" kB").parse().unwrap())
}

/// Processor time in microseconds, page faults and context switches for each request; MiB that the process has in
/// memory; requests per second; milliseconds.
pub struct Figures {
    user: f64,
    system: f64,
    faults: f64,
    switches: f64,
    resident: f64,
    per_second: f64,
    p50: f64,
    p99: f64,
}

impl Figures {
    pub const HEADER: &str =
        "page     host                         CPU us   user system  faults switches  MiB   req/s p50 ms p99 ms";

    pub fn median(all: Vec<Self>) -> Self {
        let of = |field: fn(&Self) -> f64| {
            let mut values: Vec<f64> = all.iter().map(field).collect();
            values.sort_unstable_by(f64::total_cmp);
            values[values.len() / 2]
        };
        Self {
            user: of(|figures| figures.user),
            system: of(|figures| figures.system),
            faults: of(|figures| figures.faults),
            switches: of(|figures| figures.switches),
            resident: of(|figures| figures.resident),
            per_second: of(|figures| figures.per_second),
            p50: of(|figures| figures.p50),
            p99: of(|figures| figures.p99),
        }
    }
}

impl Display for Figures {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { user, system, faults, switches, resident, per_second, p50, p99 } = self;
        write!(
            f,
            "{:6.0} {user:6.0} {system:6.0} {faults:7.1} {switches:8.1} {resident:4.0} {per_second:7.0} {p50:6.2} {p99:6.2}",
            user + system
        )
    }
}
