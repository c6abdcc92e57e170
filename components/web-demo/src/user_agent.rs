//! `User-Agent` values for people: "Firefox on Linux" instead of the full value.

use alloc::{borrow::ToOwned, format, string::String};

/// A substring, and the browser that sends it. Browsers also claim to be those below them.
const BROWSERS: [(&str, &str); 9] = [
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("HeadlessChrome/", "Headless Chrome"),
    ("Chrome/", "Chrome"),
    ("CriOS/", "Chrome"),
    ("Safari/", "Safari"),
];

/// The same for operating systems.
const SYSTEMS: [(&str, &str); 8] = [
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
    ("BSD", "BSD"),
];

pub fn short(value: Option<&str>) -> String {
    let Some(value) = value.filter(|value| !value.is_empty()) else {
        return "An unknown client".to_owned();
    };
    let find =
        |table: &[(&str, &'static str)]| table.iter().find(|(part, _)| value.contains(part)).map(|(_, name)| *name);
    match (find(&BROWSERS), find(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        // "curl/8.5.0": a program that starts with its name.
        (None, _) => value.split(['/', ' ']).next().unwrap_or(value).chars().take(40).collect(),
    }
}
