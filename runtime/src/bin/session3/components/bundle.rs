//! The command `bundle`: ready-made components, each with its WIT, and the contract as a WIT package.

use super::compose::{self, Sessions};
use super::embedded::{SESSION_STORE, WEB_DEMO, WIT};
use crate::cli::Keep;
use crate::output;
use session_runtime::Shown;
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, io};
use wasmtime::error::Context;
use wasmtime::{Result, bail, format_err};
use wit_component::{DecodedWasm, OutputToString, WitPrinter};
use wit_parser::{Resolve, SourceMap};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Write all components into a directory and print their paths. The build is reproducible: a version of the command
/// always writes the same bytes.
pub fn bundle(directory: &Path) -> Result<ExitCode> {
    fs::create_dir_all(directory).with_context(|| format!("cannot create the directory {}", directory.display()))?;
    let mut names = String::new();
    let written = write_all(directory, &mut names);
    output::report("bundle", &names);
    written.map(|()| ExitCode::SUCCESS)
}

fn write_all(directory: &Path, names: &mut String) -> Result<()> {
    let mut add = |file: String, bytes: &[u8]| {
        let path = directory.join(file);
        write(&path, bytes)?;
        *names += &format!("{}\n", Shown::new(&path.to_string_lossy()));
        Ok::<_, wasmtime::Error>(())
    };
    for (name, component) in components()? {
        add(format!("{name}-{VERSION}.wasm"), &component)?;
        add(format!("{name}-{VERSION}.wit"), wit_of(&component)?.as_bytes())?;
    }
    add(format!("session3-sessions-{VERSION}.wasm"), &contract()?)
}

/// The command `compose`: composes an application with all it needs for sessions into one component.
pub fn compose(app: &Path, keep: Keep, output: &Path) -> Result<ExitCode> {
    let sessions = match keep {
        Keep::Files => Sessions::Standalone,
        Keep::Redis => Sessions::OnRedis,
    };
    let name = app.display();
    let bytes = fs::read(app).with_context(|| format!("cannot read {name}"))?;
    let composed = compose::with_sessions(&bytes, sessions).with_context(|| format!("cannot compose {name}"))?;
    let Some(composed) = composed else {
        bail!(
            "{name} imports neither session3:sessions/session-manager nor session-store: there is nothing to compose"
        );
    };
    write(output, &composed)?;
    Ok(ExitCode::SUCCESS)
}

fn components() -> Result<[(&'static str, Cow<'static, [u8]>); 5]> {
    let demo = compose::with_sessions(WEB_DEMO, Sessions::Standalone)?;
    Ok([
        ("session-store", SESSION_STORE.into()),
        ("session-store-standalone", Sessions::Standalone.component()?),
        ("redis-store-standalone", Sessions::OnRedis.component()?),
        ("spin-redis-store-standalone", Sessions::OnRedisThroughSpin.component()?),
        ("web-demo-standalone", demo.context("the demo uses sessions")?.into()),
    ])
}

/// Write a file atomically: a failure never leaves a partial file in place of a complete one.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let replaced = match fs::symlink_metadata(path) {
        // A pipe, a device, a link: write through it.
        Ok(metadata) if !metadata.is_file() => fs::write(path, bytes),
        _ => replace(path, bytes),
    };
    replaced.with_context(|| format!("cannot write {}", path.display()))
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    fs::write(&new, bytes).and_then(|()| fs::rename(&new, path)).inspect_err(|_| {
        // It may not exist.
        let _ = fs::remove_file(&new);
    })
}

/// The imports and exports of a component as one WIT text, with all packages they name.
fn wit_of(component: &[u8]) -> Result<String> {
    let DecodedWasm::Component(resolve, world) = wit_component::decode(component).map_err(not_wit)? else {
        bail!("a WIT package, not a component");
    };
    let main = resolve.worlds[world].package.ok_or_else(|| format_err!("the component's world has no package"))?;
    let others: Vec<_> = resolve.packages.iter().map(|(id, _)| id).filter(|id| *id != main).collect();
    let mut printer = WitPrinter::new(OutputToString::default());
    printer.print(&resolve, main, &others).map_err(not_wit)?;
    Ok(printer.output.to_string())
}

/// The contract as a binary WIT package with documentation, for registries.
fn contract() -> Result<Vec<u8>> {
    let mut sources = SourceMap::default();
    for (file, text) in WIT {
        sources.push_str(file, text);
    }
    let group = sources.parse().map_err(|(_, error)| not_wit(error))?;
    let mut resolve = Resolve::default();
    let package = resolve.push_group(group).map_err(not_wit)?;
    wit_component::encode(&resolve, package).map_err(not_wit)
}

fn not_wit(error: impl std::fmt::Display) -> wasmtime::Error {
    format_err!("cannot generate the WIT: {error:#}")
}
