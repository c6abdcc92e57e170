//! One case as a line of text, to replay it: `used durable; save; rename !7 eio; minimal #12`.

use std::fmt;
use std::str::FromStr;

use super::fault::Fault;
use super::operations::{self, Operation};
use super::power::Medium;

/// What is on the disk at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// A store that was just set up.
    Fresh,
    /// A session with a relaxed save that is not synced yet; one that has expired; one that is damaged; the left-overs
    /// of a killed instance; files of somebody else.
    Used,
}

/// A case: operations one after the other, at the last perhaps a fault, then perhaps a power cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// What is there at the start.
    pub start: Start,
    /// Whether saves are synced.
    pub durable: bool,
    /// The operations.
    pub operations: Vec<Operation>,
    /// What goes wrong in the last of them, and at which of its host calls.
    pub fault: Option<(usize, Fault)>,
    /// Which of the states that the power cut may leave.
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
            other => return Err(format!("no start is called `{other}`")),
        };
        let mut script = Self { start, durable, operations: Vec::new(), fault: None, power_cut: None };
        for part in parts {
            let mut words = part.split(' ');
            let name = words.next().unwrap_or_default();
            let number = |word: &str| word.get(1..).and_then(|digits| digits.parse().ok()).ok_or("a number is missing");
            if let Some(medium) = named(&MEDIA, name) {
                script.power_cut = Some((medium, number(words.next().unwrap_or_default())?));
                continue;
            }
            let operation = named(&operations::ALL, name).ok_or_else(|| format!("no operation is called `{name}`"))?;
            script.operations.push(operation);
            if let (Some(call), Some(fault)) = (words.next(), words.next()) {
                script.fault = Some((number(call)?, fault.parse()?));
            }
        }
        Ok(script)
    }
}
