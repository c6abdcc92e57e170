//! The result of a run of the suite.

use std::fmt;

use crate::harness::Need;

/// The outcome of each promise of the contract, by its name, `part::sentence`.
#[derive(Clone, Debug, Default)]
pub struct Report(pub Vec<(&'static str, Outcome)>);

/// The outcome of a promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The promise is kept.
    Passed,
    /// The promise is broken; the message of the assertion.
    Failed(String),
    /// The back end lacks a capability that the promise requires; the reason, from the harness.
    NotApplicable(String),
}

impl Report {
    /// The names of the kept promises.
    pub fn passed(&self) -> Vec<&'static str> {
        let passed = self.0.iter().filter(|(_, outcome)| *outcome == Outcome::Passed);
        passed.map(|(name, _)| *name).collect()
    }

    /// The number of kept promises of the store, and of the manager.
    pub fn kept(&self) -> (usize, usize) {
        let passed = self.passed();
        let manager = passed.iter().filter(|name| is_of_manager(name)).count();
        (passed.len() - manager, manager)
    }

    /// The broken promises, with the messages of the assertions.
    pub fn failed(&self) -> Vec<(&'static str, &str)> {
        self.with_text(|outcome| if let Outcome::Failed(message) = outcome { Some(message) } else { None })
    }

    /// The promises that do not apply, with the reasons.
    pub fn not_applicable(&self) -> Vec<(&'static str, &str)> {
        self.with_text(|outcome| if let Outcome::NotApplicable(reason) = outcome { Some(reason) } else { None })
    }

    fn with_text(&self, text: impl Fn(&Outcome) -> Option<&String>) -> Vec<(&'static str, &str)> {
        self.0.iter().filter_map(|(name, outcome)| Some((*name, text(outcome)?.as_str()))).collect()
    }

    /// Panics with the report if a promise is broken.
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

/// The suite's parts, with the needs of each.
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_parts {
    ([] $($part:ident $(($part_needs:ident))?: $($test:ident $(($needs:ident))?)* ;)*) => {
        &[$((stringify!($part), &[$(Need::$part_needs)?])),*]
    };
}

/// Whether a promise, `part::sentence`, is one of the manager.
fn is_of_manager(name: &str) -> bool {
    const PARTS: &[(&str, &[Need])] = crate::conformance_suite!(conformance_parts, []);
    let of = |part: &str| name.strip_prefix(part).is_some_and(|rest| rest.starts_with("::"));
    PARTS.iter().any(|(part, needs)| needs.contains(&Need::Manager) && of(part))
}
