//! What a run of the suite has found.

use std::fmt;

use crate::harness::Need;

/// Each promise of the contract by its name, `part::sentence`, and what became of it.
#[derive(Clone, Debug, Default)]
pub struct Report(pub Vec<(&'static str, Outcome)>);

/// What became of a promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is kept.
    Passed,
    /// It is broken; what the assertion said.
    Failed(String),
    /// It is about something that the back end does not have; the reason, as the harness gave it.
    NotApplicable(String),
}

impl Report {
    /// The names of the promises that are kept.
    pub fn passed(&self) -> Vec<&'static str> {
        let passed = self.0.iter().filter(|(_, outcome)| *outcome == Outcome::Passed);
        passed.map(|(name, _)| *name).collect()
    }

    /// How many promises are kept: of the store, and of the manager.
    pub fn kept(&self) -> (usize, usize) {
        let passed = self.passed();
        let manager = passed.iter().filter(|name| is_of_manager(name)).count();
        (passed.len() - manager, manager)
    }

    /// The promises that are broken, and what the assertions said.
    pub fn failed(&self) -> Vec<(&'static str, &str)> {
        self.with_text(|outcome| if let Outcome::Failed(message) = outcome { Some(message) } else { None })
    }

    /// The promises that do not apply, and why.
    pub fn not_applicable(&self) -> Vec<(&'static str, &str)> {
        self.with_text(|outcome| if let Outcome::NotApplicable(reason) = outcome { Some(reason) } else { None })
    }

    fn with_text(&self, text: impl Fn(&Outcome) -> Option<&String>) -> Vec<(&'static str, &str)> {
        self.0.iter().filter_map(|(name, outcome)| Some((*name, text(outcome)?.as_str()))).collect()
    }

    /// Panic with the report when a promise is broken.
    #[track_caller]
    pub fn unwrap(self) -> Self {
        assert!(self.failed().is_empty(), "the back end does not conform:\n{self}");
        self
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (failed, not_applicable) = (self.failed(), self.not_applicable());
        for (name, message) in &failed {
            writeln!(f, "FAILED {name}: {message}")?;
        }
        for (name, reason) in &not_applicable {
            writeln!(f, "not applicable: {name}: {reason}")?;
        }
        write!(f, "{} passed, {} failed, {} not applicable", self.passed().len(), failed.len(), not_applicable.len())
    }
}

/// Make a list of the suite's parts, and what each is about beside the store.
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_parts {
    ([] $($part:ident $(($part_needs:ident))?: $($test:ident $(($needs:ident))?)* ;)*) => {
        &[$((stringify!($part), &[$(Need::$part_needs)?])),*]
    };
}

/// Whether a promise, `part::sentence`, is about the manager.
fn is_of_manager(name: &str) -> bool {
    const PARTS: &[(&str, &[Need])] = crate::conformance_suite!(conformance_parts, []);
    let of = |part: &str| name.strip_prefix(part).is_some_and(|rest| rest.starts_with("::"));
    PARTS.iter().any(|(part, needs)| needs.contains(&Need::Manager) && of(part))
}
