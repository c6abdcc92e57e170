//! Records what the tests ran, for the tables in the README, which `scripts/compatibility` generates.

use std::fs;

use serde_json::{Value, json};

use crate::host::component_path;

/// A host that the store was tested on.
pub struct Host<'a> {
    /// Its name.
    pub host: &'a str,
    /// The versions it was tested with. Only versions that the repository pins.
    pub version: &'a str,
    /// How the store was tested.
    pub store: &'a str,
    /// How the manager was tested.
    pub manager: &'a str,
    /// Between what locks exclude.
    pub locks: &'a str,
    /// How many concurrent increments of one counter survived, of how many, and by what.
    pub processes: &'a str,
}

impl Host<'_> {
    /// Records the host once its tests have passed.
    pub fn record(&self, name: &str) {
        let Self { host, version, store, manager, locks, processes } = self;
        let line = json!({
            "host": host, "version": version, "store": store, "manager": manager, "locks": locks, "processes": processes,
        });
        record(name, &line);
    }
}

/// A language that applications were tested in.
pub struct Guest<'a> {
    /// Its name.
    pub guest: &'a str,
    /// The toolchain.
    pub version: &'a str,
}

impl Guest<'_> {
    /// Records the language once its tests have passed on `session3` and on stock Wasmtime.
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
