//! Deliberate defects, by name, for the tests that must notice each of them. They exist only in a build with
//! `--cfg mutants`, which nobody ships; elsewhere `mutant!` is the constant `false`.

use core::sync::atomic::{AtomicUsize, Ordering};

/// Every defect.
pub const ALL: [&str; 25] = include!("mutants.list");

static CHOSEN: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Have this defect from now on.
pub fn choose(name: &str) {
    let index = ALL.iter().position(|it| *it == name).expect("a mutant of this name");
    CHOSEN.store(index, Ordering::Relaxed);
}

/// Whether this is the defect to have.
pub fn is(name: &str) -> bool {
    ALL.get(CHOSEN.load(Ordering::Relaxed)) == Some(&name)
}
