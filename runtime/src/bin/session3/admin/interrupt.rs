//! Signals that end a command in the middle of its work.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Whether a signal has requested the end of the command. It ends between steps: where locks are files, a process
/// killed within a step leaves them behind. A second signal ends it at once.
#[derive(Default)]
pub struct Interrupt {
    requested: Arc<AtomicBool>,
    signal: Arc<AtomicUsize>,
}

impl Interrupt {
    /// Install the handlers. Signals that the parent ignores, as under `nohup`, stay ignored.
    pub fn listen() -> io::Result<Self> {
        let this = Self::default();
        for signal in [SIGHUP, SIGINT, SIGTERM] {
            if !is_ignored(signal) {
                flag::register_conditional_shutdown(signal, 128 + signal, this.requested.clone())?;
                flag::register(signal, this.requested.clone())?;
                flag::register_usize(signal, this.signal.clone(), signal as usize)?;
            }
        }
        Ok(this)
    }

    /// Whether to end.
    pub fn is_requested(&self) -> bool {
        self.requested.load(Ordering::Acquire)
    }

    /// The exit code of an interrupted command, as shells encode a signal.
    pub fn code(&self) -> ExitCode {
        ExitCode::from(128 + self.signal.load(Ordering::Acquire) as u8)
    }
}

/// Known on Linux; elsewhere no signal counts as ignored.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (signal - 1) & 1 == 1
}
