//! Progress on a terminal, for commands that take a while.

use indicatif::{ProgressBar, ProgressStyle};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// Commands that finish sooner show no progress.
const PATIENCE: Duration = Duration::from_millis(500);

/// How often the time is shown anew.
const TICK: Duration = Duration::from_millis(100);

pub struct Progress {
    bar: ProgressBar,
    start: Instant,
}

impl Progress {
    /// Shows how long the work takes.
    pub fn during<T>(verb: &'static str, work: impl FnOnce() -> T) -> T {
        thread::scope(|scope| {
            let (working, ended) = mpsc::channel::<()>();
            scope.spawn(move || {
                let progress = Self::with_template(verb, "{spinner} {msg} {elapsed}");
                while ended.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                    progress.advance(0);
                }
            });
            let result = work();
            drop(working);
            result
        })
    }

    /// Draws nothing if standard error is not a terminal; indicatif checks that.
    pub fn new(verb: &'static str) -> Self {
        Self::with_template(verb, "{spinner} {msg} {human_pos} {elapsed}")
    }

    fn with_template(verb: &'static str, template: &str) -> Self {
        let bar = ProgressBar::hidden();
        bar.set_style(ProgressStyle::with_template(template).expect("it is valid"));
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
