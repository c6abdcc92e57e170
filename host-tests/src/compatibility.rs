//! What the tests have run, for the tables in the README: `scripts/compatibility` reads it.

use std::fs;

use serde_json::{Value, json};

use crate::host::component_path;

/// A host on which the store has been tried.
pub struct Host<'a> {
    /// Its name.
    pub host: &'a str,
    /// What it was tried with. Only versions that files of the repository pin.
    pub version: &'a str,
    /// How the store was tried.
    pub store: &'a str,
    /// How the manager was tried.
    pub manager: &'a str,
    /// Who excludes whom.
    pub locks: &'a str,
    /// How many increments of one counter were still there, of how many, and who did them.
    pub processes: &'a str,
}

impl Host<'_> {
    /// Note it, when its tests have passed.
    pub fn record(&self, name: &str) {
        let Self { host, version, store, manager, locks, processes } = self;
        let line = json!({
            "host": host, "version": version, "store": store, "manager": manager, "locks": locks, "processes": processes,
        });
        record(name, &line);
    }
}

/// A language in which applications were written.
pub struct Guest<'a> {
    /// Its name.
    pub guest: &'a str,
    /// The toolchain.
    pub version: &'a str,
}

impl Guest<'_> {
    /// Note it, when its tests have passed on `session3` and on Wasmtime as it comes.
    pub fn record(&self, name: &str) {
        let Self { guest, version } = self;
        record(
            &format!("guest-{name}"),
            &json!({ "guest": guest, "version": version, "session3": "yes", "stock": "yes" }),
        );
    }
}

fn record(name: &str, line: &Value) {
    let directory = component_path().ancestors().nth(2).expect("it is in target/components").join("compatibility");
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join(name).with_extension("json"), format!("{line}\n")).unwrap();
}
