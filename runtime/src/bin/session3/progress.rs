//! Progress on a terminal, for commands that take a while.

use indicatif::{ProgressBar, ProgressStyle};
use std::time::{Duration, Instant};

/// Commands that finish sooner show no progress.
const PATIENCE: Duration = Duration::from_millis(500);

pub struct Progress {
    bar: ProgressBar,
    start: Instant,
}

impl Progress {
    /// Draws nothing if standard error is not a terminal; indicatif checks that.
    pub fn new(verb: &'static str) -> Self {
        let bar = ProgressBar::hidden();
        bar.set_style(ProgressStyle::with_template("{spinner} {msg} {human_pos} {elapsed}").expect("it is valid"));
        bar.set_message(verb);
        Self { bar, start: Instant::now() }
    }

    pub fn advance(&self, by: u64) {
        if self.bar.is_hidden() && self.start.elapsed() > PATIENCE {
            self.bar.set_draw_target(indicatif::ProgressDrawTarget::stderr());
        }
        self.bar.inc(by);
    }

    /// Print without garbling the progress line.
    pub fn print<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
