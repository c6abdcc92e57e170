//! A case as a line of text, for replay: `used durable; save; rename !7 eio; minimal #12`.

use std::fmt;
use std::str::FromStr;

use super::fault::Fault;
use super::operations::{self, Operation};
use super::power::Medium;

/// The initial contents of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// A new store.
    Fresh,
    /// A session with a relaxed save that is not synced yet, an expired one, a damaged one, the remains of a killed
    /// instance, and foreign files.
    Used,
}

/// A case: a sequence of operations, possibly with a fault in the last, then possibly a power cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// The initial contents of the disk.
    pub start: Start,
    /// Whether saves are synced.
    pub durable: bool,
    /// The operations.
    pub operations: Vec<Operation>,
    /// The fault in the last operation, and the number of its host call.
    pub fault: Option<(usize, Fault)>,
    /// The number of the state left by the power cut.
    pub power_cut: Option<(Medium, usize)>,
}

const MEDIA: [(&str, Medium); 3] =
    [("in-order", Medium::InOrder), ("ordered", Medium::Ordered), ("minimal", Medium::Minimal)];

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = if self.start == Start::Fresh { "fresh" } else { "used" };
        write!(f, "{start} {}", if self.durable { "durable" } else { "relaxed" })?;
        for operation in &self.operations {
            let name = operations::ALL.iter().find(|(_, it)| it == operation).map_or("", |(name, _)| name);
            write!(f, "; {name}")?;
        }
        if let Some((call, fault)) = self.fault {
            write!(f, " !{call} {fault}")?;
        }
        if let Some((medium, state)) = self.power_cut {
            let name = MEDIA.iter().find(|(_, it)| *it == medium).map_or("", |(name, _)| name);
            write!(f, "; {name} #{state}")?;
        }
        Ok(())
    }
}

fn named<T: Copy>(table: &[(&str, T)], name: &str) -> Option<T> {
    table.iter().find(|(it, _)| *it == name).map(|(_, value)| *value)
}

impl FromStr for Script {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split("; ");
        let (start, durable) = match parts.next().unwrap_or_default() {
            "fresh durable" => (Start::Fresh, true),
            "fresh relaxed" => (Start::Fresh, false),
            "used durable" => (Start::Used, true),
            "used relaxed" => (Start::Used, false),
            other => return Err(format!("unknown start `{other}`")),
        };
        let mut script = Self { start, durable, operations: Vec::new(), fault: None, power_cut: None };
        for part in parts {
            let mut words = part.split(' ');
            let name = words.next().unwrap_or_default();
            let number = |word: &str| word.get(1..).and_then(|digits| digits.parse().ok()).ok_or("missing number");
            if let Some(medium) = named(&MEDIA, name) {
                script.power_cut = Some((medium, number(words.next().unwrap_or_default())?));
                continue;
            }
            let operation = named(&operations::ALL, name).ok_or_else(|| format!("unknown operation `{name}`"))?;
            script.operations.push(operation);
            if let (Some(call), Some(fault)) = (words.next(), words.next()) {
                script.fault = Some((number(call)?, fault.parse()?));
            }
        }
        Ok(script)
    }
}
