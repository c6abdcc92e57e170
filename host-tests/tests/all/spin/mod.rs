//! `examples/spin`: its manifests checked by Spin's rules, and run by Spin's rules in Wasmtime. Spin itself is not run:
//! `manifest`, `rules`, `capabilities`, `compose`, `redis` and `up` follow its source.

mod capabilities;
mod compose;
mod guest;
mod manifest;
mod name;
mod on_redis;
mod redis;
mod rules;
mod running;
mod up;
mod validity;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use host_tests::bundles;
use host_tests::host::component_path;

use wasmtime::{Result, bail, format_err};
use wasmtime_wasi_http::p2::bindings::ProxyPre;

use compose::{Dependency, compose};
use guest::Guest;
use manifest::{Component, Source};

fn manifest_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/spin/spin.toml")
}

fn text() -> String {
    fs::read_to_string(manifest_path()).unwrap()
}

/// The manifest with one part of it replaced.
#[track_caller]
fn with(from: &str, to: &str) -> String {
    let text = text();
    assert_eq!(text.matches(from).count(), 1, "{from:?} must occur once");
    text.replace(from, to)
}

/// The component of a manifest that handles requests.
fn component(text: &str) -> Result<Component> {
    let mut manifest = rules::read(text)?;
    let [trigger] = &manifest.trigger.http[..] else { bail!("one trigger") };
    let component = manifest.component.remove(&trigger.component);
    Ok(component.expect("checked by the rules"))
}

/// Composed with its dependencies.
fn composed(component: &Component) -> Result<Vec<u8>> {
    let Source::Local(source) = &component.source else { bail!("not a file") };
    let dependencies = component.dependencies.iter().map(|(name, dependency)| {
        let manifest::Dependency::Local { path, export: None, .. } = dependency else { bail!("not a file") };
        let inherit = rules::inherited(component, dependency.inherit());
        Ok(Dependency { name: name.parse()?, bytes: load(path)?, inherit })
    });
    compose(&load(source)?, &dependencies.collect::<Result<Vec<_>>>()?)
}

/// A component named by the manifest. The build directory may be configured elsewhere.
fn load(path: &str) -> Result<Vec<u8>> {
    let Some(file) = path.strip_prefix("../../target/components/") else { bail!("{path} is not in target/components") };
    if file == "web_demo.wasm" {
        return Ok(fs::read(component_path().with_file_name(file))?);
    }
    let name = file.strip_suffix(&format!("-{}.wasm", bundles::VERSION));
    let name = name.ok_or_else(|| format_err!("{file} is not of this version"))?;
    Ok(fs::read(bundles::bundle(name))?)
}

/// The example's application, compiled once.
fn application() -> &'static ProxyPre<Guest> {
    static APPLICATION: OnceLock<ProxyPre<Guest>> = OnceLock::new();
    APPLICATION.get_or_init(|| guest::link(&composed(&component(&text()).unwrap()).unwrap()).unwrap())
}
