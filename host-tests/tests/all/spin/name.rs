//! Names of dependencies, and the imports they match.

use std::fmt;
use std::str::FromStr;

use wasmtime::{Error, Result, ensure, format_err};

/// `package:name`, `package:name/interface`, each with or without `@version`; imports have all parts. Plain names, such
/// as `my-import`, are for imports that none of our packages has.
#[derive(Clone, Debug, PartialEq)]
pub struct Name {
    pub package: String,
    pub interface: Option<String>,
    pub version: Option<String>,
}

impl Name {
    /// Whether a dependency of this name matches this import. Omitted parts match anything; a version matches itself
    /// only, not compatible ones.
    pub fn is_for(&self, import: &Self) -> bool {
        let admits = |wanted: &Option<String>, it: &Option<String>| wanted.is_none() || wanted == it;
        self.package == import.package
            && admits(&self.interface, &import.interface)
            && admits(&self.version, &import.version)
    }

    /// Whether no import can match both.
    pub fn is_disjoint(&self, other: &Self) -> bool {
        let differ = |one: &Option<String>, two: &Option<String>| one.is_some() && two.is_some() && one != two;
        let track = |it: &Self| it.version.as_deref().map(compatible);
        self.package != other.package
            || differ(&self.interface, &other.interface)
            || differ(&track(self), &track(other))
    }
}

/// The part of a version shared by compatible ones.
fn compatible(version: &str) -> String {
    let numbers: Vec<_> = version.split('.').collect();
    match numbers[..] {
        ["0", "0", ..] => version.into(),
        ["0", minor, ..] => format!("0.{minor}"),
        _ => numbers[0].into(),
    }
}

impl FromStr for Name {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, version) = match text.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (text, None),
        };
        let (package, interface) = match name.split_once('/') {
            Some((package, interface)) => (package, Some(interface)),
            None => (name, None),
        };
        let (namespace, rest) = package.split_once(':').ok_or_else(|| format_err!("{text:?} has no package"))?;
        for part in [namespace, rest].into_iter().chain(interface) {
            ensure!(is_kebab(part), "{part:?} in {text:?} is not kebab-case");
        }
        if let Some(version) = version {
            let numbers: Vec<_> = version.split(['-', '+']).next().unwrap_or_default().split('.').collect();
            let is_semver = numbers.len() == 3 && numbers.iter().all(|number| number.parse::<u64>().is_ok());
            ensure!(is_semver, "{version:?} in {text:?} is not a version");
        }
        Ok(Self { package: package.into(), interface: interface.map(String::from), version: version.map(String::from) })
    }
}

/// Words of letters and digits, each of one case and starting with a letter.
pub fn is_kebab(text: &str) -> bool {
    text.split('-').all(|word| {
        let one_case = |upper: bool| {
            word.bytes().all(|it| it.is_ascii_digit() || it.is_ascii_alphabetic() && it.is_ascii_uppercase() == upper)
        };
        word.starts_with(|first: char| first.is_ascii_alphabetic()) && (one_case(false) || one_case(true))
    })
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.package)?;
        if let Some(interface) = &self.interface {
            write!(f, "/{interface}")?;
        }
        if let Some(version) = &self.version {
            write!(f, "@{version}")?;
        }
        Ok(())
    }
}
