//! Signals that end a command in the middle of its work.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Whether somebody wants the command to end. It ends between two steps: where locks are files, one that is killed in
/// a step leaves them behind. A second signal does not wait for that.
#[derive(Default)]
pub struct Interrupt {
    asked: Arc<AtomicBool>,
    signal: Arc<AtomicUsize>,
}

impl Interrupt {
    /// Listen from now on. What whoever started us has ignored, as `nohup` does, stays ignored.
    pub fn listen() -> io::Result<Self> {
        let this = Self::default();
        for signal in [SIGHUP, SIGINT, SIGTERM] {
            if !is_ignored(signal) {
                flag::register_conditional_shutdown(signal, 128 + signal, this.asked.clone())?;
                flag::register(signal, this.asked.clone())?;
                flag::register_usize(signal, this.signal.clone(), signal as usize)?;
            }
        }
        Ok(this)
    }

    /// Whether to end.
    pub fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Acquire)
    }

    /// How a command ends that was asked to: as shells say which signal it was.
    pub fn code(&self) -> ExitCode {
        ExitCode::from(128 + self.signal.load(Ordering::Acquire) as u8)
    }
}

/// Linux says it; elsewhere nothing is.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (signal - 1) & 1 == 1
}
