//! Defects planted in a copy of the store's sources: an expression, and a plausible mistake in its place.
//!
//! A single build contains all of them. The name of a preopened directory selects at most one per instance.

use std::fs;
use std::path::Path;

use guest_build::Result;

struct Defect {
    name: &'static str,
    file: &'static str,
    /// An expression that occurs once in the file.
    correct: &'static str,
    defective: &'static str,
}

const DEFECTS: [Defect; 10] = [
    Defect {
        name: "checksum not checked",
        file: "core/src/record.rs",
        correct: "xxh3_64_with_seed(&record[8..], seed) != u64_at(record, 0)?",
        defective: "false",
    },
    Defect {
        name: "live slot overwritten",
        file: "core/src/slots.rs",
        correct: "index != self.live && index != proven",
        defective: "index == self.live",
    },
    Defect {
        name: "proven slot overwritten",
        file: "core/src/slots.rs",
        correct: "index != self.live && index != proven",
        defective: "index != self.live",
    },
    Defect {
        name: "version not checked",
        file: "src/guard.rs",
        correct: "expected.is_some_and(|expected| expected != live.version)",
        defective: "false",
    },
    Defect {
        name: "save creates",
        file: "src/store.rs",
        correct: "self.lock_exclusive(id)?.save(contents, expected)",
        defective: "match self.load(id)? {
            Some(_) => self.lock_exclusive(id)?.save(contents, expected),
            None => self.create(id, contents).map(|info| info.version),
        }",
    },
    Defect {
        name: "failure taken for no effect",
        file: "src/commit.rs",
        correct: "!matches!(root.exists(&path), Ok(false))",
        defective: "true",
    },
    Defect {
        name: "expiry not checked",
        file: "core/src/expiry.rs",
        correct: "past_deadline(version, now) || version.idle_timeout.is_some_and(idle)",
        defective: "false",
    },
    Defect {
        name: "expiry from a stepped clock",
        file: "core/src/expiry.rs",
        correct: "*stamp <= now.saturating_add(TOLERANCE)",
        defective: "true",
    },
    Defect {
        name: "collects foreign files",
        file: "src/garbage.rs",
        correct: "layout::unique_of(name).and_then(|id| SessionId::parse(id).ok())",
        defective: r#"SessionId::parse("any-session").ok()"#,
    },
    Defect {
        name: "index entry last",
        file: "src/store.rs",
        correct: "owners::with_entry(self.root(), version.owner, id, || commit::new_file(self.root(), id, &version).map(drop))?",
        defective: "{
            commit::new_file(self.root(), id, &version)?;
            if let Some(owner) = version.owner {
                owners::add(self.root(), owner, id)?;
            }
        }",
    },
];

/// The code in the copy that selects a defect.
const CHOICE: &str = r#"//! Which of the planted defects this instance has.

use alloc::string::String;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicUsize, Ordering};

static CHOSEN: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Read the choice from the names of the preopened directories: `defect 3`.
pub fn choose<T>(preopens: Vec<(T, String)>) -> Vec<(T, String)> {
    let number = preopens.iter().find_map(|(_, name)| name.strip_prefix("defect ")?.parse().ok());
    CHOSEN.store(number.unwrap_or(usize::MAX), Ordering::Relaxed);
    preopens
}

/// Whether it is this one.
pub fn is(number: usize) -> bool {
    CHOSEN.load(Ordering::Relaxed) == number
}
"#;

/// Plants all of them in a copy of the workspace. Fails if a change of the sources prevents one.
pub fn plant(copy: &Path) -> Result<()> {
    fs::write(copy.join("core/src/planted.rs"), CHOICE)?;
    replace(
        &copy.join("core/src/lib.rs"),
        "pub mod expiry;",
        "#[allow(missing_docs)]\npub mod planted;\npub mod expiry;",
    )?;
    replace(&copy.join("src/setup.rs"), "get_directories();", "session_core::planted::choose(get_directories());")?;
    for (number, defect) in DEFECTS.iter().enumerate() {
        let here = if defect.file.starts_with("core/") { "crate" } else { "session_core" };
        let Defect { name, correct, defective, .. } = defect;
        let either = format!("(if {here}::planted::is({number}) {{ {defective} }} else {{ {correct} }})");
        replace(&copy.join(defect.file), correct, &either).map_err(|error| {
            format!("the defect `{name}` cannot be planted: {error}; update host-tests/build/planted.rs")
        })?;
    }
    Ok(())
}

/// Rust source for the tests: `PLANTED`, the names. The number of a defect is its index.
pub fn names() -> String {
    let names = DEFECTS.map(|defect| defect.name);
    format!(
        "/// The defects in the component that has some.\npub const PLANTED: [&str; {}] = {names:?};\n",
        names.len()
    )
}

fn replace(file: &Path, text: &str, other: &str) -> Result<()> {
    let source = fs::read_to_string(file)?;
    match source.matches(text).count() {
        1 => Ok(fs::write(file, source.replace(text, other))?),
        found => Err(format!("{} has `{text}` {found} times, not once", file.display()).into()),
    }
}
