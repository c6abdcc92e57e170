//! Guarantee I7 on a slow disk: no write of a dead instance lands later. `strace` makes the disk slow: it delays each
//! write on entry to the kernel.

use std::path::Path;
use std::process::Command;

use host_tests::host::precompile;

/// Of a write, in microseconds.
const DELAY: u32 = 150_000;

/// Whether a save could be cancelled during its write, and the session's version once another instance held its lock:
/// at first, and later.
type Trial = (bool, u64, u64);

fn trials(place: &Path, protection: &str) -> Vec<Trial> {
    let store = place.join(protection);
    std::fs::create_dir(&store).unwrap();
    let mut strace = Command::new("strace");
    strace.args(["--follow-forks", "--quiet=all", "--output=/dev/null", "--trace=pwrite64"]);
    strace.arg(format!("--inject=pwrite64:delay_enter={DELAY}"));
    strace.arg(env!("CARGO_BIN_EXE_late-writer")).arg(place.join("component")).arg(store).arg(protection);
    let output = strace.output().expect("this test needs `strace`");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "strace must be allowed to trace: {error}");
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn land_under_the_lock_of_another_without_the_protection_and_never_with_it() {
    let place = tempfile::tempdir().unwrap();
    precompile(&place.path().join("component"));
    let [unprotected, protected] = ["unprotected", "protected"].map(|protection| trials(place.path(), protection));
    let late = |trials: &[Trial]| trials.iter().filter(|(_, before, after)| before != after).count();
    println!(
        "writes that landed under another's lock: {} of {} unprotected, {} of {} protected",
        late(&unprotected),
        unprotected.len(),
        late(&protected),
        protected.len()
    );
    assert!(unprotected.contains(&(true, 1, 2)), "the late write is not reproduced: {unprotected:?}");
    // The save is not cancelled during its write: it completes first.
    assert!(!protected.is_empty() && protected.iter().all(|trial| *trial == (false, 2, 2)), "{protected:?}");
}
