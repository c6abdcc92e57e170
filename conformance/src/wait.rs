//! Waiting for other processes, with a timeout.

use std::thread;
use std::time::{Duration, Instant};

/// The default timeout: enough on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// The polling interval.
pub const PAUSE: Duration = Duration::from_millis(10);

/// Polls until `look` returns a value.
#[track_caller]
pub fn wait_for<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    wait_at_most(PATIENCE, what, look)
}

/// Polls until `look` returns a value. Panics after `patience`.
#[track_caller]
pub fn wait_at_most<T>(patience: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(start.elapsed() < patience, "not within {patience:?}: {what}");
        thread::sleep(PAUSE);
    }
}

/// Awaits a future. Panics after [`PATIENCE`].
pub async fn in_time<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| panic!("not within {PATIENCE:?}: {what}"))
}
